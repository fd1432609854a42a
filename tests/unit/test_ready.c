/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ready: who goes next of the ready tasks of one lane: priority, turns, age. */
#include "unit.h"

#include "base/random.h"
#include "base/xalloc.h"
#include "daemon/queue.h"
#include "daemon/ready.h"

enum { AGING_MS = 10 * 60 * 1000, START_MS = 1000000000, STEP_MS = 100 };

/* A lane's ready tasks, the shares and a clock. */
struct desk {
    struct shares *shares;
    struct ready ready;
    struct wall now;
    uint64_t sequence;
};

static void desk_open(struct desk *desk)
{
    *desk = (struct desk){.shares = shares_open(), .now = {START_MS}};
    ready_open(&desk->ready, AGING_MS);
}

static void desk_close(struct desk *desk)
{
    struct task *task;
    for (struct share *share = shares_first(desk->shares); share != NULL; share = share->hh.next) {
        share->max_in_flight = 0;
        ready_share_changed(share);
    }
    while ((task = ready_choice(&desk->ready, 0, desk->now)) != NULL) {
        ready_remove(&desk->ready, task);
        free(task);
    }
    ready_close(&desk->ready, desk->shares);
    shares_close(desk->shares);
}

static struct task *drop(struct desk *desk, const char *user, int priority, int64_t tokens)
{
    struct task *task = xcalloc(1, sizeof *task);
    task->share = shares_get(desk->shares, user);
    task->priority = priority;
    task->input_tokens = tokens;
    task->submitted = desk->now.ms;
    task->sequence = desk->sequence++;
    ready_add(&desk->ready, task, desk->now);
    return task;
}

/* Sends the next task and returns it, still in flight; NULL: none may go. */
static struct task *send(struct desk *desk)
{
    struct task *task = ready_choice(&desk->ready, 0, desk->now);
    if (task != NULL) {
        ready_remove(&desk->ready, task);
        ready_sent(task, ready_backlog(&desk->ready, task->share), desk->now);
    }
    desk->now.ms += STEP_MS;
    return task;
}

/* Sends the next task, whose answer takes what was estimated; returns its user, NULL for none. */
static const char *pass(struct desk *desk)
{
    struct task *task = send(desk);
    const char *user = task != NULL ? task->share->key : NULL;
    if (task != NULL)
        ready_landed(task, -1);
    free(task);
    return user;
}

static void without_tasks_nobody_goes(void **state)
{
    (void)state;
    struct desk desk;
    desk_open(&desk);
    assert_int_equal(ready_level(&desk.ready, desk.now), -1);
    assert_null(ready_choice(&desk.ready, 0, desk.now));
    assert_null(ready_oldest(&desk.ready));
    desk_close(&desk);
}

static void of_one_user_the_smallest_priority_goes_first_then_the_oldest(void **state)
{
    (void)state;
    struct desk desk;
    desk_open(&desk);
    struct task *late = drop(&desk, "a", 5, 10);
    struct task *later = drop(&desk, "a", 5, 10);
    struct task *urgent = drop(&desk, "a", 0, 10);
    struct task *lazy = drop(&desk, "a", 9, 10);
    struct task *order[] = {urgent, late, later, lazy};
    for (size_t i = 0; i < UNIT_COUNT(order); i++) {
        struct task *task = send(&desk);
        assert_ptr_equal(task, order[i]);
        ready_landed(task, -1);
        free(task);
    }
    desk_close(&desk);
}

static void a_newcomer_goes_within_five_dispatches_of_a_user_with_100000_tasks(void **state)
{
    (void)state;
    struct desk desk;
    desk_open(&desk);
    for (int i = 0; i < 100000; i++)
        drop(&desk, "batch", 5, 400);
    for (int i = 0; i < 500; i++)
        assert_string_equal(pass(&desk), "batch");
    drop(&desk, "one", 5, 100000);
    int dispatches = 0;
    while (strcmp(pass(&desk), "one") != 0)
        dispatches++;
    print_message("# sent after %d others\n", dispatches);
    assert_true(dispatches < 5);
    desk_close(&desk);
}

