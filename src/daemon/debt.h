/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debt: what is owed to others at a job's end: webhooks as files in outbox/, names as symbolic links.
 *
 * Floor: daemon. Both are added to the publication that makes the end durable, so that neither can be
 * forgotten by a crash. A debt's file name is a hash of ID, run, event and URL: owed twice is owed
 * once.
 */
#ifndef DAEMON_DEBT_H
#define DAEMON_DEBT_H

#include "daemon/core.h"
#include "job/job.h"

/* What an end is told of. */
struct debt_end {
    const struct id *id;
    unsigned run;
    const char *event;  /* completed, failed, cancelled, expired */
    enum folder folder; /* where the record lies */
    const char *record; /* its file name */
    const char *answer; /* the file in the same folder that names lead to; NULL: the record */
    const char *user;   /* whose job it is, or NULL */
};

/* Adds the webhook as a debt to be paid. */
void debt_webhook(struct core *core, struct publication *publication, const struct debt_end *end,
                  const char *webhook);

/* Adds all webhooks that hear of a job's end: its own, those that duplicates brought, and of the
 * configuration those whose events name it. What leads to one URL is one debt. state may be NULL. */
void debt_webhooks(struct core *core, struct publication *publication, const struct debt_end *end,
                   const struct job *job, const struct state *state);

/* Adds pointing by-name/NAME at the answer, where the name still leads to this ID. */
void debt_name(struct publication *publication, const struct debt_end *end, const char *name);

/* Adds all that a job owes: webhooks, and its own and further names. state may be NULL. */
void debt_all(struct core *core, struct publication *publication, const struct debt_end *end,
              const struct job *job, const struct state *state);

/* Points by-name/NAME at cur/ID.json at once: a job of that name was taken. A failure is logged. */
void debt_name_waiting(struct core *core, const struct id *id, const char *name);

/* As debt_name_waiting for all names of a job that lies in cur/, submitted at a time (wall ms), where a
 * crash or a retry left a link that is missing, leads to the error file of its try before, or to
 * another job and is older than this one's submission. */
void debt_names_mend(struct core *core, const struct id *id, int64_t submitted,
                     const struct job *job, const struct state *state);

#endif
