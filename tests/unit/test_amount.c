/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sums of money, exact to the nano. */
#include "unit.h"

#include <math.h>

#include "base/amount.h"

static void amounts_are_read_exactly(void **state)
{
    static const struct {
        const char *text;
        int64_t nano;
    } cases[] = {
        {"0", 0},
        {"10", 10 * AMOUNT_UNIT},
        {"0.01", 10000000},
        {"0.15", 150000000},
        {"10.000000001", 10 * AMOUNT_UNIT + 1},
        {"0.0000000004", 0},
        {"0.0000000005", 1},
        {"0.9999999995", AMOUNT_UNIT},
        {"9223372036.854775807", INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        int64_t nano = -1;

        assert_true(amount_read(cases[i].text, &nano));
        assert_int_equal(nano, cases[i].nano);
    }
}

static void what_is_no_amount_is_refused(void **state)
{
    static const char *const wrong[] = {"",      "-1", "+1",   ".5",   "1.",
                                        "1e3",   " 1", "1 ",   "1,50", "9223372036.8547758075",
                                        "1 USD", "x",  "1.2.3"};
    int64_t nano = 7;

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        assert_false(amount_read(wrong[i], &nano));
    }
    assert_false(amount_read("9223372037", &nano));
    assert_int_equal(nano, 7);
}

static void numbers_of_json_mean_what_was_written(void **state)
{
    static const struct {
        double units;
        int64_t nano;
    } cases[] = {{0.1, 100000000},
                 {0.15, 150000000},
                 {2.5, 2500000000},
                 {75, 75000000000},
                 {1e-9, 1},
                 {4e-10, 0},
                 {5e-10, 1},
                 {1e-12, 0},
                 {0, 0},
                 {1e9, 1000000000000000000}};
    int64_t nano;

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        assert_true(amount_of_double(cases[i].units, &nano));
        assert_int_equal(nano, cases[i].nano);
    }
    assert_false(amount_of_double(-1, &nano));
    assert_false(amount_of_double(1e10, &nano));
    assert_false(amount_of_double(1e300, &nano));
    assert_false(amount_of_double((double)NAN, &nano));
}

static void amounts_are_written_exactly_or_for_a_person(void **state)
{
    static const struct {
        int64_t nano;
        const char *exact, *shown;
    } cases[] = {
        {0, "0.00", "0.00"},
        {1, "0.000000001", "0.000000"},
        {1500, "0.0000015", "0.000002"},
        {10000000, "0.01", "0.0100"},
        {123456789, "0.123456789", "0.1235"},
        {10 * AMOUNT_UNIT, "10.00", "10.00"},
        {12345678901, "12.345678901", "12.35"},
        {-1500000000, "-1.50", "-1.50"},
    };
    char text[AMOUNT_SIZE];

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        amount_write(cases[i].nano, text);
        assert_string_equal(text, cases[i].exact);
        amount_show(cases[i].nano, text);
        assert_string_equal(text, cases[i].shown);
    }
}

static void a_hundred_cents_are_one(void **state)
{
    int64_t cent, sum = 0;

    (void)state;
    assert_true(amount_of_double(0.01, &cent));
    for (int i = 0; i < 100; i++) {
        sum = amount_add(sum, cent);
    }
    assert_int_equal(sum, AMOUNT_UNIT);
}

static void too_much_is_as_much_as_there_can_be(void **state)
{
    (void)state;
    assert_int_equal(amount_add(INT64_MAX, 1), INT64_MAX);
    assert_int_equal(amount_add(INT64_MAX - 1, 1), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_read_exactly),
        cmocka_unit_test(what_is_no_amount_is_refused),
        cmocka_unit_test(numbers_of_json_mean_what_was_written),
        cmocka_unit_test(amounts_are_written_exactly_or_for_a_person),
        cmocka_unit_test(a_hundred_cents_are_one),
        cmocka_unit_test(too_much_is_as_much_as_there_can_be),
    };
    return UNIT_RUN(tests);
}
