/* SPDX-License-Identifier: GPL-2.0-or-later */
/* buckets: see buckets.h. */
#include "base/buckets.h"

#include <assert.h>

void buckets_add(struct buckets *buckets, const struct buckets_scale *scale, int64_t value)
{
    size_t i = 0;

    assert(scale->count <= BUCKETS_MOST);
    if (value < 0)
        value = 0;
    while (i < scale->count && value > scale->bounds[i])
        i++;
    buckets->counts[i]++;
    if (value <= INT64_MAX - buckets->sum)
        buckets->sum += value;
}

uint64_t buckets_total(const struct buckets *buckets)
{
    uint64_t total = 0;

    for (size_t i = 0; i <= BUCKETS_MOST; i++)
        total += buckets->counts[i];
    return total;
}
