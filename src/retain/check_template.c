/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_template: templates/: each file as the daemon would read it for a job of its type. */
#include "retain/check_topic.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "job/question.h"
#include "job/templates.h"

/* Who may change a template decides what others' jobs ask. */
static void look_at_rights(struct check *check, const struct stat *status)
{
    if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        check_suspect(check, CHECK_TEMPLATE_BAD, "can be changed by others (mode %04o)",
                      (unsigned)(status->st_mode & ALLPERMS));
    } else if (check->spool->shared && (status->st_mode & S_IRGRP) == 0) {
        check_suspect(check, CHECK_TEMPLATE_BAD,
                      "cannot be read by the group, whose llmspool-submit needs it (mode %04o)",
                      (unsigned)(status->st_mode & ALLPERMS));
    }
}

void check_look_template(struct check *check, const struct check_entry *entry)
{
    char name[NAME_LIMIT];
    struct stat status;
    struct error error;
    struct templates *templates;

    if (!template_name_read(entry->name, name)) {
        check_suspect(check, CHECK_UNKNOWN_FILE, "is no template: these are called NAME.json");
        return;
    }
    if (question_type(name) != NULL) {
        check_suspect(check, CHECK_TEMPLATE_BAD, "is never used: %s is no template's type", name);
        return;
    }
    if (fstatat(check->spool->dir[FOLDER_TEMPLATES], entry->name, &status, AT_SYMLINK_NOFOLLOW) <
        0) {
        check_unreadable(check, errno);
        return;
    }
    templates = templates_new(check->spool, &clock_system);
    if (templates_find(templates, name, &error) != NULL) {
        look_at_rights(check, &status);
    } else if (error.kind == ERROR_SYSTEM) {
        check_suspect(check, CHECK_UNREADABLE, "cannot be used: %s", error.text);
    } else {
        check_suspect(check, CHECK_TEMPLATE_BAD, "cannot be used: %s", error.text);
    }
    templates_free(templates);
}
