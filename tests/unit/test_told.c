/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_told: one limit that an upstream tells of, and our books of how much of it is left. */
#include "unit.h"

#include <math.h>

#include "upstream/told.h"

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS };

static struct mono at(int64_t ms)
{
    return (struct mono){ms};
}

/* One request at a moment, answered at another. */
static void ask(struct told *told, int64_t sent_ms, int64_t now_ms, int64_t limit,
                int64_t remaining, int64_t reset_ms)
{
    double mark = told_charge(told, 1, at(sent_ms));
    told_hear(told, &(struct ratelimit_bucket){limit, remaining, reset_ms}, mark, sent_ms,
              at(now_ms));
}

static void nothing_told_is_no_limit(void **state)
{
    (void)state;
    struct told told = {0};
    told_charge(&told, 1e6, at(0));
    assert_int_equal(told_wait_ms(&told, 1e6, at(0)), 0);
}

static void what_makes_no_sense_is_passed_over(void **state)
{
    (void)state;
    static const struct ratelimit_bucket senseless[] = {
        {-1, -1, -1}, {0, 0, 0}, {-5, 3, 100}, {INT64_MAX, 0, 0}, {-1, 0, 3600000},
    };
    for (size_t i = 0; i < UNIT_COUNT(senseless); i++) {
        struct told told = {0};
        double mark = told_charge(&told, 1, at(0));
        told_hear(&told, &senseless[i], mark, 0, at(1000));
        assert_int_equal(told.limit, 0);
        assert_int_equal(told_wait_ms(&told, 1, at(1000)), 0);
    }
}

/* How a limit is understood, from the first answer that tells of it. */
static const struct {
    const char *what;
    struct ratelimit_bucket bucket;
    bool fixed;
    int64_t period_ms;
    double size;
} shapes[] = {
    {"a minute's bucket", {600, 599, 100}, false, MINUTE_MS, 600},
    {"one of ten", {600, 9, 100}, false, MINUTE_MS, 10},
    {"used up", {600, 0, 1000}, false, MINUTE_MS, 10},
    {"in whole seconds", {50, 49, 3000}, false, MINUTE_MS, 50},
    {"no reset", {600, 5, -1}, false, MINUTE_MS, 600},
    {"nothing left is said", {600, -1, -1}, false, MINUTE_MS, 600},
    {"more left than there is", {600, 700, 0}, false, MINUTE_MS, 600},
    {"a day's, Groq", {14400, 14370, 179560}, false, 24 * HOUR_MS, 14400},
    {"an hour's", {1000, 900, 360000}, false, HOUR_MS, 1000},
    {"a window of a minute", {600, 590, 55000}, true, MINUTE_MS, 600},
    {"a window of a day", {1000, 200, 10 * HOUR_MS}, true, 10 * HOUR_MS, 1000},
    {"a reset beyond reason", {600, 5, INT64_MAX}, false, MINUTE_MS, 600},
};

static void its_numbers_say_how_a_limit_grows(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(shapes); i++) {
        struct told told = {0};
        ask(&told, 0, 0, shapes[i].bucket.limit, shapes[i].bucket.remaining,
            shapes[i].bucket.reset_ms);
        if (told.fixed != shapes[i].fixed || told.period_ms != shapes[i].period_ms ||
            fabs(told.size - shapes[i].size) > 0.5) {
            fail_msg("%s: %s, period %lld, size %g", shapes[i].what,
                     told.fixed ? "fixed" : "growing", (long long)told.period_ms, told.size);
        }
    }
}

static void what_left_after_is_ours_to_subtract(void **state)
{
    (void)state;
    struct told told = {0};
    double first = told_charge(&told, 1, at(0));
    for (int i = 0; i < 3; i++) {
        told_charge(&told, 1, at(0));
    }
    told_hear(&told, &(struct ratelimit_bucket){600, 9, 100}, first, 0, at(0));
    assert_true(told_left(&told, at(0)) == 6);
    assert_true(told_left(&told, at(200)) == 8);
    assert_true(told_left(&told, at(5000)) == 10);
}

static void an_old_answer_is_no_news_of_what_grew_since(void **state)
{
    (void)state;
    struct told told = {0};
    ask(&told, 0, 0, 600, 9, 100);
    double slow = told_charge(&told, 1, at(1000)); /* 9 are left */
    for (int64_t ms = 1100; ms <= 3000; ms += 100) {
        told_charge(&told, 1, at(ms));
    }
    double before = told_left(&told, at(3000));
    told_hear(&told, &(struct ratelimit_bucket){600, 9, 100}, slow, 1000, at(3000));
    assert_true(fabs(told_left(&told, at(3000)) - before) < 0.01);
}

