/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recent: how the requests of the last ten seconds ended, and whether that is an outage. */
#include "upstream/recent.h"

#include <stddef.h>

enum { SECOND_MS = 1000 };

void recent_forget(struct recent *recent)
{
    for (size_t i = 0; i < RECENT_SECONDS; i++) {
        recent->buckets[i] = (struct bucket){.second = -1};
    }
    recent->streak = 0;
}

void recent_add(struct recent *recent, bool failed, struct mono now)
{
    int64_t second = now.ms / SECOND_MS;
    struct bucket *bucket = &recent->buckets[second % RECENT_SECONDS];
    if (bucket->second != second) {
        *bucket = (struct bucket){.second = second};
    }
    bucket->ended++;
    bucket->failed += failed;
    recent->streak = failed ? recent->streak + 1 : 0;
}

struct bucket recent_sum(const struct recent *recent, struct mono now)
{
    struct bucket sum = {.second = now.ms / SECOND_MS};
    for (size_t i = 0; i < RECENT_SECONDS; i++) {
        const struct bucket *bucket = &recent->buckets[i];
        if (bucket->second > sum.second - RECENT_SECONDS) {
            sum.ended += bucket->ended;
            sum.failed += bucket->failed;
        }
    }
    return sum;
}

bool recent_is_outage(const struct recent *recent, struct mono now)
{
    struct bucket sum = recent_sum(recent, now);
    bool most = sum.failed > sum.ended / 2 && recent->streak >= RECENT_STREAK;
    bool alone = sum.failed >= RECENT_ENDED_MIN && recent->streak >= RECENT_STREAK_ALONE;
    return sum.ended >= RECENT_ENDED_MIN && (most || alone);
}
