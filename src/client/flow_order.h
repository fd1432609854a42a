/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_order: orders for flows, and for jobs with what depends on them.
 *
 * Floor: client.
 */
#ifndef CLIENT_FLOW_ORDER_H
#define CLIENT_FLOW_ORDER_H

#include <stdbool.h>

#include "base/error.h"
#include "client/verb.h"
#include "spool/spool.h"

/* Whether an order is one for flows: cancel, hold, release, retry. */
bool flow_order_has(const struct verb *verb);

/* Gives an order for all of a flow and prints what will be done unless quiet; with dry_run nothing is.
 * Returns 0, or -1 with an error. */
int flow_order(const struct spool *spool, const struct verb *verb, const char *name, bool dry_run,
               bool quiet, struct error *error);

/* Has the job that word means asked again (an ID, a name, FLOW/STEP), and what depends on it resolved
 * again. Returns as flow_order. */
int flow_cascade(const struct spool *spool, const char *word, bool dry_run, bool quiet,
                 struct error *error);

#endif