static void an_old_batch_has_no_advantage_of_its_age(void **state)
{
    (void)state;
    struct desk desk;
    desk_open(&desk);
    for (int i = 0; i < 1000; i++)
        drop(&desk, "batch", 5, 400);
    for (int i = 0; i < 100; i++) {
        pass(&desk);
        desk.now.ms += AGING_MS / 20; /* five hours and more in all */
    }
    drop(&desk, "one", 5, 10);
    int dispatches = 0;
    while (strcmp(pass(&desk), "one") != 0)
        dispatches++;
    assert_true(dispatches < 5);
    desk_close(&desk);
}

static void ten_users_with_very_different_prompts_get_equal_tokens(void **state)
{
    (void)state;
    static const int64_t lengths[] = {10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000};
    struct desk desk;
    int64_t got[UNIT_COUNT(lengths)] = {0};
    int64_t total = 0;
    desk_open(&desk);
    for (size_t i = 0; i < UNIT_COUNT(lengths); i++) {
        char user[2] = {(char)('a' + i), '\0'};
        for (int64_t k = 0; k < 4000000 / lengths[i]; k++)
            drop(&desk, user, 5, lengths[i]);
    }
    while (total < 10000000) {
        size_t who = (size_t)(pass(&desk)[0] - 'a');
        got[who] += lengths[who];
        total += lengths[who];
    }
    for (size_t i = 0; i < UNIT_COUNT(lengths); i++) {
        double part = (double)got[i] * UNIT_COUNT(lengths) / (double)total;
        print_message("# user of %lld tokens a prompt: %.4f of a fair part\n",
                      (long long)lengths[i], part);
        assert_true(part > 0.95 && part < 1.05);
    }
    desk_close(&desk);
}

static void shares_are_charged_what_answers_really_took(void **state)
{
    (void)state;
    struct desk desk;
    int64_t got[2] = {0, 0};
    desk_open(&desk);
    for (int i = 0; i < 4000; i++) { /* all are estimated alike; a's answers are four times longer */
        drop(&desk, "a", 5, 100);
        drop(&desk, "b", 5, 100);
    }
    for (int i = 0; i < 2000; i++) {
        struct task *task = send(&desk);
        int64_t real = task->share->key[0] == 'a' ? 400 : 100;
        got[task->share->key[0] - 'a'] += real;
        ready_landed(task, real);
        free(task);
    }
    double ratio = (double)got[0] / (double)got[1];
    assert_true(ratio > 0.95 && ratio < 1.05);
    desk_close(&desk);
}

static void who_had_nothing_to_send_saves_nothing_up(void **state)
{
    (void)state;
    struct desk desk;
    desk_open(&desk);
    drop(&desk, "rare", 5, 10);
    pass(&desk);
    for (int i = 0; i < 1000; i++)
        drop(&desk, "busy", 5, 100);
    for (int i = 0; i < 500; i++)
        pass(&desk);
    for (int i = 0; i < 100; i++)
        drop(&desk, "rare", 5, 100);
    int rare = 0;
    for (int i = 0; i < 100; i++)
        rare += strcmp(pass(&desk), "rare") == 0;
    assert_in_range(rare, 48, 52);
    desk_close(&desk);
}

static void the_lowest_priority_is_sent_once_in_nine_steps_of_aging(void **state)
{
    (void)state;
    struct desk desk;
    int64_t last_ms = START_MS;
    int lazy = 0;
    desk_open(&desk);
    for (int i = 0; i < 10; i++)
        drop(&desk, "patient", 9, 10);
    while (lazy < 3) {
        drop(&desk, "pressing", 0, 10);
        if (strcmp(pass(&desk), "patient") == 0) {
            assert_true(desk.now.ms - last_ms <= 9 * AGING_MS + 2 * AGING_MS / 10 + 2 * STEP_MS);
            assert_true(desk.now.ms - last_ms >= 9 * AGING_MS);
            last_ms = desk.now.ms - STEP_MS;
            lazy++;
        }
        desk.now.ms += AGING_MS / 10;
    }
    desk_close(&desk);
}

static void a_users_urgent_task_is_not_hidden_behind_his_own_old_ones(void **state)
{
    (void)state;
    struct desk desk;
    desk_open(&desk);
    for (int i = 0; i < 100; i++)
        drop(&desk, "a", 9, 10);
    desk.now.ms += 20 * AGING_MS;
    pass(&desk); /* one that is old by now */
    struct task *urgent = drop(&desk, "a", 0, 10);
    assert_ptr_equal(ready_choice(&desk.ready, 0, desk.now), urgent);
    assert_int_equal(ready_level(&desk.ready, desk.now), 0);
    desk_close(&desk);
}

