/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mark: u+x, the sign of a running job: how it looks, what it says after a crash, and how a job goes
 * back to waiting: only when what must be remembered of its request is durable.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_MARK_H
#define DAEMON_MARK_H

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/core.h"

struct marks *marks_open(struct core *core);
void marks_close(struct marks *marks);

/* The task was found marked without an outcome: a doubt is recorded, durably, then the mark is
 * cleared and the task waits (or is held, as it says). */
void mark_doubt(struct core *core, struct task *task);

/* No byte of the task's request left: nothing is to be remembered, it waits at once. */
void mark_unsent(struct core *core, struct task *task);

/* Makes what the task remembers durable, clears its mark, and lets it wait. */
void mark_later(struct core *core, struct task *task);

/* The mode of a job file that is marked as running: u+x, and in g+x and o+x the number of the request
 * modulo 4, which tells after a crash whether this very request has its outcome in the state file. */
mode_t mark_mode(const struct core *core, const struct task *task);

/* Whether a mode is that of a mark, and the request it speaks of is recorded in memory (or NULL). */
bool mark_is(mode_t mode);
bool mark_recorded(mode_t mode, const struct state *memory);

#endif
