/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trend: how many jobs ended in each of the last minutes, and how long their requests took, read
 * from the log of events.
 *
 * Floor: httpd. Bounded however long the log is: at most TREND_READ bytes at a time, the newest;
 * minutes that are not known whole are told as unknown. Not for two threads at once.
 */
#ifndef HTTPD_TREND_H
#define HTTPD_TREND_H

#include <jansson.h>

#include "base/clock.h"
#include "spool/spool.h"

enum { TREND_MINUTES = 60, TREND_READ = 4 * 1024 * 1024 };

struct trend;

/* Begins; the spool outlives it. */
struct trend *trend_open(const struct spool *spool);

/* Reads what was added since the last time. A log that cannot be read adds nothing. */
void trend_read(struct trend *trend, struct wall now);

/* {"from": TIME, "completed": […], "failed": […], "p50_ms": […], "p95_ms": […]}, each of
 * TREND_MINUTES minutes, the oldest first, the last one under way; null where it is not known, and
 * for a percentile without requests. */
json_t *trend_json(const struct trend *trend, struct wall now);

/* NULL is allowed. */
void trend_close(struct trend *trend);

#endif
