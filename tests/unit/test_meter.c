/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_meter: how many requests and tokens were used within the last minute. */
#include "unit.h"

#include "upstream/meter.h"

static struct mono at(int64_t ms)
{
    return (struct mono){ms};
}

static void a_minute_counts_and_no_more(void **state)
{
    (void)state;
    struct meter meter = {0};
    meter_add(&meter, (struct meter_use){1, 100}, at(500));
    meter_add(&meter, (struct meter_use){1, 50}, at(30000));
    meter_add(&meter, (struct meter_use){0, -20}, at(31000));
    assert_int_equal(meter_sum(&meter, at(31000)).requests, 2);
    assert_int_equal(meter_sum(&meter, at(31000)).tokens, 130);
    assert_int_equal(meter_sum(&meter, at(59999)).requests, 2);
    assert_int_equal(meter_sum(&meter, at(60000)).requests, 1);
    assert_int_equal(meter_sum(&meter, at(60000)).tokens, 30);
    assert_int_equal(meter_sum(&meter, at(1000000)).requests, 0);
}

static void an_old_second_makes_way(void **state)
{
    (void)state;
    struct meter meter = {0};
    meter_add(&meter, (struct meter_use){5, 5}, at(1000));
    meter_add(&meter, (struct meter_use){1, 1}, at(61000));
    assert_int_equal(meter_sum(&meter, at(61000)).requests, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minute_counts_and_no_more),
        cmocka_unit_test(an_old_second_makes_way),
    };
    return UNIT_RUN(tests);
}
