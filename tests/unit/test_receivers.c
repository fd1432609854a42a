/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_receivers: the schedule of tries, and receivers that are kept apart. */
#include "unit.h"

#include "daemon/receivers.h"

#define MINUTE INT64_C(60000)

static const struct schedule quick = {.delay_ms = {100, 1000, 10 * MINUTE}, .count = 3};

static struct receivers world(size_t most, unsigned in_flight)
{
    struct receivers receivers;

    receivers_init(&receivers, most, in_flight, &quick);
    receivers_set_window(&receivers, 16);
    return receivers;
}

static struct debt *owe(struct receivers *receivers, unsigned number, const char *key, int64_t at)
{
    struct debt debt = {.next_try = at, .made = at};

    debt.hash.bytes[0] = (unsigned char)(number >> 8);
    debt.hash.bytes[1] = (unsigned char)number;
    return receivers_add(receivers, &debt, key);
}

static void the_schedule_is_that_of_standard_webhooks(void **state)
{
    static const int64_t seconds[] = {5,     300,   1800,  7200, 18000,
                                      36000, 50400, 72000, 86400};
    struct random random;
    int64_t whole = 0;

    (void)state;
    random_init(&random, 7);
    for (unsigned i = 0; i < 9; i++) {
        whole += seconds[i] * 1000;
        for (int k = 0; k < 200; k++) {
            int64_t delay = schedule_next(&schedule_standard, i + 1, &random);

            assert_in_range(delay, seconds[i] * 800, seconds[i] * 1200);
        }
    }
    assert_int_equal(schedule_next(&schedule_standard, 10, &random), -1);
    assert_int_equal(schedule_whole(&schedule_standard), whole);
    assert_int_equal(schedule_pause(&schedule_standard, 1), 5000);
    assert_int_equal(schedule_pause(&schedule_standard, 4), 5 * MINUTE);
    assert_int_equal(schedule_pause(&(struct schedule){0}, 3), 0);
}

static void few_are_tried_until_answers_come_quickly(void **state)
{
    struct receivers receivers = world(100, 50);
    struct debt *debt[5];

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        assert_non_null(owe(&receivers, i, "a", 0));
    for (int i = 0; i < WINDOW_FIRST; i++)
        assert_non_null(debt[i] = receivers_take(&receivers, 1));
    assert_null(receivers_take(&receivers, 1));
    assert_int_equal(receivers_wake_ms(&receivers, 1), -1);
    receivers_paid(debt[0], 10);
    receivers_remove(debt[0]);
    assert_non_null(receivers_take(&receivers, 2));
    assert_non_null(receivers_take(&receivers, 2)); /* one in place of it, and one more */
    assert_null(receivers_take(&receivers, 2));
    receivers_paid(debt[1], 60000); /* who is slow is given fewer */
    receivers_remove(debt[1]);
    assert_null(receivers_take(&receivers, 3));
    receivers_clear(&receivers);
}

static void a_receiver_that_fails_is_left_alone_and_then_tried_with_one(void **state)
{
    struct receivers receivers = world(100, 50);
    struct debt *debt;

    (void)state;
    for (unsigned i = 0; i < 9; i++)
        owe(&receivers, i, "dead", 0);
    owe(&receivers, 100, "well", 0);
    for (int i = 0; i < CLOSE_AFTER; i++) {
        while ((debt = receivers_take(&receivers, 10)) != NULL && debt->receiver->key[0] != 'd')
            receivers_settle(debt);
        assert_non_null(debt);
        receivers_failed(debt, 10, true, 0, "no");
        receivers_wait(debt, 5000);
    }
    assert_int_equal(receivers_due(&receivers, 10), 1); /* what the other one settles */
    assert_null(receivers_take(&receivers, 10));
    assert_int_equal(receivers_wake_ms(&receivers, 10), 100);
    assert_non_null(debt = receivers_take(&receivers, 110));
    assert_null(receivers_take(&receivers, 110)); /* one at a time */
    receivers_failed(debt, 110, true, 0, "no");
    receivers_wait(debt, 5000);
    assert_int_equal(receivers_wake_ms(&receivers, 110), 1000); /* longer each time */
    assert_non_null(debt = receivers_take(&receivers, 1110));
    receivers_paid(debt, 5);
    receivers_remove(debt);
    assert_non_null(receivers_take(&receivers, 1110)); /* well again */
    receivers_clear(&receivers);
}

static void what_a_receiver_asks_for_is_a_floor_for_all_it_is_owed(void **state)
{
    struct receivers receivers = world(100, 50);
    struct debt *debt;

    (void)state;
    owe(&receivers, 1, "a", 0);
    owe(&receivers, 2, "a", 0);
    debt = receivers_take(&receivers, 10);
    receivers_failed(debt, 10, true, 30000, "busy");
    receivers_wait(debt, 30010);
    assert_null(receivers_take(&receivers, 30009));
    assert_non_null(receivers_take(&receivers, 30010));
    receivers_clear(&receivers);
}

static void receivers_take_turns_where_not_all_may_be_tried(void **state)
{
    struct receivers receivers = world(100, 1);
    struct debt *debt;
    int turns[2] = {0};

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        owe(&receivers, i, i < 10 ? "a" : "b", 0);
    for (int i = 0; i < 8; i++) {
        assert_non_null(debt = receivers_take(&receivers, 100 + i));
        assert_null(receivers_take(&receivers, 100 + i));
        turns[debt->receiver->key[0] - 'a']++;
        receivers_paid(debt, 1);
        receivers_remove(debt);
    }
    assert_int_equal(turns[0], 4);
    assert_int_equal(turns[1], 4);
    receivers_clear(&receivers);
}

