/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Money that is set aside and spent: prices, state/money, what status shows. */
#include "money_world.h"

#include <signal.h>
#include <sys/wait.h>

/* --- configuration ---------------------------------------------------------------------------- */

static void a_new_configuration_counts_what_was_spent(void **state)
{
    struct config raised;

    (void)state;
    world.config.budget.day_nano = CENT;
    begin();
    assert_true(spend(by("alice", CENT), CENT));
    assert_int_equal(ask(by("alice", CENT)), MONEY_HELD);
    raised = world.config;
    raised.budget.day_nano = 2 * CENT;
    assert_int_equal(money_configure(world.money, &raised, NULL, NULL), 0);
    assert_int_equal(world.freed, 1);
    assert_true(spend(by("alice", CENT), CENT));
    assert_false(spend(by("alice", CENT), CENT));
}

static void another_currency_is_refused_while_sums_are_there(void **state)
{
    struct money_setup with = money_setup();
    struct error error;

    (void)state;
    begin();
    assert_true(spend(by("alice", CENT), CENT));
    end();
    world.config.currency = word("EUR");
    assert_null(money_open(&with, NULL, &error));
    assert_non_null(strstr(error.text, "counts USD"));
}

static void prices_of_the_configuration_come_first(void **state)
{
    static const char text[] = "{\"date\": \"2026-02-10\", \"currency\": \"USD\", \"models\": "
                               "{\"gpt-4o*\": {\"input\": 2.5, \"output\": 10, "
                               "\"max_output_tokens\": 16384}}}";
    struct price_table *table = price_table_read(text, strlen(text), NULL);
    struct money_setup with = money_setup();
    struct price price;

    (void)state;
    with.prices = table;
    world.money = money_open(&with, NULL, NULL);
    assert_true(money_price(world.money, "gpt-4o", NULL, &price));
    assert_int_equal(price.input_nano, 2500);
    assert_false(money_price(world.money, "llama", NULL, &price));
    world.models[0].price =
        (struct config_price){.given = true, .input_nano = 7, .cached_nano = -1, .output_nano = 9};
    world.models[0].max_output_tokens = 100;
    assert_true(money_price(world.money, "gpt-4o", NULL, &price));
    assert_int_equal(price.input_nano, 7);
    assert_int_equal(price.cached_nano, -1);
    assert_int_equal(price.max_output_tokens, 100);
    world.models[1].price = (struct config_price){.given = true, .free = true};
    assert_true(money_price(world.money, "llama", NULL, &price));
    assert_int_equal(price_estimate_nano(&price, 1000, 1000), 0);
    assert_true(money_price(world.money, "gpt-4o", NULL, &price));
    assert_int_equal(price.input_nano, 7);
    end();
    price_table_free(table);
}

static void a_table_in_another_currency_is_of_no_use(void **state)
{
    static const char text[] = "{\"date\": \"2026-02-10\", \"currency\": \"EUR\", \"models\": "
                               "{\"gpt-4o\": {\"input\": 2.5, \"output\": 10}}}";
    struct price_table *table = price_table_read(text, strlen(text), NULL);
    struct money_setup with = money_setup();
    struct price price;

    (void)state;
    with.prices = table;
    world.money = money_open(&with, NULL, NULL);
    assert_false(money_price(world.money, "gpt-4o", NULL, &price));
    end();
    price_table_free(table);
}

