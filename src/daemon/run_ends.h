/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_ends: when a run of which somebody is to be told is through: all of its jobs have ended and no list of it
 * is being taken. What is owed then is made durable, and the run's notice.json goes.
 *
 * Floor: daemon. Of each such run one job that has not ended is watched, as batches does. A run is told of once
 * for all that was dropped into it until then; what is dropped into it later makes it open again.
 */
#ifndef DAEMON_RUN_ENDS_H
#define DAEMON_RUN_ENDS_H

#include <stdbool.h>

#include "daemon/core.h"

struct run_ends *run_ends_open(struct core *core);

/* Finds, off the loop, the runs that an earlier daemon left open. They are told of when this scan of new/
 * (intake_scan) has been taken: a list may still lie there. */
void run_ends_start(struct run_ends *ends, unsigned long scan);

/* A list of this run has left new/. */
void run_ends_add(struct run_ends *ends, const char *run);

/* A job of cur/ has ended that was watched, or may have: runs look on. */
void run_ends_ended(struct run_ends *ends);

/* Some work, on the loop. Returns whether there is more at once. */
bool run_ends_work(struct run_ends *ends);

/* Whether nothing is under way. */
bool run_ends_idle(const struct run_ends *ends);

/* What is being read is given up; a later start goes on. */
void run_ends_stop(struct run_ends *ends);

/* NULL is allowed. */
void run_ends_close(struct run_ends *ends);

#endif
