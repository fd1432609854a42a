/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * schedule: see schedule.h.
 */
#include "daemon/schedule.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

static const int64_t pause_most_ms = 5 * MINUTE;

const struct schedule schedule_standard = {
    .delay_ms = {5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR,
                 20 * HOUR, 24 * HOUR},
    .count = 9,
};

int64_t schedule_next(const struct schedule *schedule, unsigned attempts, struct random *random)
{
    int64_t delay;

    if (attempts == 0 || attempts > schedule->count)
        return attempts == 0 ? 0 : -1;
    delay = schedule->delay_ms[attempts - 1];
    return delay - delay / 5 + (int64_t)random_below(random, (uint64_t)(2 * (delay / 5) + 1));
}

int64_t schedule_pause(const struct schedule *schedule, unsigned failures)
{
    size_t place = failures < schedule->count ? failures : schedule->count;
    int64_t delay = place > 0 ? schedule->delay_ms[place - 1] : 0;

    return delay < pause_most_ms ? delay : pause_most_ms;
}

int64_t schedule_whole(const struct schedule *schedule)
{
    int64_t whole = 0;

    for (size_t i = 0; i < schedule->count; i++)
        whole += schedule->delay_ms[i];
    return whole;
}
