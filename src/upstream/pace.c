/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pace: so many units a period and not more than a burst at once. */
#include "upstream/pace.h"

#include <math.h>
#include <stddef.h>

/* Rounding must not make a cost wait that passes by a hair. */
static const double hair_ms = 1e-3;

double pace_left(const struct pace *pace, struct mono now)
{
    return pace->size - fmax(0, pace->full_ms - (double)now.ms) * pace->per_ms;
}

int64_t pace_wait_ms(const struct pace *pace, double cost, struct mono now)
{
    if (pace->per_ms <= 0) {
        return 0;
    }
    double missing = fmin(cost, pace->size) - pace_left(pace, now);
    double wait_ms = ceil(missing / pace->per_ms - hair_ms);
    return wait_ms > 0 ? (int64_t)wait_ms : 0;
}

void pace_charge(struct pace *pace, double cost, struct mono now)
{
    if (pace->per_ms > 0) {
        pace->full_ms = fmax(pace->full_ms, (double)now.ms) + cost / pace->per_ms;
    }
}

void pace_set(struct pace *pace, double left, struct mono now)
{
    if (pace->per_ms > 0) {
        pace->full_ms = (double)now.ms + (pace->size - left) / pace->per_ms;
    }
}

void pace_change(struct pace *pace, double per_ms, double size, struct mono now)
{
    double left = pace->per_ms > 0 ? pace_left(pace, now) : size;
    pace->per_ms = per_ms;
    pace->size = size;
    pace_set(pace, fmin(left, size), now);
}
