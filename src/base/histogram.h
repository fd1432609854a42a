/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * histogram: how often which sizes came, in room that does not grow: for percentiles.
 *
 * Floor: base. Buckets are as wide as one in sixteen of what they hold, so that a percentile is at
 * most 6 % too high; below 32 each number has its own. Plain data, all zero at first.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/* 32 numbers by themselves, then 16 buckets for each power of two up to 2^40. */
enum { HISTOGRAM_EXACT = 32, HISTOGRAM_PARTS = 16, HISTOGRAM_TOP_BIT = 39 };
enum { HISTOGRAM_BUCKETS = HISTOGRAM_EXACT + (HISTOGRAM_TOP_BIT - 4) * HISTOGRAM_PARTS };

struct histogram {
    uint64_t total;
    uint32_t counts[HISTOGRAM_BUCKETS];
};

/* Counts a value: below 0 as 0, above the last bucket as its highest. */
void histogram_add(struct histogram *histogram, int64_t value);

/* Adds what more has counted. */
void histogram_merge(struct histogram *histogram, const struct histogram *more);

/* The highest value of the bucket that holds the percentile (0 to 100); 0 of an empty one. */
int64_t histogram_percentile(const struct histogram *histogram, unsigned percent);

/* Which bucket holds a value, and the highest value of a bucket. */
size_t histogram_bucket(int64_t value);
int64_t histogram_highest(size_t bucket);

#endif
