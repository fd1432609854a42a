/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trail: the events of one job, found by reading the log of events backwards.
 *
 * Floor: client. What is read is bounded, so that a year of a busy spool's events does not keep
 * anybody waiting.
 */
#ifndef CLIENT_TRAIL_H
#define CLIENT_TRAIL_H

#include <jansson.h>
#include <stdbool.h>

#include "spool/spool.h"

/* The job's events, oldest first (a new array), back to its acceptance. *cut tells that the log
 * goes further back than was read. */
json_t *trail_read(const struct spool *spool, const struct id *id, bool *cut);

#endif
