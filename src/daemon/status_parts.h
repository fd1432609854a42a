/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status_parts: the larger members of state/status.json, each a new reference. The inner side of status.h.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_STATUS_PARTS_H
#define DAEMON_STATUS_PARTS_H

#include <jansson.h>

#include "daemon/core.h"

/* A time, or null before 1970; a number. */
json_t *status_time(struct wall time);
json_t *status_count(uint64_t count);

/* The gates, with what they learnt. */
json_t *status_gates(const struct core *core);

/* The models that jobs ask: what waits for each, how long already, and why. */
json_t *status_models(const struct core *core);

/* Who has jobs, or had some that ended today: array of users. */
json_t *status_users(struct core *core);

/* What an earlier daemon counted of today (status_users). */
void status_recall_users(struct core *core, const json_t *status);

#endif
