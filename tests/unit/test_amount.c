/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sums of money, exact to the nano. */
#include "unit.h"

#include <math.h>

#include "base/amount.h"

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

static void a_number_or_a_text_is_an_amount(void **state)
{
    static const struct {
        const char *json;
        int64_t nano; /* -1: it is none */
    } cases[] = {
        {"5", 5 * AMOUNT_UNIT}, {"0.15", 150000000}, {"\"0.15\"", 150000000}, {"\"5 EUR\"", -1},
        {"\"-1\"", -1},         {"-1", -1},          {"1e300", -1},           {"true", -1},
        {"null", -1},           {"[5]", -1},
    };

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        json_t *value = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        int64_t nano;

        assert_int_equal(amount_of_json(value, &nano), cases[i].nano >= 0);
        if (cases[i].nano >= 0)
            assert_int_equal(nano, cases[i].nano);
        json_decref(value);
    }
    assert_false(amount_of_json(NULL, &(int64_t){0}));
}

static void amounts_are_shown_as_a_person_reads_them(void **state)
{
    static const struct {
        int64_t nano;
        const char *shown;
    } cases[] = {
        {0, "0.00"},
        {1, "0.000000"},
        {1500, "0.000002"},
        {10000000, "0.0100"},
        {123456789, "0.1235"},
        {10 * AMOUNT_UNIT, "10.00"},
        {12345678901, "12.35"},
        {-1500000000, "-1.50"},
    };
    char text[AMOUNT_SIZE];

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
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
        cmocka_unit_test(numbers_of_json_mean_what_was_written),
        cmocka_unit_test(a_number_or_a_text_is_an_amount),
        cmocka_unit_test(amounts_are_shown_as_a_person_reads_them),
        cmocka_unit_test(a_hundred_cents_are_one),
        cmocka_unit_test(too_much_is_as_much_as_there_can_be),
    };
    return UNIT_RUN(tests);
}
