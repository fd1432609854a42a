/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock: wall time and monotonic time as two types that cannot be mixed up.
 *
 * Floor: base. A module that needs the time takes a `const struct clock *`, so that a test can
 * hand in its own; clock_system is the real one.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Time of day: milliseconds since 1970-01-01T00:00:00Z. Jumps when somebody sets the clock. */
struct wall {
    int64_t ms;
};

/* Time since some fixed moment, in milliseconds; never goes back. Not comparable over processes. */
struct mono {
    int64_t ms;
};

struct clock {
    struct wall (*wall)(void *context);
    struct mono (*mono)(void *context);
    void *context;
};

extern const struct clock clock_system;

static inline struct wall clock_wall(const struct clock *clock)
{
    return clock->wall(clock->context);
}

static inline struct mono clock_mono(const struct clock *clock)
{
    return clock->mono(clock->context);
}

/* A time of the system's, of a file or a clock, in whole milliseconds. */
static inline int64_t clock_ms(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* The sooner of two moments or waits, in milliseconds of one clock; a negative one is none. */
static inline int64_t clock_sooner(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

#endif