static void without_aging_priorities_stay(void **state)
{
    (void)state;
    struct desk desk;
    desk_open(&desk);
    desk.ready.aging_ms = 0;
    drop(&desk, "a", 9, 10);
    desk.now.ms += 1000 * (int64_t)AGING_MS;
    struct task *urgent = drop(&desk, "b", 8, 10);
    assert_ptr_equal(ready_choice(&desk.ready, 0, desk.now), urgent);
    desk_close(&desk);
}

static void a_full_share_lets_others_pass_until_a_request_of_its_lands(void **state)
{
    (void)state;
    struct desk desk;
    desk_open(&desk);
    shares_get(desk.shares, "a")->max_in_flight = 2;
    for (int i = 0; i < 5; i++)
        drop(&desk, "a", 0, 10);
    struct task *first = send(&desk);
    struct task *second = send(&desk);
    assert_int_equal(ready_level(&desk.ready, desk.now), -1);
    drop(&desk, "b", 9, 10);
    assert_string_equal(pass(&desk), "b");
    assert_null(ready_choice(&desk.ready, 0, desk.now));
    ready_landed(first, 10);
    struct task *third = send(&desk);
    assert_string_equal(third->share->key, "a");
    assert_null(ready_choice(&desk.ready, 0, desk.now));
    ready_landed(second, 10);
    ready_landed(third, 10);
    free(first);
    free(second);
    free(third);
    desk_close(&desk);
}

static void a_gate_that_refuses_the_first_is_offered_others(void **state)
{
    (void)state;
    struct desk desk;
    desk_open(&desk);
    for (int i = 0; i < 3; i++)
        drop(&desk, "a", 5, 10);
    struct task *first = ready_choice(&desk.ready, 0, desk.now);
    struct task *second = ready_choice(&desk.ready, 1, desk.now);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    drop(&desk, "b", 5, 10);
    assert_string_not_equal(ready_choice(&desk.ready, 1, desk.now)->share->key,
                            ready_choice(&desk.ready, 0, desk.now)->share->key);
    desk_close(&desk);
}

/* Random adding, sending, removing and waiting: nothing is lost and the order is kept. */
static void every_task_goes_once_whatever_happens(void **state)
{
    (void)state;
    struct desk desk;
    struct random random;
    size_t dropped = 0, left = 0;
    desk_open(&desk);
    random_init(&random, 7);
    for (int i = 0; i < 20000; i++) {
        char user[2] = {(char)('a' + random_below(&random, 7)), '\0'};
        uint64_t what = random_below(&random, 10);
        if (what < 5) {
            drop(&desk, user, (int)random_below(&random, 10), (int64_t)random_below(&random, 900));
            dropped++;
        } else if (what < 8) {
            left += pass(&desk) != NULL;
        } else if (what == 8) {
            struct task *task = ready_choice(&desk.ready, random_below(&random, 3), desk.now);
            if (task != NULL) {
                ready_remove(&desk.ready, task);
                free(task);
                left++;
            }
        } else {
            desk.now.ms += (int64_t)random_below(&random, AGING_MS);
        }
        assert_int_equal(desk.ready.count, dropped - left);
    }
    while (pass(&desk) != NULL)
        left++;
    assert_int_equal(left, dropped);
    desk_close(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_tasks_nobody_goes),
        cmocka_unit_test(of_one_user_the_smallest_priority_goes_first_then_the_oldest),
        cmocka_unit_test(a_newcomer_goes_within_five_dispatches_of_a_user_with_100000_tasks),
        cmocka_unit_test(an_old_batch_has_no_advantage_of_its_age),
        cmocka_unit_test(ten_users_with_very_different_prompts_get_equal_tokens),
        cmocka_unit_test(shares_are_charged_what_answers_really_took),
        cmocka_unit_test(who_had_nothing_to_send_saves_nothing_up),
        cmocka_unit_test(the_lowest_priority_is_sent_once_in_nine_steps_of_aging),
        cmocka_unit_test(a_users_urgent_task_is_not_hidden_behind_his_own_old_ones),
        cmocka_unit_test(without_aging_priorities_stay),
        cmocka_unit_test(a_full_share_lets_others_pass_until_a_request_of_its_lands),
        cmocka_unit_test(a_gate_that_refuses_the_first_is_offered_others),
        cmocka_unit_test(every_task_goes_once_whatever_happens),
    };
    return UNIT_RUN(tests);
}
