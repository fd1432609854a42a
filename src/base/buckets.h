/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * buckets: how many values were at most how large, by bounds that are fixed: the histograms of
 * Prometheus. (histogram is for percentiles, by bounds that nobody chose.)
 *
 * Floor: base. Values and bounds are whole numbers of a small unit (ms, us, 1), so that sums are
 * exact. Plain data, all zero at first.
 */
#ifndef BASE_BUCKETS_H
#define BASE_BUCKETS_H

#include <stddef.h>
#include <stdint.h>

enum { BUCKETS_MOST = 20 };

/* What the buckets of a family have in common. */
struct buckets_scale {
    double per_unit; /* so many of the values' unit are one of the unit that is told: 1000 for ms */
    size_t count;    /* of bounds, at most BUCKETS_MOST */
    int64_t bounds[BUCKETS_MOST]; /* ascending; what is above the last has a bucket, too */
};

struct buckets {
    uint64_t counts[BUCKETS_MOST + 1]; /* each alone, not cumulated */
    int64_t sum;
};

/* Counts a value; one below 0 as 0. */
void buckets_add(struct buckets *buckets, const struct buckets_scale *scale, int64_t value);

/* How many values were counted. */
uint64_t buckets_total(const struct buckets *buckets);

#endif