static void who_has_most_gives_way_when_there_is_no_room(void **state)
{
    struct receivers receivers = world(40, 8);

    (void)state;
    for (unsigned i = 0; i < 60; i++)
        (void)owe(&receivers, i, "dead", 0);
    assert_int_equal(receivers.count, 40);
    assert_int_equal(receivers.left_out, 20);
    assert_non_null(owe(&receivers, 200, "other", 0));
    assert_int_equal(receivers.count, 40);
    assert_int_equal(receivers.left_out, 21);
    assert_false(receivers_hungry(&receivers));
    for (unsigned i = 0; i < 60 && receivers.count > 20; i++) {
        struct id hash = {.bytes = {0, (unsigned char)i}};
        struct debt *debt = receivers_find(&receivers, &hash);

        if (debt != NULL)
            receivers_remove(debt);
    }
    assert_true(receivers_hungry(&receivers));
    receivers_count_anew(&receivers);
    assert_false(receivers_hungry(&receivers));
    receivers_clear(&receivers);
}

static void who_bounds_himself_has_any_number_in_flight(void **state)
{
    struct receivers receivers = world(100, 2);

    (void)state;
    receivers_set_free(&receivers, "hook");
    for (unsigned i = 0; i < 30; i++)
        owe(&receivers, i, "hook", 0);
    for (int i = 0; i < 30; i++)
        assert_non_null(receivers_take(&receivers, 1));
    assert_int_equal(receivers.in_flight, 0);
    receivers_clear(&receivers);
}

static void they_hold_half_of_the_places_together(void **state)
{
    struct receivers receivers = world(40, 4);
    struct debt *taken[20];

    (void)state;
    receivers_set_free(&receivers, "one");
    for (unsigned i = 0; i < 60; i++)
        (void)owe(&receivers, i, "one", 0);
    for (int i = 0; i < 20; i++)
        assert_non_null(taken[i] = receivers_take(&receivers, 1));
    assert_null(receivers_take(&receivers, 1));
    for (unsigned i = 100; i < 110; i++) /* what waits gives way, as that of others does */
        assert_non_null(owe(&receivers, i, "webhooks", 0));
    receivers_set_free(&receivers, "other");
    assert_non_null(owe(&receivers, 200, "other", 0));
    assert_false(receivers_hungry(&receivers)); /* who has few has all */
    for (int i = 0; i < 10; i++)
        receivers_remove(taken[i]);
    for (int i = 0; i < 4 + 1; i++) { /* a window of webhooks, and the other's; one has its share */
        struct debt *debt = receivers_take(&receivers, 1);

        assert_non_null(debt);
        assert_string_not_equal(debt->receiver->key, "one");
    }
    receivers_clear(&receivers);
}

static void no_look_is_made_for_what_nobody_would_give_way_to(void **state)
{
    struct receivers receivers = world(40, 40);
    char key[] = "a";

    (void)state;
    for (unsigned i = 0; i < 50; i++) { /* ten receivers with few each, all of the places taken */
        key[0] = (char)('a' + i % 10);
        (void)owe(&receivers, i, key, 0);
    }
    assert_int_equal(receivers.count, 40);
    assert_int_equal(receivers.left_out, 10);
    assert_false(receivers_hungry(&receivers));
    receivers_remove(receivers_take(&receivers, 1));
    assert_true(receivers_hungry(&receivers));
    receivers_clear(&receivers);
}

static void what_is_asked_for_while_it_settles_is_due_afterwards(void **state)
{
    struct receivers receivers = world(10, 2);
    struct debt *debt;

    (void)state;
    owe(&receivers, 1, "a", 0);
    debt = receivers_take(&receivers, 1);
    receivers_hurry(debt, 1);
    assert_false(debt->at_once); /* it is being tried */
    receivers_failed(debt, 1, false, 0, "no");
    receivers_hurry(debt, 2);
    assert_true(debt->at_once);
    receivers_wait(debt, 9000);
    assert_null(receivers_take(&receivers, 8999));
    receivers_hurry(debt, 100);
    assert_ptr_equal(receivers_take(&receivers, 100), debt);
    receivers_clear(&receivers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schedule_is_that_of_standard_webhooks),
        cmocka_unit_test(few_are_tried_until_answers_come_quickly),
        cmocka_unit_test(a_receiver_that_fails_is_left_alone_and_then_tried_with_one),
        cmocka_unit_test(what_a_receiver_asks_for_is_a_floor_for_all_it_is_owed),
        cmocka_unit_test(receivers_take_turns_where_not_all_may_be_tried),
        cmocka_unit_test(who_has_most_gives_way_when_there_is_no_room),
        cmocka_unit_test(who_bounds_himself_has_any_number_in_flight),
        cmocka_unit_test(they_hold_half_of_the_places_together),
        cmocka_unit_test(no_look_is_made_for_what_nobody_would_give_way_to),
        cmocka_unit_test(what_is_asked_for_while_it_settles_is_due_afterwards),
    };

    return UNIT_RUN(tests);
}
