/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hooks: commands of this machine that are told what happened: hook debts of outbox/, paid by running them.
 *
 * Floor: daemon. A hook debt has "hook": NAME, the section of the configuration whose command pays it, and
 * "notice", the object that the command reads. Few commands run at once, whatever is owed; a command that
 * hangs is killed at its time-out. When an attempt failed it is not tried again here: who owes decides when.
 */
#ifndef DAEMON_HOOKS_H
#define DAEMON_HOOKS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/core.h"

struct hooks;

/* What became of one attempt to pay. */
enum hook_end {
    HOOK_DONE,  /* the command ended well: the debt is paid */
    HOOK_LATER, /* it did not: try again with backoff */
    HOOK_NEVER, /* it cannot be paid: no such hook is configured */
    HOOK_CUT,   /* the daemon is leaving: no attempt counts, the next daemon pays */
};

/* Called once for each hooks_run, on the loop, never from within hooks_run. words say what was wrong, for log
 * and debt file ("" when all is well), and live for the call. */
typedef void hooks_done(void *context, enum hook_end end, const char *words);

struct hooks *hooks_open(struct core *core);

/* As hooks_kill, and frees it. NULL is allowed. */
void hooks_close(struct hooks *hooks);

/* Pays a debt: its command is run when its turn comes. Debts whose notice is of one job ("job") are gathered:
 * those of one hook and receiver that wait together are told in one notice, at once when there was none within
 * the hook's `gather`, else when that is over; all of them are called back then. So many must be handed over
 * without waiting for callbacks; those that are not are told of in a later notice. hash is the debt's file name
 * without .json, and the command's LLMSPOOL_NOTICE_ID (of gathered ones that of the oldest). debt is a reference
 * of the callee's own. */
void hooks_run(struct hooks *hooks, const char *hash, json_t *debt, hooks_done *done, void *context);

/* "hooks" of state/status.json: the configuration's path and the names of its hooks, and how many debts wait and
 * commands run; a new reference. */
json_t *hooks_json(const struct hooks *hooks);

/* Debts that were handed over and not called back; and children among them, which a stop waits for. */
size_t hooks_waiting(const struct hooks *hooks);
size_t hooks_running(const struct hooks *hooks);

/* What is gathered is told at once: nothing more comes (--until-empty). */
void hooks_hurry(struct hooks *hooks);

/* The daemon is leaving: nothing more is begun, what waits is called back with HOOK_CUT at once. Children that
 * run may end. */
void hooks_stop(struct hooks *hooks);

/* As hooks_stop; children are killed, and their debts called back with HOOK_CUT. */
void hooks_kill(struct hooks *hooks);

#endif
