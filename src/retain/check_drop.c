/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_drop: what others put into tmp/, new/ and ctl/. */
#include "retain/check_topic.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/timetext.h"

enum {
    OLD_MS = 24 * 60 * 60 * 1000, /* nobody writes one file for so long */
    LEFT_MS = 60 * 1000,          /* nor does the daemon, or a command */
};

/* How long nothing has happened to an entry, or -1. */
static int64_t idle_ms(const struct check *check, const struct check_entry *entry)
{
    struct stat status;

    if (fstatat(check->spool->dir[entry->folder], entry->name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return -1;
    }
    return check->now_ms - clock_ms(status.st_ctim);
}

/* Names of the owner's are nobody's while there is none: mending, which is the owner, knows at
 * once. */
void check_look_tmp(struct check *check, const struct check_entry *entry)
{
    int64_t idle = idle_ms(check, entry);
    char text[TIMETEXT_SIZE];

    if (temp_name_is(entry->name)) {
        if (!check->owned && (idle > LEFT_MS || (check->spool->lock >= 0 && idle >= 0))) {
            check_suspect(check, CHECK_TMP_LEFT, "was left by a program that was killed");
        }
    } else if (idle > OLD_MS) {
        timetext_write_duration(idle, text);
        check_suspect(check, CHECK_TMP_OLD, "was left alone for %s", text);
    }
}

void check_look_new(struct check *check, const struct check_entry *entry)
{
    if (drop_read(entry->name) == DROP_NONE && idle_ms(check, entry) > OLD_MS) {
        check_suspect(check, CHECK_NEW_IGNORED, "has a name that is never taken");
    }
}

static bool is_verb(const char *name)
{
    static const char *const verbs[] = {"cancel.",  "retry.", "rerun.",
                                        "release.", "flush.", "redeliver.",
                                        "cascade."};

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strncmp(name, verbs[i], strlen(verbs[i])) == 0) {
            return true;
        }
    }
    return false;
}

void check_look_ctl(struct check *check, const struct check_entry *entry)
{
    static const char hold[] = "hold.";
    const char *name = entry->name;
    struct id id;

    if (strcmp(name, "pause") == 0 || strcmp(name, "drain") == 0 || is_verb(name) ||
        (strncmp(name, hold, strlen(hold)) == 0 && id_read(name + strlen(hold), &id)) ||
        (strncmp(name, HOLD_FLOW, strlen(HOLD_FLOW)) == 0 &&
         layout_name_ok(name + strlen(HOLD_FLOW)))) {
        return;
    }
    check_suspect(check, CHECK_CTL_UNKNOWN, "is no switch and no order");
}
