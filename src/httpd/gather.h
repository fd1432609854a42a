/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gather: submissions of many clients dropped together, so that they share what makes them durable.
 *
 * Floor: httpd. What comes while one drop is being made durable waits for the next one: few jobs as a file
 * each, which the daemon takes by a rename, more as one list.
 */
#ifndef HTTPD_GATHER_H
#define HTTPD_GATHER_H

#include "httpd/jobs.h"
#include "job/job.h"

struct gather;

struct gather *gather_new(struct jobs *jobs);
void gather_free(struct gather *gather);

/* Called on the loop: 0 when the job is durable in new/, or -errno: then it may be there or not. */
typedef void gather_done(void *context, int result);

/* Drops a job whose text is one line; again: it is finished and will be run once more. */
void gather_add(struct gather *gather, const struct job *job, const struct buffer *text, bool again,
                gather_done *done, void *context);

/* The mode of files that are dropped. */
mode_t gather_mode(const struct spool *spool);

#endif
