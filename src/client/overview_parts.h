/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * overview_parts: the overview's tables. The inner side of overview.h.
 *
 * Floor: client.
 */
#ifndef CLIENT_OVERVIEW_PARTS_H
#define CLIENT_OVERVIEW_PARTS_H

#include <jansson.h>
#include <stddef.h>

#include "base/clock.h"
#include "client/screen.h"

/* Prints what is waited for, gates, users of a shared spool and the last failures, each with at most so
 * many rows, and what they leave out. */
void overview_tables(const struct screen *screen, const json_t *overview, size_t rows,
                     struct wall now);

#endif
