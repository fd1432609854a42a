/* SPDX-License-Identifier: GPL-2.0-or-later */
/* histogram: see histogram.h. */
#include "base/histogram.h"

enum { FIRST_BIT = 5 /* of the first value that shares a bucket */, PART_BITS = 4 };

static unsigned top_bit(uint64_t value)
{
    return 63u - (unsigned)__builtin_clzll(value);
}

size_t histogram_bucket(int64_t value)
{
    unsigned bit;
    size_t part;

    if (value < HISTOGRAM_EXACT) {
        return value < 0 ? 0 : (size_t)value;
    }
    bit = top_bit((uint64_t)value);
    if (bit > HISTOGRAM_TOP_BIT) {
        return HISTOGRAM_BUCKETS - 1;
    }
    part = (size_t)(value >> (bit - PART_BITS)) - HISTOGRAM_PARTS;
    return HISTOGRAM_EXACT + (bit - FIRST_BIT) * HISTOGRAM_PARTS + part;
}

int64_t histogram_highest(size_t bucket)
{
    size_t bit, part;

    if (bucket < HISTOGRAM_EXACT) {
        return (int64_t)bucket;
    }
    bit = (bucket - HISTOGRAM_EXACT) / HISTOGRAM_PARTS + FIRST_BIT;
    part = (bucket - HISTOGRAM_EXACT) % HISTOGRAM_PARTS;
    return ((int64_t)(HISTOGRAM_PARTS + part + 1) << (bit - PART_BITS)) - 1;
}

void histogram_add(struct histogram *histogram, int64_t value)
{
    histogram->counts[histogram_bucket(value)]++;
    histogram->total++;
}

void histogram_merge(struct histogram *histogram, const struct histogram *more)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        histogram->counts[i] += more->counts[i];
    }
    histogram->total += more->total;
}

int64_t histogram_percentile(const struct histogram *histogram, unsigned percent)
{
    uint64_t rank = (histogram->total * percent + 99) / 100; /* of that many the last */
    uint64_t passed = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        passed += histogram->counts[i];
        if (passed >= rank && passed > 0) {
            return histogram_highest(i);
        }
    }
    return 0;
}
