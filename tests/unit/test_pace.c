/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pace: so many units a period and not more than a burst at once. */
#include "unit.h"

#include "base/random.h"
#include "upstream/pace.h"

static struct mono at(int64_t ms)
{
    return (struct mono){ms};
}

/* 600 a minute, 10 at once. */
static struct pace ten_a_second(void)
{
    struct pace pace = {0};
    pace_change(&pace, 0.01, 10, at(0));
    return pace;
}

static void a_burst_passes_and_then_the_rate(void **state)
{
    (void)state;
    struct pace pace = ten_a_second();
    for (int i = 0; i < 10; i++) {
        assert_int_equal(pace_wait_ms(&pace, 1, at(0)), 0);
        pace_charge(&pace, 1, at(0));
    }
    assert_int_equal(pace_wait_ms(&pace, 1, at(0)), 100);
    assert_int_equal(pace_wait_ms(&pace, 1, at(60)), 40);
    assert_int_equal(pace_wait_ms(&pace, 1, at(100)), 0);
    pace_charge(&pace, 1, at(100));
    assert_int_equal(pace_wait_ms(&pace, 3, at(100)), 300);
}

static void no_limit_lets_all_pass(void **state)
{
    (void)state;
    struct pace pace = {0};
    pace_charge(&pace, 1e9, at(0));
    assert_int_equal(pace_wait_ms(&pace, 1e9, at(0)), 0);
}

static void a_cost_above_the_burst_passes_when_it_has_rested(void **state)
{
    (void)state;
    struct pace pace = ten_a_second();
    assert_int_equal(pace_wait_ms(&pace, 500, at(0)), 0);
    pace_charge(&pace, 500, at(0));
    assert_true(pace_left(&pace, at(0)) == -490);
    assert_int_equal(pace_wait_ms(&pace, 1, at(0)), 49100);
    assert_int_equal(pace_wait_ms(&pace, 500, at(0)), 50000);
    assert_int_equal(pace_wait_ms(&pace, 500, at(50000)), 0);
}

static void what_was_not_used_is_given_back_but_never_more_than_fits(void **state)
{
    (void)state;
    struct pace pace = ten_a_second();
    pace_charge(&pace, 8, at(0));
    pace_charge(&pace, -3, at(0));
    assert_true(pace_left(&pace, at(0)) == 5);
    pace_charge(&pace, -100, at(0));
    assert_true(pace_left(&pace, at(0)) == 10);
    pace_charge(&pace, 10, at(5000));
    assert_int_equal(pace_wait_ms(&pace, 1, at(5000)), 100);
}

static void another_speed_keeps_what_is_left(void **state)
{
    (void)state;
    struct pace pace = ten_a_second();
    pace_charge(&pace, 6, at(0));
    pace_change(&pace, 0.001, 20, at(0));
    assert_true(pace_left(&pace, at(0)) > 3.999 && pace_left(&pace, at(0)) < 4.001);
    assert_int_equal(pace_wait_ms(&pace, 5, at(0)), 1000);
    pace_change(&pace, 0.001, 2, at(0));
    assert_int_equal(pace_wait_ms(&pace, 2, at(0)), 0);
    assert_int_equal(pace_wait_ms(&pace, 5, at(0)), 0);
}

static void the_wait_is_exact_to_the_millisecond(void **state)
{
    (void)state;
    struct random dice;
    random_init(&dice, 11);
    for (int i = 0; i < 20000; i++) {
        struct pace pace = {0};
        double size = 1 + (double)random_below(&dice, 100000);
        double cost = 1 + (double)random_below(&dice, 100000);
        int64_t now_ms = (int64_t)random_below(&dice, 1u << 30);
        pace_change(&pace, (double)(1 + random_below(&dice, 1000000)) / 60000, size, at(now_ms));
        pace_charge(&pace, (double)random_below(&dice, 200000), at(now_ms));
        int64_t wait_ms = pace_wait_ms(&pace, cost, at(now_ms));
        assert_int_equal(pace_wait_ms(&pace, cost, at(now_ms + wait_ms)), 0);
        if (wait_ms > 0) {
            assert_true(pace_wait_ms(&pace, cost, at(now_ms + wait_ms - 1)) > 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes_and_then_the_rate),
        cmocka_unit_test(no_limit_lets_all_pass),
        cmocka_unit_test(a_cost_above_the_burst_passes_when_it_has_rested),
        cmocka_unit_test(what_was_not_used_is_given_back_but_never_more_than_fits),
        cmocka_unit_test(another_speed_keeps_what_is_left),
        cmocka_unit_test(the_wait_is_exact_to_the_millisecond),
    };
    return UNIT_RUN(tests);
}
