/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_recent: how the requests of the last ten seconds ended, and whether that is an outage. */
#include "unit.h"

#include "base/random.h"
#include "upstream/recent.h"

static struct mono at(int64_t ms)
{
    return (struct mono){ms};
}

static void add_many(struct recent *recent, bool failed, int count, int64_t ms)
{
    for (int i = 0; i < count; i++) {
        recent_add(recent, failed, at(ms));
    }
}

static void eight_failures_in_a_row_are_an_outage(void **state)
{
    (void)state;
    struct recent recent;
    recent_forget(&recent);
    add_many(&recent, true, 7, 500);
    assert_false(recent_is_outage(&recent, at(500)));
    add_many(&recent, true, 1, 500);
    assert_true(recent_is_outage(&recent, at(500)));
    recent_forget(&recent);
    assert_false(recent_is_outage(&recent, at(500)));
    assert_int_equal(recent_sum(&recent, at(500)).ended, 0);
}

static void an_answer_among_them_breaks_the_row(void **state)
{
    (void)state;
    struct recent recent;
    recent_forget(&recent);
    add_many(&recent, true, 7, 0);
    add_many(&recent, false, 1, 0);
    add_many(&recent, true, 7, 0);
    assert_false(recent_is_outage(&recent, at(0)));
    add_many(&recent, true, 1, 0);
    assert_true(recent_is_outage(&recent, at(0)));
}

static void failures_must_outweigh_what_went_well(void **state)
{
    (void)state;
    struct recent recent;
    recent_forget(&recent);
    add_many(&recent, false, 10, 0);
    add_many(&recent, true, 10, 5000);
    assert_false(recent_is_outage(&recent, at(5000)));
    add_many(&recent, true, 1, 5000);
    assert_true(recent_is_outage(&recent, at(5000)));
}

static void twelve_failures_in_a_row_outweigh_anything(void **state)
{
    (void)state;
    struct recent recent;
    recent_forget(&recent);
    add_many(&recent, false, 1000, 0);
    add_many(&recent, true, 11, 1000);
    assert_false(recent_is_outage(&recent, at(1000)));
    add_many(&recent, true, 1, 1000);
    assert_true(recent_is_outage(&recent, at(1000)));
}

static void ten_seconds_count_and_no_more(void **state)
{
    (void)state;
    struct recent recent;
    recent_forget(&recent);
    add_many(&recent, false, 5, 999);
    add_many(&recent, true, 3, 1000);
    assert_int_equal(recent_sum(&recent, at(9999)).ended, 8);
    assert_int_equal(recent_sum(&recent, at(9999)).failed, 3);
    assert_int_equal(recent_sum(&recent, at(10000)).ended, 3);
    assert_int_equal(recent_sum(&recent, at(11000)).ended, 0);
    add_many(&recent, true, 1, 10999); /* in the place of the first second */
    assert_int_equal(recent_sum(&recent, at(10999)).ended, 4);
    assert_int_equal(recent_sum(&recent, at(1000000)).ended, 0);
}

static void failures_far_between_are_no_outage(void **state)
{
    (void)state;
    struct recent recent;
    recent_forget(&recent);
    for (int64_t ms = 0; ms < 1000000; ms += 1500) {
        recent_add(&recent, true, at(ms));
        assert_false(recent_is_outage(&recent, at(ms)));
    }
}

/* Three in ten, at four rates; the numbers are always the same. */
static void random_faults_are_no_outage(void **state)
{
    (void)state;
    static const int64_t gaps_ms[] = {5, 50, 200, 400};
    struct random dice;
    random_init(&dice, 42);
    for (size_t g = 0; g < UNIT_COUNT(gaps_ms); g++) {
        struct recent recent;
        recent_forget(&recent);
        for (int64_t i = 0; i < 20000; i++) {
            recent_add(&recent, random_below(&dice, 100) < 30, at(i * gaps_ms[g]));
            assert_false(recent_is_outage(&recent, at(i * gaps_ms[g])));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_failures_in_a_row_are_an_outage),
        cmocka_unit_test(an_answer_among_them_breaks_the_row),
        cmocka_unit_test(failures_must_outweigh_what_went_well),
        cmocka_unit_test(twelve_failures_in_a_row_outweigh_anything),
        cmocka_unit_test(ten_seconds_count_and_no_more),
        cmocka_unit_test(failures_far_between_are_no_outage),
        cmocka_unit_test(random_faults_are_no_outage),
    };
    return UNIT_RUN(tests);
}
