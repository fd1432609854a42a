/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * orders: ctl/: switches that hold while their file exists, and orders that are obeyed once.
 *
 * Floor: daemon. An order is obeyed when all drops older than it have been taken, for runs submitted
 * before it, and its file goes when its effect is durable: obeying it again after a crash does
 * nothing.
 */
#ifndef DAEMON_ORDERS_H
#define DAEMON_ORDERS_H

#include "daemon/core.h"

struct orders *orders_open(struct core *core);
void orders_close(struct orders *orders);

/* ctl/ changed: read it again. */
void orders_scan(struct orders *orders);

/* Something ended that an order may wait for. */
void orders_look(struct orders *orders);

/* Obeys what can be obeyed now. */
void orders_work(struct orders *orders);

/* Whether ctl/hold.ID is there: a job may be held before it is dropped. */
bool orders_holds(const struct core *core, const struct id *id);

/* Orders not obeyed yet. */
size_t orders_waiting(const struct orders *orders);

#endif