static void lines_that_cannot_be_read_are_told_of(void **state)
{
    (void)state;
    fresh_write(world.fresh->dir, "money",
                "{\"money\":{\"version\":1,\"next\":9,\"lines\":0}}\ngarbage\n{\"torn\":");
    begin();
    assert_int_equal(money_damaged(world.money), 1);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void many_that_wait_share_a_sync(void **state)
{
    struct money_request request = by("alice", CENT);
    int before;

    (void)state;
    world.config.budget.day_nano = 1000 * CENT;
    begin();
    before = world.syncs;
    for (int i = 0; i < 100; i++) {
        assert_true(money_reserve(world.money, &request).wait);
        money_flush(world.money, on_flushed, NULL);
    }
    assert_int_equal(world.flushed, 0);
    run_loop();
    assert_int_equal(world.flushed, 100);
    assert_int_equal(world.result, 0);
    assert_int_equal(world.syncs - before, 2); /* the first alone, then all others */
}

static void without_a_budget_nothing_is_synced_but_all_is_written(void **state)
{
    struct money_request request = by("alice", CENT);
    struct money_reservation reservation;
    struct buffer text = {0};

    (void)state;
    begin();
    world.syncs = 0;
    reservation = money_reserve(world.money, &request);
    assert_false(reservation.wait);
    money_paid(world.money, reservation.number, NULL, CENT);
    run_loop();
    assert_int_equal(world.syncs, 0);
    assert_int_equal(file_read_at(world.fresh->dir, "money", 1 << 20, &text, NULL), 0);
    assert_non_null(strstr(text.bytes, "\"settle\""));
    buffer_free(&text);
}

static void a_full_disk_holds_sending_until_it_has_room(void **state)
{
    struct money_request request = by("alice", CENT);
    struct money_hold hold;
    struct money_reservation first, second;

    (void)state;
    world.config.budget.day_nano = 10 * CENT;
    begin();
    first = money_reserve(world.money, &request);
    money_reserve(world.money, &request); /* under way all the time */
    world.fail_write = 2;                 /* a part of it, then nothing */
    money_flush(world.money, on_flushed, NULL);
    while (world.flushed == 0) {
        uv_run(&world.loop, UV_RUN_ONCE);
    }
    assert_int_equal(world.result, -ENOSPC);
    assert_int_equal(world.troubles, 1);
    assert_int_equal(money_ask(world.money, &request, &hold), MONEY_UNWRITTEN);
    assert_string_equal(hold.reason, "money cannot be recorded: No space left on device");
    money_released(world.money, first.number);
    run_loop();
    assert_int_equal(world.troubles, 0);
    assert_int_equal(world.freed, 1);
    assert_int_equal(money_ask(world.money, &request, &hold), MONEY_GO);
    second = money_reserve(world.money, &request);
    money_flush(world.money, on_flushed, NULL);
    run_loop();
    assert_int_equal(world.result, 0);
    assert_true(second.number > first.number);
    kill_it();
    begin();
    assert_int_equal(world.doubts, 2); /* not the first, which was released; nothing is torn */
}

static void after_a_failed_sync_the_file_is_written_anew(void **state)
{
    struct money_request request = by("alice", CENT);
    struct stat before, after;

    (void)state;
    world.config.budget.day_nano = 10 * CENT;
    begin();
    assert_int_equal(fstatat(world.fresh->dir, "money", &before, 0), 0);
    world.fail_sync = 1;
    money_reserve(world.money, &request);
    money_flush(world.money, on_flushed, NULL);
    run_loop();
    assert_int_equal(world.result, -EIO);
    assert_int_equal(fstatat(world.fresh->dir, "money", &after, 0), 0);
    assert_false(file_same(&before, &after));
    assert_int_equal(world.troubles, 0);
    kill_it();
    begin();
    assert_int_equal(world.doubts, 1);
}

static void a_long_file_is_made_short_while_it_is_used(void **state)
{
    struct money_request request = by("alice", CENT);
    struct stat status;

    (void)state;
    begin();
    for (int i = 0; i < 30; i++) {
        for (int j = 0; j < 1000; j++) {
            money_paid(world.money, money_reserve(world.money, &request).number, NULL, CENT);
        }
        run_loop();
    }
    assert_int_equal(fstatat(world.fresh->dir, "money", &status, 0), 0);
    assert_true(status.st_size < 4 * 1024 * 1024 + 1024 * 1024);
    end();
    assert_int_equal(fstatat(world.fresh->dir, "money", &status, 0), 0);
    assert_true(status.st_size < 1000);
    begin();
    world.config.budget.day_nano = 30000 * CENT;
    assert_int_equal(money_configure(world.money, &world.config, NULL, NULL), 0);
    assert_int_equal(ask(request), MONEY_HELD);
}

struct life {
    struct money_reservation reservation;
    int sent; /* a pipe: a byte for each request that left */
    bool waiting;
};

static void send_it(void *context, int result)
{
    struct life *life = context;

    if (result != 0 || write(life->sent, "x", 1) != 1) {
        _exit(1);
    }
    life->waiting = false;
    money_paid(world.money, life->reservation.number, NULL, CENT);
}

/* Sends as long as it may, then goes; killed meanwhile. */
static void live(int sent)
{
    struct life life = {.sent = sent};
    struct money_request request = by("alice", CENT);

    begin();
    while (ask(request) == MONEY_GO) {
        life.reservation = money_reserve(world.money, &request);
        life.waiting = true;
        money_flush(world.money, send_it, &life);
        while (life.waiting) {
            uv_run(&world.loop, UV_RUN_ONCE);
        }
    }
    _exit(0);
}

/* Starts a life, kills it after so many requests; returns how many it sent in all. */
static int kill_after(int requests)
{
    int ends[2], sent = 0, status;
    char byte;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        live(ends[1]);
    }
    close(ends[1]);
    while (read(ends[0], &byte, 1) == 1) {
        if (++sent == requests) {
            assert_int_equal(kill(child, SIGKILL), 0);
        }
    }
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return sent;
}