static void bad_news_is_believed_at_once_and_good_news_bit_by_bit(void **state)
{
    (void)state;
    struct told told = {0};
    ask(&told, 0, 0, 600, 599, 100);
    ask(&told, 0, 0, 600, 100, 50000);
    assert_true(told_left(&told, at(0)) == 100);
    ask(&told, 0, 0, 600, 139, 46100);
    assert_true(told_left(&told, at(0)) == 109);
    for (int i = 0; i < 30; i++) {
        ask(&told, 0, 0, 600, 139, 46100);
    }
    assert_true(told_left(&told, at(0)) > 130);
}

static void a_changed_limit_holds_from_its_answer_on(void **state)
{
    (void)state;
    struct told told = {0};
    ask(&told, 0, 0, 600, 0, 1000);
    assert_in_range(told_wait_ms(&told, 1, at(0)), 100, 400);
    ask(&told, 1000, 1000, 60, 0, 10000);
    assert_in_range(told_wait_ms(&told, 1, at(1000)), 1000, 2000);
}

static void a_window_that_turns_is_full_again_at_once(void **state)
{
    (void)state;
    struct told told = {0};
    ask(&told, 0, 100, 600, 599, 55000);
    ask(&told, 100, 100, 600, 2, 55000);
    assert_true(told.fixed);
    assert_int_equal(told_wait_ms(&told, 2, at(100)), 0);
    told_charge(&told, 2, at(100));
    assert_int_equal(told_wait_ms(&told, 1, at(100)), 55000);
    assert_int_equal(told_wait_ms(&told, 1, at(55099)), 1);
    assert_int_equal(told_wait_ms(&told, 600, at(55100)), 0);
    assert_int_equal(told_wait_ms(&told, 6000, at(55100)), 0);
}

static void answers_of_the_window_before_are_no_news(void **state)
{
    (void)state;
    struct told told = {0};
    ask(&told, 0, 0, 600, 599, 55000);
    ask(&told, 0, 0, 600, 2, 55000);
    double mark = told_charge(&told, 1, at(54000));
    told_charge(&told, 1, at(55000));
    told_hear(&told, &(struct ratelimit_bucket){600, 0, 1000}, mark, 54000, at(55500));
    assert_true(told_left(&told, at(55500)) == 599);
}

static void a_window_that_grows_after_all_is_a_bucket(void **state)
{
    (void)state;
    struct told told = {0};
    ask(&told, 0, 0, 600, 500, 30000); /* for once it looked like one */
    assert_true(told.fixed);
    ask(&told, 5000, 5000, 600, 549, 5100);
    assert_false(told.fixed);
}

static void a_cost_above_the_whole_passes_when_it_is_full(void **state)
{
    (void)state;
    struct told told = {0};
    ask(&told, 0, 0, 6000, 0, 60000);
    int64_t wait_ms = told_wait_ms(&told, 1e6, at(0));
    assert_in_range(wait_ms, 1, MINUTE_MS);
    assert_int_equal(told_wait_ms(&told, 1e6, at(wait_ms)), 0);
}

static void it_survives_a_restart(void **state)
{
    (void)state;
    struct told told = {0}, again = {0}, later = {0};
    struct gate_memory_limit memory;
    ask(&told, 0, 0, 600, 0, 60000);
    told_remember(&told, at(0), &memory);
    told_recall(&again, &memory, 10000, at(777));
    assert_true(fabs(told_left(&again, at(777)) - 100) < 0.01);
    ask(&told, 70000, 70000, 600, 550, 50000);
    assert_true(told.fixed);
    told_remember(&told, at(70000), &memory);
    told_recall(&later, &memory, 60000, at(0));
    assert_int_equal(later.limit, 0); /* its window is over */
    memory.limit = -7;
    told_recall(&later, &memory, 0, at(0));
    assert_int_equal(later.limit, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_told_is_no_limit),
        cmocka_unit_test(what_makes_no_sense_is_passed_over),
        cmocka_unit_test(its_numbers_say_how_a_limit_grows),
        cmocka_unit_test(what_left_after_is_ours_to_subtract),
        cmocka_unit_test(an_old_answer_is_no_news_of_what_grew_since),
        cmocka_unit_test(bad_news_is_believed_at_once_and_good_news_bit_by_bit),
        cmocka_unit_test(a_changed_limit_holds_from_its_answer_on),
        cmocka_unit_test(a_window_that_turns_is_full_again_at_once),
        cmocka_unit_test(answers_of_the_window_before_are_no_news),
        cmocka_unit_test(a_window_that_grows_after_all_is_a_bucket),
        cmocka_unit_test(a_cost_above_the_whole_passes_when_it_is_full),
        cmocka_unit_test(it_survives_a_restart),
    };
    return UNIT_RUN(tests);
}
