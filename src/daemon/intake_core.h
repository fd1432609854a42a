/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * intake_core: what the files of intake share; only they include it.
 */
#ifndef DAEMON_INTAKE_CORE_H
#define DAEMON_INTAKE_CORE_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uthash.h>

#include "daemon/intake.h"
#include "daemon/list.h"
#include "job/templates.h"
#include "spool/take.h"

/* A name of new/: a hint, a list in line, or a drop under way. */
struct intake_name {
    char *text;
    unsigned long look; /* full looks that had ended when it was found */
    struct intake_name *next;
    UT_hash_handle hh;
};

struct name_queue {
    struct intake_name *first;
    struct intake_name **last;
};

struct intake {
    struct core *core;
    DIR *dir;          /* of the scan under way, or NULL */
    bool scan_wanted;  /* another must follow */
    unsigned long scans;
    struct name_queue hints;
    struct name_queue lists;
    struct list *list; /* the one being taken */
    char *list_name;
    unsigned long list_look; /* as look of its name */
    struct intake_name *busy; /* drops whose admission has not ended, by name */
    uv_timer_t soon;
    size_t waiting; /* that this scan found and could not take */
    char reason[400];
    char list_reason[400]; /* why lines of the list wait, when they do */
    uid_t owner_uid; /* of owner_name: the last one looked up */
    char *owner_name;
    struct templates *templates;
};

/* What a file of new/ is called while its drop is under way, so that no look takes it twice. */
struct intake_name *intake_busy_add(struct intake *intake, const char *text);
void intake_busy_remove(struct intake *intake, struct intake_name *name);

/* Has all of new/ looked at a second later. */
void intake_look_soon(struct intake *intake);

/* A file that cannot be taken now stays where it is: counted and told, for the reason in take, and looked
 * at soon while it is recent. */
void intake_leave_waiting(struct intake *intake, const char *name, const struct take *take);

/* Reads a file of new/ and hands it on: a job to admit, a flow to flows, an attachment to attach; a list
 * becomes the intake's. Refuses it, or leaves it waiting. */
void intake_take(struct intake *intake, const char *name, enum drop_kind kind);

#endif
