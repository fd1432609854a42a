/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_rate: how many requests a second an upstream accepts, found by trying. */
#include "unit.h"

#include <math.h>

#include "upstream/rate.h"

static struct mono at(int64_t ms)
{
    return (struct mono){ms};
}

/* Requests that leave evenly from a moment on, and are accepted. */
static int64_t send_evenly(struct rate *rate, int count, int64_t from_ms, int64_t gap_ms)
{
    for (int i = 0; i < count; i++) {
        rate_sent(rate, at(from_ms + i * gap_ms));
    }
    return from_ms + count * gap_ms;
}

static int64_t refuse(struct rate *rate, double hope, int64_t ms)
{
    rate_sent(rate, at(ms));
    rate_refused(rate, ms);
    rate_cut(rate, hope, at(ms + 20));
    return ms + 20;
}

/* Sends as the rate lets it, for a while. */
static int64_t send_all(struct rate *rate, int64_t from_ms, int64_t until_ms)
{
    int64_t ms = from_ms;
    while (ms < until_ms) {
        int64_t wait_ms = rate_wait_ms(rate, at(ms));
        if (wait_ms == 0) {
            rate_sent(rate, at(ms));
        }
        ms += wait_ms;
    }
    return ms;
}

static void none_is_known_before_the_first_refusal(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate);
    send_evenly(&rate, 1000, 0, 1);
    assert_int_equal(rate_wait_ms(&rate, at(1000)), 0);
    assert_true(rate_per_minute(&rate) == 0);
}

static void the_first_is_what_was_accepted_a_little_less(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate);
    refuse(&rate, 0, send_evenly(&rate, 30, 0, 100));
    assert_true(fabs(rate_per_minute(&rate) - 540) < 10);
    assert_in_range(rate_wait_ms(&rate, at(3020)), 105, 120);
}

static void of_a_few_requests_nothing_is_learnt(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate);
    refuse(&rate, 0, send_evenly(&rate, 3, 0, 100));
    assert_false(rate.known);
}

static void it_hopes_for_what_the_window_would_bring(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate);
    int64_t ms = refuse(&rate, 0.05, send_evenly(&rate, 30, 0, 100)); /* 3000 a minute */
    send_all(&rate, ms, ms + 5000);
    assert_true(rate_per_minute(&rate) > 2900);
}

static void only_under_full_load_it_climbs(void **state)
{
    (void)state;
    struct rate idle, busy;
    rate_init(&idle);
    refuse(&idle, 0, send_evenly(&idle, 30, 0, 100));
    busy = idle;
    send_evenly(&idle, 20, 3500, 1000);
    assert_true(rate_per_minute(&idle) < 600);
    send_all(&busy, 3020, 24000);
    assert_true(rate_per_minute(&busy) > 1200);
}

static void between_two_refusals_it_is_measured(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate);
    int64_t ms = refuse(&rate, 0, send_evenly(&rate, 30, 0, 100));
    int64_t begin_ms = ms;
    uint64_t before = rate.accepted;
    ms = refuse(&rate, 0, send_all(&rate, ms, ms + 10000));
    double measured = (double)(rate.accepted - before) / (double)(ms - begin_ms) * 60000;
    assert_true(fabs(rate_per_minute(&rate) - 0.9 * measured) < 6);
}

static void refusals_at_once_bring_it_down_by_what_is_refused(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate);
    int64_t ms = refuse(&rate, 0, send_evenly(&rate, 300, 0, 10));
    double before = rate_per_minute(&rate);
    ms = refuse(&rate, 0, ms + 10); /* nothing was accepted since */
    assert_true(fabs(rate_per_minute(&rate) - before / 2) < 10);
    ms = send_evenly(&rate, 20, ms, 20);
    before = rate_per_minute(&rate);
    refuse(&rate, 0, ms); /* nearly all was */
    assert_true(fabs(rate_per_minute(&rate) - before * 0.9) < before * 0.02);
}

static void where_nothing_is_accepted_it_does_not_vanish(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate);
    int64_t ms = refuse(&rate, 0, send_evenly(&rate, 10, 0, 100));
    for (int i = 0; i < 100; i++) {
        ms = refuse(&rate, 0, ms + 1);
    }
    assert_true(rate_per_minute(&rate) > 600 / 17.0); /* a sixteenth of what was right */
    assert_true(rate_per_minute(&rate) < 600 / 15.0);
}

static void it_is_remembered(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate);
    rate_recall(&rate, 600, at(0));
    assert_true(fabs(rate_per_minute(&rate) - 600) < 0.01);
    assert_int_equal(rate_wait_ms(&rate, at(0)), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_known_before_the_first_refusal),
        cmocka_unit_test(the_first_is_what_was_accepted_a_little_less),
        cmocka_unit_test(of_a_few_requests_nothing_is_learnt),
        cmocka_unit_test(it_hopes_for_what_the_window_would_bring),
        cmocka_unit_test(only_under_full_load_it_climbs),
        cmocka_unit_test(between_two_refusals_it_is_measured),
        cmocka_unit_test(refusals_at_once_bring_it_down_by_what_is_refused),
        cmocka_unit_test(where_nothing_is_accepted_it_does_not_vanish),
        cmocka_unit_test(it_is_remembered),
    };
    return UNIT_RUN(tests);
}
