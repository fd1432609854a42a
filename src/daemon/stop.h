/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stop: when the daemon leaves: it was told to and what is in flight has ended, or --until-empty and
 * nothing is left that can move.
 *
 * Floor: daemon. It ends the loop of its core; see "Stopping" in llmspoold(8).
 */
#ifndef DAEMON_STOP_H
#define DAEMON_STOP_H

#include <stdint.h>

#include "daemon/core.h"

struct stop;

/* patience_ms: --until-empty, which leaves when nothing moved for so long; -1: only when told. */
struct stop *stop_open(struct core *core, int64_t patience_ms);

/* After the loop's handles are closed. stop may be NULL. */
void stop_close(struct stop *stop);

/* Nothing is taken or sent from now on; what is in flight has the configured drain_timeout to end. Does
 * nothing when that has begun already. */
void stop_begin(struct stop *stop);

/* Ends the waiting that stop_begin began: what is in flight stays marked, and is told. */
void stop_hurry(struct stop *stop);

/* To be called in each turn of the loop: ends it when its time has come. */
void stop_look(struct stop *stop);

/* In how many ms stop_look is to be called by time alone; negative: never. */
int64_t stop_wake_ms(const struct stop *stop);

/* What llmspoold leaves with, once the loop has ended: see daemon_run. */
int stop_exit_code(const struct stop *stop);

#endif
