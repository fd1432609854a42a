/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list: a *.jsonl drop: jobs, one a line. The file stays in new/ until each of its lines is durable in
 * cur/ or answered, so a crash in between only repeats lines that are duplicates by then.
 *
 * Floor: daemon. Called by intake alone.
 */
#ifndef DAEMON_LIST_H
#define DAEMON_LIST_H

#include <stdbool.h>

#include "daemon/core.h"
#include "spool/take.h"

struct list;

/* Begins with an opened file; takes the descriptor in *take over. owner is the login name that becomes the
 * jobs' user in a shared spool, or NULL. Returns NULL when the file changed or cannot be read: look
 * again later. */
struct list *list_open(struct core *core, const char *name, struct take *take,
                       const char *owner, bool trusted);

/* Looks at some lines. Returns whether there are more to look at now. */
bool list_work(struct list *list);

/* Whether some lines met a job that is just ending or locked, and nothing else is left to look at:
 * list_again looks at them once more, a second later. */
bool list_waits(const struct list *list);

/* Which attachment they wait for, or NULL. */
const char *list_reason(const struct list *list);

void list_again(struct list *list);

/* Whether every line is durable or answered, and the file has left new/. */
bool list_finished(const struct list *list);

/* Of a finished one: the file is still in new/, as it may not be written to its end yet, and is to be opened
 * anew a second later. */
bool list_put_off(const struct list *list);

void list_close(struct list *list);

#endif
