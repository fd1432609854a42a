/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batches: when a batch is through: its results are written once all of its jobs have ended, and again when some
 * of them were taken back and have ended anew.
 *
 * Floor: daemon. Of each open batch one job that has not ended is watched, so that an end costs no look at
 * the others. What is open is told by batch.json in the run's folder; state/batches says, from before the first
 * taking back until all batches that it concerns are open again, that some of them may be that are not.
 */
#ifndef DAEMON_BATCHES_H
#define DAEMON_BATCHES_H

#include <stdbool.h>

#include "daemon/core.h"

struct batches *batches_open(struct core *core);

/* Finds, off the loop, the batches that an earlier daemon left open. */
void batches_start(struct batches *batches);

/* A batch's file has left new/: it is open. */
void batches_add(struct batches *batches, const char *run);

/* A job of cur/ has ended that was watched, or may have: open batches look on. */
void batches_ended(struct batches *batches);

/* A finished job is about to be taken back by this publication. */
void batches_again(struct batches *batches, const struct id *id, struct publication *publication);

/* Some work, on the loop. Returns whether there is more at once. */
bool batches_work(struct batches *batches);

/* Whether nothing is under way. */
bool batches_idle(const struct batches *batches);

/* What is being written is given up; a later start goes on. */
void batches_stop(struct batches *batches);

/* NULL is allowed. */
void batches_close(struct batches *batches);

#endif
