/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics_series: what is counted for each model at each provider, in room that does not grow.
 *
 * Floor: daemon. The first METRICS_SERIES pairs that come have a row of their own, all others share
 * the row "other". Plain data, all zero at first; series_clear frees the names.
 */
#ifndef DAEMON_METRICS_SERIES_H
#define DAEMON_METRICS_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buckets.h"
#include "daemon/metrics.h"

enum { METRICS_SERIES = 50 };

struct series {
    char *provider; /* NULL: all others */
    char *model;
    uint64_t outcomes[OUTCOME_CANCELLED + 1];
    uint64_t input_tokens, output_tokens, cached_tokens, reasoning_tokens;
    int64_t cost_nano;
    uint64_t unpriced;          /* answers whose cost is not known */
    struct buckets duration;    /* ms */
    struct buckets first_token; /* ms */
};

struct metrics_series {
    struct series rows[METRICS_SERIES + 1]; /* in the order in which they came */
    size_t count;
};

/* Counts a request. */
void series_count(struct metrics_series *series, const struct metrics_request *request);

void series_clear(struct metrics_series *series);

#endif
