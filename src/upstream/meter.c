/* SPDX-License-Identifier: GPL-2.0-or-later */
/* meter: how many requests and tokens were used within the last minute. */
#include "upstream/meter.h"

#include <stddef.h>

enum { SECOND_MS = 1000 };

void meter_add(struct meter *meter, struct meter_use use, struct mono now)
{
    int64_t second = now.ms / SECOND_MS;
    size_t place = (size_t)(second % METER_SECONDS);
    if (meter->seconds[place].second != second) {
        meter->seconds[place].second = second;
        meter->seconds[place].use = (struct meter_use){0};
    }
    meter->seconds[place].use.requests += use.requests;
    meter->seconds[place].use.tokens += use.tokens;
}

struct meter_use meter_sum(const struct meter *meter, struct mono now)
{
    int64_t second = now.ms / SECOND_MS;
    struct meter_use sum = {0};
    for (size_t i = 0; i < METER_SECONDS; i++) {
        if (meter->seconds[i].second > second - METER_SECONDS) {
            sum.requests += meter->seconds[i].use.requests;
            sum.tokens += meter->seconds[i].use.tokens;
        }
    }
    return sum;
}
