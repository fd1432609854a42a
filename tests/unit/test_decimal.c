/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_decimal: the shortest decimal digits that denote a double. */
#include "unit.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/decimal.h"
#include "base/random.h"

static void check(double number, const char *digits, int point)
{
    struct decimal decimal;
    decimal_shortest(number, &decimal);
    assert_int_equal(decimal.count, strlen(digits));
    assert_memory_equal(decimal.digits, digits, strlen(digits));
    assert_int_equal(decimal.point, point);
}

static void short_decimals_come_out_as_written(void **state)
{
    (void)state;
    check(0.1, "1", 0);
    check(0.7, "7", 0);
    check(12.5, "125", 2);
    check(0.000001, "1", -5);
    check(123456789.012345, "123456789012345", 9);
    check(1e-7, "1", -6);
    check(1e22, "1", 23);
    check(4096, "4096", 4);
}

static void numbers_that_need_them_get_16_or_17_digits(void **state)
{
    (void)state;
    check(1.0 / 3, "3333333333333333", 0);
    check(0.1 + 0.2, "30000000000000004", 0);
    check(0x1p68, "29514790517935283", 21);
    check(DBL_MAX, "17976931348623157", 309);
}

static void subnormals_have_as_few_digits_as_they_need(void **state)
{
    (void)state;
    check(0x1p-1074, "5", -323);
    check(0x1p-1073, "1", -322);
    check(0x3p-1074, "15", -322);
    check(DBL_MIN, "22250738585072014", -307);
    check(nextafter(DBL_MIN, 0), "2225073858507201", -307);
}

/* The nearest 16 digits, ...801, lie below the narrower gap and read back as another double. */
static void below_a_power_of_two_the_gap_is_narrower(void **state)
{
    (void)state;
    check(0x1p-44, "5684341886080802", -13);
}

/* The text of a decimal, read by strtod, and what %.*e says of the same number of digits. */
static void check_shortest(double number)
{
    struct decimal decimal;
    char text[64];
    decimal_shortest(number, &decimal);
    snprintf(text, sizeof text, "0.%.*se%d", decimal.count, decimal.digits, decimal.point);
    assert_true(strtod(text, NULL) == number);
    assert_true(decimal.digits[0] != '0' && decimal.digits[decimal.count - 1] != '0');
    for (int count = 1; count < decimal.count; count++) {
        snprintf(text, sizeof text, "%.*e", count - 1, number);
        assert_true(strtod(text, NULL) != number);
    }
}

static void random_doubles_read_back_and_have_no_shorter_form(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 20);
    for (int i = 0; i < 3000; i++) {
        uint64_t bits = random_below(&random, UINT64_C(0x7FF0000000000000) - 1) + 1;
        double number;
        memcpy(&number, &bits, sizeof number);
        check_shortest(number);
        check_shortest((double)random_below(&random, 1000000000) / 10000 + 0.0001);
    }
}

static void all_powers_of_two_read_back(void **state)
{
    (void)state;
    for (int exponent = -1074; exponent <= 1023; exponent++) {
        check_shortest(ldexp(1, exponent));
    }
}

static void digits_of_integers(void **state)
{
    (void)state;
    char text[20];
    assert_int_equal(decimal_digits(0, text), 1);
    assert_memory_equal(text, "0", 1);
    assert_int_equal(decimal_digits(1020, text), 4);
    assert_memory_equal(text, "1020", 4);
    assert_int_equal(decimal_digits(UINT64_MAX, text), 20);
    assert_memory_equal(text, "18446744073709551615", 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_decimals_come_out_as_written),
        cmocka_unit_test(numbers_that_need_them_get_16_or_17_digits),
        cmocka_unit_test(subnormals_have_as_few_digits_as_they_need),
        cmocka_unit_test(below_a_power_of_two_the_gap_is_narrower),
        cmocka_unit_test(random_doubles_read_back_and_have_no_shorter_form),
        cmocka_unit_test(all_powers_of_two_read_back),
        cmocka_unit_test(digits_of_integers),
    };
    return UNIT_RUN(tests);
}
