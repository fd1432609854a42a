/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * locate: finding a job: what a person typed to an ID, and an ID to the folder where it is.
 *
 * Floor: client (beside retain: above job, below bin). Reads the spool only.
 */
#ifndef CLIENT_LOCATE_H
#define CLIENT_LOCATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/error.h"
#include "spool/spool.h"

/* What a person may call a job: a full ID, a name, or a unique prefix of an ID of at least 6 digits, each
 * with @vN behind it for one of its versions. */
struct reference {
    struct id id;
    unsigned version; /* 0: the latest */
};

/* Finds the job that text means. Returns 0, or -1 with an error: ERROR_USAGE when text can mean no job,
 * ERROR_ABSENT when there is none, ERROR_DATA when a prefix means several (the sentence lists some). */
int locate_reference(const struct spool *spool, const char *text, struct reference *reference,
                     struct error *error);

/* Reads the number of a version; false, and *version as it was, when text is none. */
bool locate_version(const char *text, unsigned *version);

/* Cuts "@vN" off text; *version is 0 where there is none. False when something else follows the @. */
bool locate_cut_version(char *text, unsigned *version);

/* Whether text can be the beginning of an ID, and is none itself. */
bool locate_is_prefix(const char *text);

/* Where a job is. */
enum location {
    LOCATION_NONE,   /* in no folder */
    LOCATION_NEW,    /* dropped by one of our commands, not taken yet */
    LOCATION_CUR,    /* accepted: waiting, delayed, held or running */
    LOCATION_DONE,
    LOCATION_FAILED,
};

/* Looks in cur, failed and done, then for drops of ours in new, and once more before it says none,
 * because a job may move meanwhile. status receives that of cur/ID.json for LOCATION_CUR; NULL:
 * not wanted. */
enum location locate_job(const struct spool *spool, const struct id *id, struct stat *status);

/* Whether a drop of ours for this ID lies in new/ (ID.UNIQUE.json): the job, if it is finished, may be
 * asked for again. */
bool locate_pending(const struct spool *spool, const struct id *id);

/* The word of a job's state: waiting, delayed, held, running (cur/), completed, failed, cancelled, expired,
 * or NULL when there is no such job; "dropped" while it lies in new/. */
const char *locate_state(const struct spool *spool, const struct id *id);

#endif
