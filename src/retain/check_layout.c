/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_layout: the spool's own folder, its folders and spool.json: looked at before it is opened.
 */
#include "retain/check_topic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "spool/file.h"
#include "spool/settings.h"

/* What the other folders must be like. */
struct expected {
    struct stat root;
    bool shared;
};

static void look_at_folder_rights(struct check *check, const char *name,
                                  const struct expected *expected, mode_t wanted,
                                  const struct stat *status)
{
    mode_t mode = status->st_mode & ALLPERMS;

    if (mode != wanted) {
        check_suspect_name(check, CHECK_FOLDER_MODE, name, "has mode %04o instead of %04o",
                           (unsigned)mode, (unsigned)wanted);
    }
    if (status->st_uid != expected->root.st_uid ||
        (expected->shared && status->st_gid != expected->root.st_gid)) {
        check_suspect_name(check, CHECK_FOLDER_OWNER, name,
                           "belongs to uid %lu, gid %lu, and the spool to uid %lu, gid %lu",
                           (unsigned long)status->st_uid, (unsigned long)status->st_gid,
                           (unsigned long)expected->root.st_uid,
                           (unsigned long)expected->root.st_gid);
    }
}

static void look_at_folder(struct check *check, enum folder folder, const struct expected *expected)
{
    const char *name = folder_name(folder);
    struct stat status;

    if (fstatat(check->root, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT) {
            check_suspect_name(check, CHECK_FOLDER_MISSING, name, "is missing");
        } else {
            check_suspect_name(check, CHECK_UNREADABLE, name, "cannot be looked at: %s",
                               strerror(errno));
        }
    } else if (!S_ISDIR(status.st_mode)) {
        check_suspect_name(check, CHECK_FOLDER_TYPE, name, "is no folder");
    } else if (status.st_dev != expected->root.st_dev) {
        check_suspect_name(check, CHECK_FOLDER_DEVICE, name, "is on another file system");
    } else {
        look_at_folder_rights(check, name, expected, layout_folder_mode(folder, expected->shared),
                              &status);
    }
}

static void look_at_settings(struct check *check, const struct expected *expected)
{
    struct settings settings;
    struct error error;
    mode_t wanted = expected->shared ? 0640 : 0600;
    int result = settings_read(check->root, check->path, &settings, &error);

    free(settings.default_model);
    if (result <= 0) {
        check_suspect_name(check, CHECK_SPOOL_JSON, SETTINGS_NAME, "%s",
                           result == 0 ? "is missing" : error.text);
        return;
    }
    if ((settings.status.st_mode & ALLPERMS) != wanted) {
        check_suspect_name(check, CHECK_FILE_MODE, SETTINGS_NAME, "has mode %04o instead of %04o",
                           (unsigned)(settings.status.st_mode & ALLPERMS), (unsigned)wanted);
    }
    if (settings.status.st_uid != expected->root.st_uid) {
        check_suspect_name(
            check, CHECK_FILE_OWNER, SETTINGS_NAME, "belongs to uid %lu, and the spool to uid %lu",
            (unsigned long)settings.status.st_uid, (unsigned long)expected->root.st_uid);
    }
}

static bool is_ours(const char *name)
{
    for (int i = 0; i < FOLDER_COUNT; i++) {
        if (strcmp(name, folder_name((enum folder)i)) == 0) {
            return true;
        }
    }
    return strcmp(name, SETTINGS_NAME) == 0 || strcmp(name, "lost+found") == 0;
}

static void look_for_unknown(struct check *check)
{
    DIR *list = file_list(check->root);
    const struct dirent *found;

    if (list == NULL) {
        check_suspect_name(check, CHECK_UNREADABLE, ".", "cannot be listed: %s", strerror(errno));
        return;
    }
    while (file_list_next(list, &found) == 0 && found != NULL) {
        if (!is_ours(found->d_name)) {
            check_suspect_name(check, CHECK_UNKNOWN_FILE, found->d_name,
                               "is none of a spool's folders or files");
        }
    }
    (void)closedir(list);
}

bool check_layout_shared(int root)
{
    struct stat status;

    return fstat(root, &status) == 0 && (status.st_mode & S_ISGID) != 0 &&
           (status.st_mode & S_IRGRP) != 0;
}

void check_look_layout(struct check *check, const struct check_entry *entry)
{
    struct expected expected = {.shared = check_layout_shared(check->root)};

    if (fstat(check->root, &expected.root) < 0) {
        check_suspect_name(check, CHECK_UNREADABLE, entry->name, "cannot be looked at: %s",
                           strerror(errno));
        return;
    }
    look_at_folder_rights(check, ".", &expected, layout_folder_mode(FOLDER_COUNT, expected.shared),
                          &expected.root);
    for (int i = 0; i < FOLDER_COUNT; i++) {
        look_at_folder(check, (enum folder)i, &expected);
    }
    look_at_settings(check, &expected);
    look_for_unknown(check);
}
