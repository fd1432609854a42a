/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * history: the versions of a job's answer, one a run.
 *
 * Floor: client.
 */
#ifndef CLIENT_HISTORY_H
#define CLIENT_HISTORY_H

#include <jansson.h>

#include "base/clock.h"
#include "client/screen.h"
#include "spool/spool.h"

/* The versions in done/, oldest first, and behind them the run under way or the failure, if there
 * is one: an array of {id, version, status, …} as llmspool-result(1) describes it (a new
 * reference). state is the word of locate_state. */
json_t *history_read(const struct spool *spool, const struct id *id, const char *state);

/* Prints it as a table. */
void history_print(const struct screen *screen, const json_t *history, struct wall now);

#endif
