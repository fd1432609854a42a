/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attached: the files that the jobs of a command line attach: looked at, put into the jobs as content
 * parts, dropped before the jobs.
 *
 * Floor: client. A file is read when a job names it first, for its digest, and again when it is
 * dropped; it is never held in memory beyond that. Of the files that were looked at some thousand are
 * remembered, so that input may be endless.
 */
#ifndef CLIENT_ATTACHED_H
#define CLIENT_ATTACHED_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "spool/spool.h"

struct attached;
struct job;

/* spool must outlive it. */
struct attached *attached_new(const struct spool *spool);

/* Frees it; NULL is allowed. */
void attached_free(struct attached *attached);

/* Notes a file for all jobs. Returns 0, or -1 with an error when it is no file that models take. */
int attached_add(struct attached *attached, const char *path, struct error *error);

/* Whether there is one. */
bool attached_any(const struct attached *attached);

/* Puts the files for all jobs into a job's document, before the text of its last user's message, and
 * names by their digests those that the document's own parts name by "path", relative to folder (NULL:
 * the working directory). Returns 0, or -1 with an error. */
int attached_apply(struct attached *attached, const char *folder, json_t *document,
                   struct error *error);

/* Tells a job the sizes of its attachments, as far as they were looked at here or are in the spool. */
void attached_measure(const struct attached *attached, struct job *job);

/* Drops what a job names (NULL: all jobs since attached_forget) and the spool has not, durably: to be
 * called before the job is dropped, and once more after it, because what no job used may have gone
 * between the look and the drop; who removes it sees the job from then on. Returns 0 or -1 with an
 * error. */
int attached_drop(const struct attached *attached, const struct job *job, struct error *error);

/* Forgets what jobs named so far. */
void attached_forget(struct attached *attached);

#endif
