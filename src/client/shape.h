/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shape: how long the jobs of each model have waited, as a table of counts (qshape(1)'s idea).
 *
 * Floor: client.
 */
#ifndef CLIENT_SHAPE_H
#define CLIENT_SHAPE_H

#include <jansson.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "client/screen.h"
#include "spool/spool.h"

/* Below 5, 10, 20, … 1,280 minutes, and older. */
enum { SHAPE_COLUMNS = 10 };

/* The column of an age. */
size_t shape_column(int64_t age_ms);

/* Counts the jobs of cur/ by model and age: {"columns": [5, …, null], "models": [{"model", "jobs",
 * "ages": […]}]}, the most jobs first. While a daemon runs its own counts are used, which cost
 * nothing; else each job is read, which takes seconds for a million. NULL with an error. */
json_t *shape_read(const struct spool *spool, struct wall now, struct error *error);

void shape_print(const struct screen *screen, const json_t *shape);

#endif
