/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debt_hook: what is owed to commands of this machine: hooks of the configuration and mail that a job or run
 * asks for, as debts in outbox/.
 *
 * Floor: daemon. As those for webhooks they are part of the publication that makes durable what they tell of.
 * A debt's hash is made of hook, event, receiver and of what it is of: owed twice is owed once.
 */
#ifndef DAEMON_DEBT_HOOK_H
#define DAEMON_DEBT_HOOK_H

#include <jansson.h>
#include <stdbool.h>

#include "daemon/core.h"
#include "daemon/debt.h"

#define HOOK_RUN_FINISHED "run-finished"
#define HOOK_GATE_CLOSED  "gate-closed"
#define HOOK_BUDGET       "budget"
#define HOOK_FAILED       "failed"
#define HOOK_MAIL         "mail" /* the hook that sends what jobs and runs ask for */

/* Whether any hook is configured for an event. */
bool debt_hook_wanted(const struct core *core, const char *event);

/* Adds a debt for each hook of an event. what tells what it is of from all others of this event. notice is
 * what the command is to read but for `event` and `time`; borrowed. */
void debt_hook(struct core *core, struct publication *publication, const char *event,
               const char *what, json_t *notice);

/* Adds a debt for one mail; as debt_hook. */
void debt_mail(struct core *core, struct publication *publication, const char *to, const char *event,
               const char *what, json_t *notice);

/* Makes debts for each hook of an event by a publication of their own; a failure is told and tried again while
 * the daemon runs. */
void debt_hook_now(struct core *core, const char *event, const char *what, json_t *notice);

/* The address of a mail that a job or run of a user asks for, of the caller's own. NULL: there is none. */
char *debt_mail_to(const struct core *core, const json_t *mail, const char *user);

/* How a job ended, for hook_failed and mail. Texts are borrowed, NULL where there is none. */
struct debt_job {
    const char *reason;
    const char *message;
    const char *model;
    const char *in_run;
};

/* Adds what an end owes to hooks "failed" and to the mails that the job and its duplicates ask for. state may be
 * NULL. */
void debt_hook_end(struct core *core, struct publication *publication, const struct debt_end *end,
                   const struct job *job, const struct state *state, const struct debt_job *more);

/* Adds the job's own mail alone: it was answered by what is there. */
void debt_mail_answered(struct core *core, struct publication *publication,
                        const struct debt_end *end, const struct job *job);

#endif
