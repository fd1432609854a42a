/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * meter: how many requests and tokens were used within the last minute.
 *
 * Floor: upstream. Plain data, all zero at first; time is handed in and never goes back.
 */
#ifndef UPSTREAM_METER_H
#define UPSTREAM_METER_H

#include <stdint.h>

#include "base/clock.h"

enum { METER_SECONDS = 60 };

struct meter_use {
    int64_t requests;
    int64_t tokens;
};

struct meter {
    struct {
        int64_t second; /* of the monotonic clock */
        struct meter_use use;
    } seconds[METER_SECONDS];
};

/* Adds to what is used now; a correction may be negative. */
void meter_add(struct meter *meter, struct meter_use use, struct mono now);

/* What was used within the last minute. */
struct meter_use meter_sum(const struct meter *meter, struct mono now);

#endif