static void however_often_it_is_killed_the_budget_is_kept(void **state)
{
    int sent = 0;

    (void)state;
    world.config.budget.day_nano = AMOUNT_UNIT;
    for (int life = 1; life <= 30; life++) {
        sent += kill_after(1 + life % 5);
        assert_true(sent <= 100);
    }
    sent += kill_after(0); /* never: it goes when nothing is left */
    /* What was reserved at a kill stays charged: one at most for each. */
    assert_true(sent >= 100 - 30);
    assert_true(sent <= 100);
    begin();
    assert_int_equal(ask(by("alice", CENT)), MONEY_HELD);
}

static void a_damaged_file_stops_the_start(void **state)
{
    struct money_setup with = money_setup();
    struct error error;

    (void)state;
    fresh_write(world.fresh->dir, "money", "{\"money\":{\"version\":1,\"next\":9,\"lines\":3}}\n");
    assert_null(money_open(&with, NULL, &error));
    assert_int_equal(error.kind, ERROR_DATA);
    assert_non_null(strstr(error.text, "state/money is damaged"));
}

static void a_file_that_cannot_be_written_at_the_start_is_tried_again(void **state)
{
    struct money_setup with = money_setup();
    int dir = dup(world.fresh->dir);
    struct error error;

    (void)state;
    world.config.budget.day_nano = AMOUNT_UNIT;
    assert_int_equal(close(dir), 0); /* a number that leads nowhere, until it is made to */
    with.temp_dir = dir;
    world.money = money_open(&with, NULL, &error);
    assert_non_null(world.money);
    assert_int_equal(world.troubles, 1);
    assert_int_equal(ask(by("alice", CENT)), MONEY_UNWRITTEN);
    assert_int_equal(dup2(world.fresh->dir, dir), dir);
    run_loop();
    assert_int_equal(world.troubles, 0);
    assert_int_equal(world.freed, 1);
    assert_int_equal(ask(by("alice", CENT)), MONEY_GO);
    end();
    close(dir);
}

/* --- views ------------------------------------------------------------------------------------ */

static void status_shows_each_budget(void **state)
{
    struct money_request request = by("alice", 20 * CENT);
    struct budget_view *views;
    size_t count;
    json_t *shown;

    (void)state;
    world.config.budget.day_nano = AMOUNT_UNIT;
    world.users[1].budget.month_nano = AMOUNT_UNIT;
    begin();
    views = money_budgets(world.money, &count);
    assert_int_equal(count, 1); /* others' begin when there are others */
    free(views);
    assert_true(spend(request, 10 * CENT));
    money_doubted(world.money, money_reserve(world.money, &request).number);
    money_reserve(world.money, &request);
    request.user = "bob";
    money_reserve(world.money, &request);
    views = money_budgets(world.money, &count);
    assert_int_equal(count, 2);
    assert_string_equal(views[0].scope, "all");
    assert_int_equal(views[0].used_nano, 30 * CENT);
    assert_int_equal(views[0].reserved_nano, 40 * CENT);
    assert_string_equal(views[1].scope, "user bob");
    assert_int_equal(views[1].period, PERIOD_MONTH);
    free(views);
    shown = money_status_json(world.money);
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(shown, "budgets"), 0), "until")),
                        "2026-02-11T00:00:00.000Z");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(shown, "today"), "requests")), 2);
    json_decref(shown);
}

static void status_tells_the_prices_that_apply(void **state)
{
    static const char *const models[] = {"gpt-4o", "llama"};
    json_t *prices;

    (void)state;
    world.models[0].price = (struct config_price){
        .given = true, .input_nano = 150, .cached_nano = -1, .output_nano = 600};
    begin();
    prices = money_prices_json(world.money, models, 2);
    assert_int_equal(json_object_size(prices), 1);
    assert_true(json_real_value(json_object_get(json_object_get(prices, "gpt-4o"), "input")) ==
                0.15);
    json_decref(prices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(however_often_it_is_killed_the_budget_is_kept),
        TEST(a_new_configuration_counts_what_was_spent),
        TEST(another_currency_is_refused_while_sums_are_there),
        TEST(prices_of_the_configuration_come_first),
        TEST(a_table_in_another_currency_is_of_no_use),
        TEST(lines_that_cannot_be_read_are_told_of),
        TEST(many_that_wait_share_a_sync),
        TEST(without_a_budget_nothing_is_synced_but_all_is_written),
        TEST(a_full_disk_holds_sending_until_it_has_room),
        TEST(after_a_failed_sync_the_file_is_written_anew),
        TEST(a_long_file_is_made_short_while_it_is_used),
        TEST(a_damaged_file_stops_the_start),
        TEST(a_file_that_cannot_be_written_at_the_start_is_tried_again),
        TEST(status_shows_each_budget),
        TEST(status_tells_the_prices_that_apply),
    };
    return UNIT_RUN(tests);
}
