/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_climb: how a rate or a window grows after it was cut. */
#include "unit.h"

#include "upstream/climb.h"

static double height(double steps)
{
    struct climb climb = {.low = 90, .top = 100, .steps = steps};
    return climb_height(&climb);
}

static void it_is_back_in_four_steps_and_doubles_in_fifteen(void **state)
{
    (void)state;
    assert_true(height(0) == 90);
    assert_true(height(4) == 100);
    assert_true(height(15) > 199.9 && height(15) < 200.1);
}

static void it_never_falls_and_lingers_at_the_top(void **state)
{
    (void)state;
    for (double steps = 0; steps < 40; steps += 0.1) {
        assert_true(height(steps + 0.1) >= height(steps));
    }
    assert_true(height(2) > 98);
    assert_true(height(7) < 103);
}

static void before_its_first_step_it_rests(void **state)
{
    (void)state;
    assert_true(height(-10) == 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_back_in_four_steps_and_doubles_in_fifteen),
        cmocka_unit_test(it_never_falls_and_lingers_at_the_top),
        cmocka_unit_test(before_its_first_step_it_rests),
    };
    return UNIT_RUN(tests);
}
