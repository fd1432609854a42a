/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_halt: when so many failures are too many. */
#include "unit.h"

#include "client/halt.h"

static struct halt read_halt(const char *text)
{
    struct halt halt;

    assert_int_equal(halt_read(text, &halt, NULL), 0);
    return halt;
}

static void a_number_is_reached_by_it(void **state)
{
    struct halt halt = read_halt("soon,fail=2");

    (void)state;
    assert_int_equal(halt.when, HALT_SOON);
    assert_false(halt_reached(&halt, 1, 1));
    assert_true(halt_reached(&halt, 2, 1000));
}

static void a_percentage_is_of_all_so_far_and_of_three_at_least(void **state)
{
    struct halt halt = read_halt("now,fail=50%");

    (void)state;
    assert_int_equal(halt.when, HALT_NOW);
    assert_false(halt_reached(&halt, 2, 2));
    assert_true(halt_reached(&halt, 3, 6));
    assert_false(halt_reached(&halt, 3, 7));
}

static void never_is_never(void **state)
{
    struct halt halt = read_halt("never");

    (void)state;
    assert_false(halt_reached(&halt, 1000, 1000));
}

static void anything_else_is_refused(void **state)
{
    static const char *const bad[] = {"",           "soon",         "soon,fail=", "soon,fail=0",
                                      "soon,fail=-1", "soon,fail=1x", "now,fail=101%",
                                      "now,fail=1%%", "soon,success=1", "fail=1",
                                      "soon,fail=99999999999999999999"};
    struct halt halt;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error error;

        assert_int_equal(halt_read(bad[i], &halt, &error), -1);
        assert_int_equal(error.kind, ERROR_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_reached_by_it),
        cmocka_unit_test(a_percentage_is_of_all_so_far_and_of_three_at_least),
        cmocka_unit_test(never_is_never),
        cmocka_unit_test(anything_else_is_refused),
    };

    return UNIT_RUN(tests);
}
