/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recent: how the requests of the last ten seconds ended, and whether that is an outage.
 *
 * Floor: upstream. Plain data; made by recent_forget. Time is handed in and never goes back.
 */
#ifndef UPSTREAM_RECENT_H
#define UPSTREAM_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum {
    RECENT_SECONDS = 10,
    RECENT_ENDED_MIN = 8, /* fewer say nothing */
    RECENT_STREAK = 8,
    RECENT_STREAK_ALONE = 12,
};

/* Requests that ended within one second. */
struct bucket {
    int64_t second; /* of the monotonic clock; -1: never used */
    unsigned ended;
    unsigned failed; /* of them, transiently */
};

struct recent {
    struct bucket buckets[RECENT_SECONDS];
    unsigned streak; /* transient failures in a row, however long ago */
};

/* Nothing is known. */
void recent_forget(struct recent *recent);

/* A request ended: failed transiently, or answered in any other way. */
void recent_add(struct recent *recent, bool failed, struct mono now);

/* All that ended within RECENT_SECONDS, the second that is running among them. */
struct bucket recent_sum(const struct recent *recent, struct mono now);

/* Whether it is an outage: of at least RECENT_ENDED_MIN most failed, and the last RECENT_STREAK in
 * a row; or RECENT_STREAK_ALONE in a row, however many were answered well just before. A majority alone would not do: of ten requests that fail at random three times in ten, six
 * fail together about every twentieth time one looks. */
bool recent_is_outage(const struct recent *recent, struct mono now);

#endif
