/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dispatch: sending: which job goes next, its mark, its request, and what came back.
 *
 * Floor: daemon. A job is marked and its event written before its request leaves.
 */
#ifndef DAEMON_DISPATCH_H
#define DAEMON_DISPATCH_H

#include "daemon/core.h"

struct dispatch *dispatch_open(struct core *core);
void dispatch_close(struct dispatch *dispatch);

/* Sends what may be sent now. */
void dispatch_work(struct dispatch *dispatch);

/* Requests in flight. */
unsigned dispatch_in_flight(const struct dispatch *dispatch);

/* Breaks a running task's request off; its outcome is `cancelled`. */
void dispatch_cancel(struct task *task);

/* The end of a stop: breaks all requests off and leaves their jobs marked, in doubt. Returns how many
 * there were. */
unsigned dispatch_abandon(struct dispatch *dispatch);

#endif
