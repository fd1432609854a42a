/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock: the system's two clocks. */
#include "base/clock.h"

#include <assert.h>
#include <stddef.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    int result = clock_gettime(id, &now);
    assert(result == 0);
    return clock_ms(now);
}

static struct wall system_wall(void *context)
{
    (void)context;
    return (struct wall){read_ms(CLOCK_REALTIME)};
}

static struct mono system_mono(void *context)
{
    (void)context;
    return (struct mono){read_ms(CLOCK_MONOTONIC)};
}

const struct clock clock_system = {system_wall, system_mono, NULL};
