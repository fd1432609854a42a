/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_clock: wall time and monotonic time. */
#include "unit.h"

#include <time.h>

#include "base/clock.h"

static void wall_time_lies_between_two_looks_at_time(void **state)
{
    (void)state;
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME, &before);
    int64_t ms = clock_wall(&clock_system).ms;
    clock_gettime(CLOCK_REALTIME, &after);
    assert_true(ms >= (int64_t)before.tv_sec * 1000 + before.tv_nsec / 1000000);
    assert_true(ms <= (int64_t)after.tv_sec * 1000 + after.tv_nsec / 1000000);
}

static void monotonic_time_goes_on_and_never_back(void **state)
{
    (void)state;
    struct mono start = clock_mono(&clock_system);
    struct mono last = start;
    /* Ends because time passes: a clock that stands still would hang here, not pass. */
    while (last.ms < start.ms + 3) {
        struct mono now = clock_mono(&clock_system);
        assert_true(now.ms >= last.ms);
        last = now;
    }
}

static struct wall stored_wall(void *context)
{
    return *(struct wall *)context;
}

static struct mono stored_mono(void *context)
{
    return (struct mono){((struct wall *)context)->ms + 1};
}

static void a_test_hands_in_its_own_clock(void **state)
{
    (void)state;
    struct wall time = {5000};
    const struct clock clock = {stored_wall, stored_mono, &time};
    assert_int_equal(clock_wall(&clock).ms, 5000);
    time.ms = 6000;
    assert_int_equal(clock_wall(&clock).ms, 6000);
    assert_int_equal(clock_mono(&clock).ms, 6001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_time_lies_between_two_looks_at_time),
        cmocka_unit_test(monotonic_time_goes_on_and_never_back),
        cmocka_unit_test(a_test_hands_in_its_own_clock),
    };
    return UNIT_RUN(tests);
}
