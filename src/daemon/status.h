/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status: state/status.json: how the daemon stands, for commands to read. Replaced atomically, at most once
 * a second and only after a change.
 *
 * Floor: daemon. The format is in spool-layout/schema/status.schema.json.
 */
#ifndef DAEMON_STATUS_H
#define DAEMON_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/core.h"

struct status *status_open(struct core *core);
void status_close(struct status *status);

/* Gives the gates what state/status.json says that they knew before, and users what ended today.
 * Without one they begin anew. */
void status_recall(struct core *core);

/* A request was answered after so many ms: for the percentiles. */
void status_latency(struct status *status, int64_t ms);

/* A job ended: for the rate, and for what its user sees of today. */
void status_ended(struct status *status, const struct task *task, bool completed);

/* Writes the file when something changed: at once if the last time is a second ago, else when that
 * second is over. */
void status_work(struct status *status);

/* Writes it now; stopped says that the daemon is about to leave. */
void status_write(struct status *status, bool stopped);

#endif
