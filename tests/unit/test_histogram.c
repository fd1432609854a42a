/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_histogram: how often which sizes came. */
#include "unit.h"

#include <stdlib.h>

#include "base/histogram.h"

static void every_bucket_holds_its_values_and_no_others(void **state)
{
    (void)state;
    for (size_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        int64_t highest = histogram_highest(bucket);

        assert_int_equal(histogram_bucket(highest), bucket);
        if (bucket + 1 < HISTOGRAM_BUCKETS) {
            assert_int_equal(histogram_bucket(highest + 1), bucket + 1);
        }
    }
}

static void a_bucket_is_at_most_a_sixteenth_wide(void **state)
{
    (void)state;
    for (size_t bucket = HISTOGRAM_EXACT; bucket < HISTOGRAM_BUCKETS; bucket++) {
        int64_t lowest = histogram_highest(bucket - 1) + 1;

        assert_true(16 * (histogram_highest(bucket) - lowest + 1) <= lowest);
    }
}

static void what_is_out_of_range_is_counted_at_the_end(void **state)
{
    struct histogram histogram = {0};

    (void)state;
    histogram_add(&histogram, -5);
    assert_int_equal(histogram_percentile(&histogram, 100), 0);
    histogram_add(&histogram, INT64_MAX);
    assert_int_equal(histogram_percentile(&histogram, 100), (INT64_C(1) << 40) - 1);
    assert_int_equal(histogram.total, 2);
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* Beside the sorted values, by the same rule of ranks. */
static void percentiles_are_never_too_low_and_little_too_high(void **state)
{
    enum { COUNT = 1000 };
    struct histogram histogram = {0};
    int64_t values[COUNT];
    uint32_t random = 12345;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        random = random * 1664525u + 1013904223u;
        values[i] = (random >> 8) % (i % 7 == 0 ? 600000 : 900);
        histogram_add(&histogram, values[i]);
    }
    qsort(values, COUNT, sizeof *values, compare);
    for (unsigned percent = 1; percent <= 100; percent++) {
        int64_t exact = values[COUNT * percent / 100 - 1];
        int64_t found = histogram_percentile(&histogram, percent);

        assert_true(found >= exact && found - exact <= exact / 16);
    }
}

static void an_empty_one_has_no_percentile_and_one_value_is_all_of_them(void **state)
{
    struct histogram histogram = {0};

    (void)state;
    assert_int_equal(histogram_percentile(&histogram, 50), 0);
    histogram_add(&histogram, 17);
    assert_int_equal(histogram_percentile(&histogram, 0), 17);
    assert_int_equal(histogram_percentile(&histogram, 50), 17);
    assert_int_equal(histogram_percentile(&histogram, 99), 17);
}

static void two_are_merged(void **state)
{
    struct histogram one = {0}, other = {0};

    (void)state;
    histogram_add(&one, 1);
    histogram_add(&other, 2);
    histogram_add(&other, 3);
    histogram_merge(&one, &other);
    assert_int_equal(one.total, 3);
    assert_int_equal(histogram_percentile(&one, 50), 2);
    assert_int_equal(histogram_percentile(&one, 100), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bucket_holds_its_values_and_no_others),
        cmocka_unit_test(a_bucket_is_at_most_a_sixteenth_wide),
        cmocka_unit_test(what_is_out_of_range_is_counted_at_the_end),
        cmocka_unit_test(percentiles_are_never_too_low_and_little_too_high),
        cmocka_unit_test(an_empty_one_has_no_percentile_and_one_value_is_all_of_them),
        cmocka_unit_test(two_are_merged),
    };
    return UNIT_RUN(tests);
}
