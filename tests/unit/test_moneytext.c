/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_moneytext: amounts of money as text, read and written. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/moneytext.h"

static void amounts_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t nano;
    } cases[] = {
        {"0", 0},
        {"5", INT64_C(5000000000)},
        {"0.50", INT64_C(500000000)},
        {"10.5", INT64_C(10500000000)},
        {"0.000001", 1000},
        {"0.000000001", 1},
        {"007.10", INT64_C(7100000000)},
        {"9223372036.854775807", INT64_MAX},
        {"00000000000000000000000001", INT64_C(1000000000)},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        int64_t nano = -7;
        assert_int_equal(moneytext_read(cases[i].text, &nano), 0);
        assert_int_equal(nano, cases[i].nano);
    }
}

static void what_is_no_amount_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int problem;
    } cases[] = {
        {"", -EINVAL},
        {".5", -EINVAL},
        {"5.", -EINVAL},
        {"-1", -EINVAL},
        {"+1", -EINVAL},
        {" 1", -EINVAL},
        {"1 ", -EINVAL},
        {"1e3", -EINVAL},
        {"1,50", -EINVAL},
        {"1.2.3", -EINVAL},
        {"$5", -EINVAL},
        {"5 USD", -EINVAL},
        {"0.0000000001", -EINVAL},
        {"9223372036.854775808", -ERANGE},
        {"9223372037", -ERANGE},
        {"99999999999999999999999999", -ERANGE},
        {"99999999999999999999999999x", -EINVAL},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        int64_t nano = -7;
        assert_int_equal(moneytext_read(cases[i].text, &nano), cases[i].problem);
        assert_int_equal(nano, -7);
    }
}

static void amounts_are_written_with_two_decimals_or_more(void **state)
{
    (void)state;
    static const struct {
        int64_t nano;
        const char *text;
    } cases[] = {
        {0, "0.00"},
        {INT64_C(5000000000), "5.00"},
        {INT64_C(500000000), "0.50"},
        {INT64_C(10000000), "0.01"},
        {INT64_C(1234500000), "1.2345"},
        {1, "0.000000001"},
        {1000, "0.000001"},
        {-INT64_C(1500000000), "-1.50"},
        {INT64_MAX, "9223372036.854775807"},
        {INT64_MIN, "-9223372036.854775808"},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        char text[MONEYTEXT_SIZE];
        moneytext_write(cases[i].nano, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    for (int64_t nano = 1; nano < INT64_MAX / 7; nano *= 7) {
        char text[MONEYTEXT_SIZE];
        int64_t again = 0;
        moneytext_write(nano, text);
        assert_int_equal(moneytext_read(text, &again), 0);
        assert_int_equal(again, nano);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts_are_read),
        cmocka_unit_test(what_is_no_amount_is_refused_and_changes_nothing),
        cmocka_unit_test(amounts_are_written_with_two_decimals_or_more),
        cmocka_unit_test(what_is_written_reads_back),
    };
    return UNIT_RUN(tests);
}
