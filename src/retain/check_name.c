/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_name: by-name/: where names lead. */
#include "retain/check_topic.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool check_name_target(const char *target, enum folder *folder, struct entry *is)
{
    static const enum folder places[] = {FOLDER_CUR, FOLDER_DONE, FOLDER_FAILED};

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char start[16];
        int length = snprintf(start, sizeof start, "../%s/", folder_name(places[i]));

        if (strncmp(target, start, (size_t)length) == 0) {
            *folder = places[i];
            *is = entry_read(target + length);
            return is->kind == ENTRY_JOB || is->kind == ENTRY_OUTPUT || is->kind == ENTRY_ERROR;
        }
    }
    return false;
}

void check_look_name(struct check *check, const struct check_entry *entry)
{
    int dir = check->spool->dir[FOLDER_BY_NAME];
    char target[PATH_MAX];
    ssize_t length = readlinkat(dir, entry->name, target, sizeof target - 1);
    enum folder folder;
    struct entry is;
    struct stat status;

    if (length < 0) {
        if (errno == EINVAL) {
            check_suspect(check, CHECK_NAME_NO_LINK, "is no symbolic link");
        } else {
            check_unreadable(check, errno);
        }
        return;
    }
    target[length] = '\0';
    if (!check_name_target(target, &folder, &is)) {
        check_suspect(check, CHECK_NAME_OUTSIDE, "leads to %.300s", target);
    } else if (!layout_name_ok(entry->name)) {
        check_suspect(check, CHECK_NAME_OUTSIDE, "is no name that a job may have");
    } else if (fstatat(dir, entry->name, &status, 0) < 0) {
        check_suspect(check, CHECK_NAME_DANGLING, "leads to %.300s, which is not there", target);
    }
}
