/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * draft: jobs made of what a command line says: flags, applied to prompts and to whole jobs.
 *
 * Floor: client. Each key of a job has a flag of its name, with dashes for underscores. A flag wins
 * over what a whole job says; those that name a member (param, meta) replace that member alone. The
 * flag attach adds a file to what each job asks.
 */
#ifndef CLIENT_DRAFT_H
#define CLIENT_DRAFT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/job.h"
#include "spool/spool.h"

struct draft;

/* Begins without flags. What is missing from the jobs is completed as the daemon of this spool
 * would do it for what this process drops now; spool must outlive the draft. */
struct draft *draft_new(const struct spool *spool, struct wall now);

/* Frees it; NULL is allowed. */
void draft_free(struct draft *draft);

/* Notes a flag, named without its dashes: "model", "max-attempts" …; value is NULL for a flag that
 * has none. Whether a job may have the value is found out with the job. Returns 0, or -1 with an
 * error: ERROR_USAGE for a member without "=", ERROR_DATA for a schema that cannot be read. */
int draft_flag(struct draft *draft, const char *name, const char *value, struct error *error);

/* Where files lie that whole jobs attach by "path": relative to the folder of this file from now on;
 * NULL or "-": to the working directory. */
void draft_beside(struct draft *draft, const char *path);

/* Drops the files that a job attaches (NULL: all jobs made since draft_forget_files) and the spool has
 * not, durably: to be called before the job is dropped, and once more after it, because what nobody used
 * may have been removed meanwhile. Returns 0, or -1 with an error. */
int draft_drop_files(const struct draft *draft, const struct job *job, struct error *error);

/* The jobs made so far need no files any more: they were dropped, or are not to be. */
void draft_forget_files(const struct draft *draft);

/* What the flags say, as members of a job; borrowed. */
json_t *draft_changes(const struct draft *draft);

/* Whether the daemon of the spool would let a webhook (NULL: none) of a job come in, as far as it told.
 * Jobs that are made here were checked. Returns 0, or -1 with an error. */
int draft_check_webhook(const struct draft *draft, const char *webhook, struct error *error);

/* The job with this prompt (for --type embed, with this input), or the job whose text this is, with
 * the flags; completed, its ID computed. NULL with an error of kind ERROR_DATA, in the words with
 * which the daemon would refuse it. */
struct job *draft_prompt(const struct draft *draft, const char *text, size_t length,
                         struct error *error);
struct job *draft_whole(const struct draft *draft, const char *text, size_t length,
                        struct error *error);

#endif
