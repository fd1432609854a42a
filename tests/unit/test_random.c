/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_random: random numbers and unique names. */
#include "unit.h"

#include <string.h>

#include "base/random.h"

/* The published first outputs of splitmix64 seeded with 1234567. */
static void the_generator_is_splitmix64(void **state)
{
    (void)state;
    static const uint64_t wanted[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                      UINT64_C(9817491932198370423)};
    struct random random;
    random_init(&random, 1234567);
    for (size_t i = 0; i < UNIT_COUNT(wanted); i++) {
        assert_true(random_below(&random, UINT64_MAX) == wanted[i] % UINT64_MAX);
    }
}

static void the_same_seed_gives_the_same_numbers(void **state)
{
    (void)state;
    struct random a, b;
    random_init(&a, 99);
    random_init(&b, 99);
    for (int i = 0; i < 100; i++) {
        assert_true(random_below(&a, 1000000) == random_below(&b, 1000000));
    }
}

static void without_a_seed_two_differ(void **state)
{
    (void)state;
    struct random a, b;
    random_init(&a, 0);
    random_init(&b, 0);
    assert_true(a.state != b.state);
}

static void numbers_stay_below_the_bound_and_reach_all_of_it(void **state)
{
    (void)state;
    struct random random;
    int seen[10] = {0};
    random_init(&random, 4);
    for (int i = 0; i < 10000; i++) {
        uint64_t number = random_below(&random, UNIT_COUNT(seen));
        assert_true(number < UNIT_COUNT(seen));
        seen[number]++;
    }
    for (size_t i = 0; i < UNIT_COUNT(seen); i++) {
        assert_in_range(seen[i], 850, 1150);
    }
    assert_int_equal(random_below(&random, 1), 0);
}

/* With a bound of 3/4 of 2^64, a plain remainder would give the lowest third twice as often as the
 * others. */
static void large_bounds_are_not_skewed(void **state)
{
    (void)state;
    struct random random;
    const uint64_t third = UINT64_C(1) << 62;
    int lowest = 0;
    random_init(&random, 5);
    for (int i = 0; i < 9000; i++) {
        lowest += random_below(&random, 3 * third) < third;
    }
    assert_in_range(lowest, 2700, 3300);
}

static void names_are_hex_and_never_the_same(void **state)
{
    (void)state;
    char names[50][RANDOM_NAME_SIZE];
    for (size_t i = 0; i < UNIT_COUNT(names); i++) {
        random_name(names[i]);
        assert_int_equal(strlen(names[i]), 24);
        assert_int_equal(strspn(names[i], "0123456789abcdef"), 24);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(names[i], names[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_is_splitmix64),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(without_a_seed_two_differ),
        cmocka_unit_test(numbers_stay_below_the_bound_and_reach_all_of_it),
        cmocka_unit_test(large_bounds_are_not_skewed),
        cmocka_unit_test(names_are_hex_and_never_the_same),
    };
    return UNIT_RUN(tests);
}
