/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_buckets: values counted by fixed bounds. */
#include "unit.h"

#include "base/buckets.h"

static const struct buckets_scale ms = {1000, 3, {10, 100, 1000}};

static void a_bound_belongs_to_its_bucket(void **state)
{
    (void)state;
    struct buckets buckets = {0};
    const int64_t values[] = {0, 10, 11, 100, 101, 1000, 1001, INT32_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        buckets_add(&buckets, &ms, values[i]);
    for (size_t i = 0; i <= ms.count; i++)
        assert_int_equal(buckets.counts[i], 2);
    assert_int_equal(buckets_total(&buckets), 8);
    assert_int_equal(buckets.sum, INT64_C(2223) + INT32_MAX);
}

static void what_is_below_nothing_counts_as_nothing(void **state)
{
    (void)state;
    struct buckets buckets = {0};
    buckets_add(&buckets, &ms, -5);
    assert_int_equal(buckets.counts[0], 1);
    assert_int_equal(buckets.sum, 0);
}

static void a_sum_that_is_full_stays(void **state)
{
    (void)state;
    struct buckets buckets = {0};
    buckets_add(&buckets, &ms, INT64_MAX);
    buckets_add(&buckets, &ms, 1);
    assert_true(buckets.sum == INT64_MAX);
    assert_int_equal(buckets_total(&buckets), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bound_belongs_to_its_bucket),
        cmocka_unit_test(what_is_below_nothing_counts_as_nothing),
        cmocka_unit_test(a_sum_that_is_full_stays),
    };
    return UNIT_RUN(tests);
}
