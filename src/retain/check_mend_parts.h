/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_mend_parts: what the functions that mend share.
 *
 * Floor: retain. Beneath check_mend. Each function mends one suspicion, which was confirmed under
 * the unit lock; returns 0 after telling what was done by mend_done, MEND_LEFT when it is to be
 * left as it is, or -errno.
 */
#ifndef RETAIN_CHECK_MEND_PARTS_H
#define RETAIN_CHECK_MEND_PARTS_H

#include "retain/check_topic.h"
#include "spool/unit.h"

enum { MEND_LEFT = 1 };

struct mending {
    struct check *check;
    const struct spool *spool; /* NULL while the layout is mended */
    const struct suspicion *suspicion;
    struct entry is;  /* the entry's name taken apart */
    struct unit unit; /* its lock, where fd is one */
    char *done;
};

void mend_done(struct mending *mending, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends an event of the entry's job, before it is so: with the code, the version where the entry
 * is an output, and kept when the job stays in a folder. */
int mend_tell(struct mending *mending, const char *event, bool kept);

/* Whether the entry's job is in a folder without this entry, too. */
bool mend_job_stays(const struct mending *mending);

/* Moves the entry to failed/ under a name of its own, its reason durable before it. An event tells
 * so where a job, or a version of one, is not any more where others look for it. */
int mend_aside(struct mending *mending);

/* The same for another entry of failed/. */
int mend_aside_name(struct mending *mending, enum folder folder, const char *name);

/* Deletes the entry, and makes that durable. */
int mend_delete(struct mending *mending);

/* Rights: check_mend_rights.c. */
int mend_folder_missing(struct mending *mending);
int mend_folder_mode(struct mending *mending);
int mend_folder_owner(struct mending *mending);
int mend_file_mode(struct mending *mending);
int mend_file_owner(struct mending *mending);
int mend_mark(struct mending *mending);

/* Jobs, outputs and their reasons: check_mend_unit.c. */
int mend_job_id(struct mending *mending);
int mend_job_twice(struct mending *mending);
int mend_answer_lost(struct mending *mending);
int mend_answered_failed(struct mending *mending);
int mend_failed_no_error(struct mending *mending);
int mend_refused_no_error(struct mending *mending);
int mend_blob_unmarked(struct mending *mending);
int mend_error_orphan(struct mending *mending);
int mend_answer_orphan(struct mending *mending);
int mend_gone(struct mending *mending);

/* archive/ids: check_archive.c. */
int mend_archive_ids(struct mending *mending);

#endif
