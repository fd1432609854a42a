/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pace: so many units (requests, tokens) a period and not more than a burst at once: GCRA (ITU-T
 * I.371), which is a token bucket whose whole state is the moment when it will be full.
 *
 * Floor: upstream. Plain data; time is handed in.
 */
#ifndef UPSTREAM_PACE_H
#define UPSTREAM_PACE_H

#include <stdint.h>

#include "base/clock.h"

struct pace {
    double per_ms;  /* units that it grows by; 0: no limit */
    double size;    /* units that it holds when it has rested */
    double full_ms; /* monotonic ms when it is full again; in the past: it is full */
};

/* What is left now; below 0 when more was charged than it held. */
double pace_left(const struct pace *pace, struct mono now);

/* How long until a cost passes, ms, rounded up; 0: it passes now. A cost above the size passes when
 * the pace is full, so that nothing waits for ever. */
int64_t pace_wait_ms(const struct pace *pace, double cost, struct mono now);

/* Takes a cost, whatever is left; a negative one gives back. */
void pace_charge(struct pace *pace, double cost, struct mono now);

/* Sets what is left. */
void pace_set(struct pace *pace, double left, struct mono now);

/* Another speed and size; what is left stays, as far as it fits. */
void pace_change(struct pace *pace, double per_ms, double size, struct mono now);

#endif
