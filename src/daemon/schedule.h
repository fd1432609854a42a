/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * schedule: when a debt whose try failed is tried again, and when no more.
 *
 * Floor: daemon. Pure: no clock, no file. The delays of Standard Webhooks 1.0.0 unless the
 * configuration says others.
 */
#ifndef DAEMON_SCHEDULE_H
#define DAEMON_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

enum { SCHEDULE_MOST = 32 };

/* Plain data. */
struct schedule {
    int64_t delay_ms[SCHEDULE_MOST]; /* after the first failed try, the second, … */
    size_t count;
};

/* 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. */
extern const struct schedule schedule_standard;

/* In how many ms to try again after so many failed tries (1 …), with a fifth of jitter to either side;
 * -1: no more. */
int64_t schedule_next(const struct schedule *schedule, unsigned attempts, struct random *random);

/* How long a receiver that failed so many times in a row (1 …) is left alone by all of its debts: a
 * delay of the schedule, but 5 min at most, as its being well again should be seen soon. */
int64_t schedule_pause(const struct schedule *schedule, unsigned failures);

/* All delays together, in ms. */
int64_t schedule_whole(const struct schedule *schedule);

#endif
