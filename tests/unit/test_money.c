/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Budgets, and the money that is set aside under them. */
#include "unit.h"

#include <errno.h>

#include "base/amount.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/money.h"
#include "fresh.h"
#include "job/ledger.h"

#define CENT (AMOUNT_UNIT / 100)

/* fdatasync and pwrite of the program under test; the linker puts ours in their place. */
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
ssize_t __real_pwrite(int fd, const void *bytes, size_t length, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t length, off_t offset);

/* One test's world. Written on the loop's thread while the pool is idle. */
static struct world {
    struct fresh *fresh;
    uv_loop_t loop;
    struct config config;
    struct config_model models[2];
    struct config_provider providers[1];
    struct config_user users[2];
    struct wall now;
    struct clock clock;
    struct money *money;
    size_t doubts;
    int flushed; /* calls of the done callback */
    int result;  /* of the last */
    int told;
    char notice[MONEY_REASON_SIZE];
    int freed;
    int troubles; /* minus recoveries */
    int syncs, writes;
    int fail_sync, fail_write; /* so many calls fail */
} world;

int __wrap_fdatasync(int fd)
{
    world.syncs++;
    if (world.fail_sync > 0) {
        world.fail_sync--;
        errno = EIO;
        return -1;
    }
    return __real_fdatasync(fd);
}

/* A full disk takes a part first. */
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    world.writes++;
    if (world.fail_write > 0) {
        world.fail_write--;
        if (world.fail_write > 0) {
            return __real_pwrite(fd, bytes, length / 2, offset);
        }
        errno = ENOSPC;
        return -1;
    }
    return __real_pwrite(fd, bytes, length, offset);
}

/* For structs whose texts are their own elsewhere. */
static char *word(const char *text)
{
    return (char *)(uintptr_t)text;
}

static struct wall world_wall(void *context)
{
    (void)context;
    return world.now;
}

static struct mono world_mono(void *context)
{
    (void)context;
    return (struct mono){world.now.ms};
}

static void set_time(const char *text)
{
    assert_int_equal(timetext_read(text, &world.now), 0);
}

static void on_used_up(void *context, const struct money_notice *notice)
{
    (void)context;
    world.told++;
    snprintf(world.notice, sizeof world.notice, "%s", notice->text);
}

static void on_freed(void *context)
{
    (void)context;
    world.freed++;
}

static void on_trouble(void *context, const char *sentence)
{
    (void)context;
    world.troubles += sentence != NULL ? 1 : -1;
}

static void on_flushed(void *context, int result)
{
    (void)context;
    world.flushed++;
    world.result = result;
}

static const struct config_budget no_budget = {-1, -1, -1, -1};

static int setup(void **state)
{
    fresh_folder(state);
    world = (struct world){.fresh = *state};
    assert_int_equal(uv_loop_init(&world.loop), 0);
    world.clock = (struct clock){world_wall, world_mono, NULL};
    world.providers[0] = (struct config_provider){.name = word("openai"), .budget = no_budget};
    world.models[0] = (struct config_model){.pattern = word("gpt-*"), .budget = no_budget};
    world.models[1] = (struct config_model){.pattern = word("*"), .budget = no_budget};
    world.users[0] = (struct config_user){.name = word("alice"), .budget = no_budget};
    world.users[1] = (struct config_user){.name = word("*"), .budget = no_budget};
    world.config = (struct config){.providers = world.providers,
                                   .provider_count = 1,
                                   .models = world.models,
                                   .model_count = 2,
                                   .users = world.users,
                                   .user_count = 2,
                                   .budget = no_budget,
                                   .currency = word("USD"),
                                   .time_zone = word("UTC")};
    set_time("2026-02-10T12:00:00Z");
    return 0;
}

static struct money_setup money_setup(void)
{
    return (struct money_setup){.loop = &world.loop,
                                .dir = world.fresh->dir,
                                .temp_dir = world.fresh->dir,
                                .mode = 0600,
                                .config = &world.config,
                                .clock = &world.clock,
                                .lazy_ms = 1,
                                .used_up = on_used_up,
                                .freed = on_freed,
                                .trouble = on_trouble};
}

static void begin(void)
{
    struct money_setup with = money_setup();
    struct error error;

    world.money = money_open(&with, &world.doubts, &error);
    if (world.money == NULL) {
        fail_msg("%s", error.text);
    }
}

/* Until nothing is left to write. */
static void run_loop(void)
{
    uv_run(&world.loop, UV_RUN_DEFAULT);
}

static void end(void)
{
    struct error error;

    run_loop();
    assert_int_equal(money_close(world.money, &error), 0);
    world.money = NULL;
    run_loop();
}

/* What a kill leaves: the file as it is, put back after an orderly end. */
static void kill_it(void)
{
    struct buffer text = {0};

    assert_int_equal(file_read_at(world.fresh->dir, "money", 1 << 24, &text, NULL), 0);
    end();
    assert_int_equal(file_replace(world.fresh->dir, world.fresh->dir, "money", 0600, text.bytes,
                                  text.length, false),
                     0);
    buffer_free(&text);
}

static int teardown(void **state)
{
    if (world.money != NULL) {
        end();
    }
    assert_int_equal(uv_loop_close(&world.loop), 0);
    return fresh_end(state);
}

static struct money_request by(const char *user, int64_t cost_nano)
{
    return (struct money_request){user, NULL, "openai", "gpt-4o-mini", cost_nano};
}

static enum money_answer ask(struct money_request request)
{
    struct money_hold hold;

    return money_ask(world.money, &request, &hold);
}

/* Asks, reserves, and settles at cost_nano; false when it is not allowed. */
static bool spend(struct money_request request, int64_t cost_nano)
{
    if (ask(request) != MONEY_GO) {
        return false;
    }
    money_paid(world.money, money_reserve(world.money, &request).number, NULL, cost_nano);
    return true;
}

static void held_until(struct money_request request, const char *reason, const char *until)
{
    struct money_hold hold;
    char text[TIMETEXT_SIZE];

    assert_int_equal(money_ask(world.money, &request, &hold), MONEY_HELD);
    assert_string_equal(hold.reason, reason);
    timetext_write((struct wall){hold.until_ms}, text);
    assert_string_equal(hold.until_ms > 0 ? text : "", until);
}

/* --- budgets ---------------------------------------------------------------------------------- */

static void a_hundred_jobs_of_a_cent_fit_into_one_exactly(void **state)
{
    int paid = 0;

    (void)state;
    world.config.budget.day_nano = AMOUNT_UNIT;
    begin();
    for (int i = 0; i < 300; i++) {
        paid += spend(by("alice", CENT), CENT);
    }
    assert_int_equal(paid, 100);
    held_until(by("alice", 1),
               "budget: 1.00 USD a day for all used up until 2026-02-11 00:00 (UTC)",
               "2026-02-11T00:00:00.000Z");
    assert_int_equal(ask(by("alice", 0)), MONEY_GO);
}

static void it_stays_a_hundred_over_restarts_and_kills(void **state)
{
    int paid = 0;

    (void)state;
    world.config.budget.day_nano = AMOUNT_UNIT;
    for (int life = 0; life < 12; life++) {
        begin();
        for (int i = 0; i < 10; i++) {
            struct money_request request = by("alice", CENT);

            if (ask(request) == MONEY_GO) {
                struct money_reservation reservation = money_reserve(world.money, &request);

                assert_true(reservation.wait);
                paid++;
                money_flush(world.money, on_flushed, NULL);
                run_loop();
                if (i % 3 > 0) {
                    money_paid(world.money, reservation.number, NULL, CENT);
                }
            }
        }
        if (life % 2 == 0) {
            kill_it();
        } else {
            end();
        }
        assert_true(paid <= 100);
    }
    assert_int_equal(paid, 100);
}

static void what_is_reserved_counts_until_it_is_settled(void **state)
{
    struct money_request request = by("alice", 60 * CENT);
    struct money_reservation reservation;
    struct money_hold hold;

    (void)state;
    world.config.budget.day_nano = AMOUNT_UNIT;
    begin();
    assert_int_equal(money_ask(world.money, &request, &hold), MONEY_GO);
    reservation = money_reserve(world.money, &request);
    assert_int_equal(money_ask(world.money, &request, &hold), MONEY_WAIT);
    assert_string_equal(hold.reason, "budget: the rest of 1.00 USD a day for all is reserved for "
                                     "requests under way");
    assert_int_equal(hold.until_ms, 0);
    assert_int_equal(world.told, 0);
    money_paid(world.money, reservation.number, NULL, 10 * CENT);
    assert_int_equal(world.freed, 1);
    assert_int_equal(money_ask(world.money, &request, &hold), MONEY_GO);
}

static void what_is_not_billed_is_free_again(void **state)
{
    struct money_request request = by("alice", AMOUNT_UNIT);

    (void)state;
    world.config.budget.day_nano = AMOUNT_UNIT;
    begin();
    assert_int_equal(ask(request), MONEY_GO);
    money_released(world.money, money_reserve(world.money, &request).number);
    assert_int_equal(ask(request), MONEY_GO);
    money_doubted(world.money, money_reserve(world.money, &request).number);
    assert_int_equal(ask(request), MONEY_HELD);
}

static void a_number_settled_twice_counts_once(void **state)
{
    struct money_request request = by("alice", 50 * CENT);
    uint64_t number;

    (void)state;
    world.config.budget.day_nano = AMOUNT_UNIT;
    begin();
    number = money_reserve(world.money, &request).number;
    money_paid(world.money, number, NULL, 50 * CENT);
    money_paid(world.money, number, NULL, 50 * CENT);
    money_released(world.money, number);
    assert_int_equal(ask(request), MONEY_GO);
    assert_int_equal(ask(by("alice", 51 * CENT)), MONEY_HELD);
}

static void every_budget_that_applies_must_have_room(void **state)
{
    static struct {
        struct config_budget *budget;
        struct money_request other;
    } scopes[4];

    (void)state;
    scopes[0].budget = &world.providers[0].budget;
    scopes[0].other = (struct money_request){"alice", NULL, "anthropic", "gpt-4o-mini", CENT};
    scopes[1].budget = &world.models[0].budget;
    scopes[1].other = (struct money_request){"alice", NULL, "openai", "claude", CENT};
    scopes[2].budget = &world.users[0].budget;
    scopes[2].other = (struct money_request){"bob", NULL, "openai", "gpt-4o-mini", CENT};
    scopes[3].budget = &world.users[0].budget;
    scopes[3].other = (struct money_request){NULL, NULL, "openai", "gpt-4o-mini", CENT};
    for (size_t i = 0; i < UNIT_COUNT(scopes); i++) {
        scopes[i].budget->day_nano = CENT;
        begin();
        assert_true(spend(by("alice", CENT), CENT));
        assert_int_equal(ask(by("alice", CENT)), MONEY_HELD);
        assert_int_equal(ask(scopes[i].other), MONEY_GO);
        end();
        scopes[i].budget->day_nano = -1;
        assert_int_equal(unlinkat(world.fresh->dir, "money", 0), 0);
    }
}

static void others_have_the_default_budget_each_for_himself(void **state)
{
    (void)state;
    world.users[1].budget.day_nano = CENT;
    begin();
    assert_true(spend(by("bob", CENT), CENT));
    assert_false(spend(by("bob", CENT), CENT));
    assert_true(spend(by("carol", CENT), CENT));
    assert_true(spend(by(NULL, CENT), CENT));
    assert_false(spend(by(NULL, CENT), CENT));
    held_until(by("bob", CENT),
               "budget: 0.0100 USD a day for user bob used up until 2026-02-11 00:00 (UTC)",
               "2026-02-11T00:00:00.000Z");
    assert_true(spend(by("alice", AMOUNT_UNIT), AMOUNT_UNIT)); /* has a section of her own */
}

static void the_longest_wait_is_told(void **state)
{
    (void)state;
    world.config.budget.day_nano = CENT;
    world.config.budget.week_nano = CENT;
    begin();
    assert_true(spend(by("alice", CENT), CENT));
    held_until(by("alice", CENT),
               "budget: 0.0100 USD a week for all used up until 2026-02-16 00:00 (UTC)",
               "2026-02-16T00:00:00.000Z");
}

static void a_budget_smaller_than_the_request_never_lets_it_go(void **state)
{
    (void)state;
    world.config.budget.day_nano = CENT;
    begin();
    held_until(by("alice", 2 * AMOUNT_UNIT),
               "budget: it may cost 2.00, and there is only 0.0100 USD a day for all", "");
    assert_int_equal(world.told, 1);
}

static void runs_have_budgets_of_their_own(void **state)
{
    struct money_request request = by("alice", CENT);

    (void)state;
    world.config.budget.run_nano = CENT;
    begin();
    request.run = "a";
    assert_true(spend(request, CENT));
    held_until(request, "budget: 0.0100 USD a run for all, run a used up", "");
    request.run = "b";
    assert_true(spend(request, CENT));
    assert_true(spend(by("alice", CENT), CENT));
    end();
    set_time("2027-02-10T12:00:00Z");
    begin();
    assert_int_equal(ask(request), MONEY_HELD);
}

static void a_list_bounds_its_run_also_after_a_restart(void **state)
{
    struct money_request request = by("alice", CENT);

    (void)state;
    request.run = "list";
    begin();
    assert_false(money_reserve(world.money, &request).wait);
    money_run_limit(world.money, "list", 3 * CENT);
    assert_true(money_reserve(world.money, &request).wait);
    end();
    begin();
    assert_int_equal(world.doubts, 2);
    assert_true(spend(request, CENT));
    held_until(request, "budget: 0.0300 USD a run for run list, run list used up", "");
    money_run_limit(world.money, "list", 4 * CENT);
    assert_int_equal(ask(request), MONEY_GO);
    money_run_limit(world.money, "list", -1);
    request.cost_nano = AMOUNT_UNIT;
    assert_int_equal(ask(request), MONEY_GO);
}

static void without_a_price_a_budget_holds_and_says_what_to_do(void **state)
{
    struct money_request request = by("alice", -1);
    struct money_hold hold;

    (void)state;
    begin();
    assert_int_equal(money_ask(world.money, &request, &hold), MONEY_GO);
    end();
    world.users[0].budget.month_nano = CENT;
    begin();
    assert_int_equal(money_ask(world.money, &request, &hold), MONEY_NO_PRICE);
    assert_string_equal(hold.reason,
                        "no price for gpt-4o-mini under a budget: configure it or price = free");
    assert_int_equal(hold.until_ms, 0);
    request.user = "bob";
    assert_int_equal(money_ask(world.money, &request, &hold), MONEY_GO);
}

static void a_used_up_budget_is_told_once_a_period(void **state)
{
    (void)state;
    world.config.budget.day_nano = CENT;
    begin();
    assert_true(spend(by("alice", CENT), CENT));
    assert_int_equal(world.told, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(by("alice", CENT)), MONEY_HELD);
    }
    assert_int_equal(world.told, 1);
    assert_string_equal(world.notice,
                        "budget: 0.0100 USD a day for all used up until 2026-02-11 00:00 (UTC)");
    set_time("2026-02-11T00:00:00Z");
    assert_true(spend(by("alice", CENT), CENT));
    assert_int_equal(ask(by("alice", CENT)), MONEY_HELD);
    assert_int_equal(world.told, 2);
}

/* --- periods ---------------------------------------------------------------------------------- */

/* For each: the last moment at which a budget of a period still holds, and the first of the next.
 */
static void periods_turn_when_they_do_in_the_zone(void **state)
{
    static const struct {
        const char *zone;
        size_t period; /* offset in struct config_budget */
        const char *now, *last, *next;
    } cases[] = {
#define DAY_BUDGET   offsetof(struct config_budget, day_nano)
#define WEEK_BUDGET  offsetof(struct config_budget, week_nano)
#define MONTH_BUDGET offsetof(struct config_budget, month_nano)
        {"UTC", DAY_BUDGET, "2026-12-31T12:00:00Z", "2026-12-31T23:59:59.999Z",
         "2027-01-01T00:00:00.000Z"},
        {"UTC", MONTH_BUDGET, "2026-12-01T00:00:00Z", "2026-12-31T23:59:59.999Z",
         "2027-01-01T00:00:00.000Z"},
        {"UTC", WEEK_BUDGET, "2026-12-28T00:00:00Z", "2027-01-03T23:59:59.999Z",
         "2027-01-04T00:00:00.000Z"},
        {"UTC", MONTH_BUDGET, "2028-02-01T00:00:00Z", "2028-02-29T23:59:59.999Z",
         "2028-03-01T00:00:00.000Z"},
        /* 23 and 25 hours */
        {"Europe/Berlin", DAY_BUDGET, "2026-03-28T23:00:00Z", "2026-03-29T21:59:59.999Z",
         "2026-03-29T22:00:00.000Z"},
        {"Europe/Berlin", DAY_BUDGET, "2026-10-24T22:00:00Z", "2026-10-25T22:59:59.999Z",
         "2026-10-25T23:00:00.000Z"},
        {"Europe/Berlin", MONTH_BUDGET, "2026-03-01T12:00:00Z", "2026-03-31T21:59:59.999Z",
         "2026-03-31T22:00:00.000Z"},
        {"America/New_York", WEEK_BUDGET, "2026-03-06T12:00:00Z", "2026-03-09T03:59:59.999Z",
         "2026-03-09T04:00:00.000Z"},
        /* a midnight that does not exist */
        {"Africa/Cairo", DAY_BUDGET, "2024-04-25T12:00:00Z", "2024-04-25T21:59:59.999Z",
         "2024-04-25T22:00:00.000Z"},
        {"Pacific/Apia", DAY_BUDGET, "2026-12-31T10:00:00Z", "2026-12-31T10:59:59.999Z",
         "2026-12-31T11:00:00.000Z"},
    };

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        struct money_request request = by("alice", CENT);
        struct money_hold hold;
        char until[TIMETEXT_SIZE];

        world.config.budget = no_budget;
        *(int64_t *)(void *)((char *)&world.config.budget + cases[i].period) = CENT;
        world.config.time_zone = word(cases[i].zone);
        set_time(cases[i].now);
        begin();
        assert_true(spend(request, CENT));
        assert_int_equal(money_ask(world.money, &request, &hold), MONEY_HELD);
        timetext_write((struct wall){hold.until_ms}, until);
        assert_string_equal(until, cases[i].next);
        set_time(cases[i].last);
        assert_int_equal(ask(request), MONEY_HELD);
        set_time(cases[i].next);
        assert_int_equal(ask(request), MONEY_GO);
        end();
        assert_int_equal(unlinkat(world.fresh->dir, "money", 0), 0);
    }
}

static void a_request_over_midnight_is_charged_to_the_day_it_was_sent(void **state)
{
    struct money_request request = by("alice", CENT);
    uint64_t number;

    (void)state;
    world.config.budget.day_nano = CENT;
    world.config.budget.month_nano = 10 * CENT;
    begin();
    number = money_reserve(world.money, &request).number;
    set_time("2026-02-11T00:00:01Z");
    assert_int_equal(ask(request), MONEY_GO);
    money_paid(world.money, number, NULL, CENT);
    assert_int_equal(ask(request), MONEY_GO);
    set_time("2026-02-10T23:59:59Z"); /* somebody set the clock back */
    assert_int_equal(ask(request), MONEY_HELD);
}

static void a_zone_that_is_not_known_is_refused(void **state)
{
    struct money_setup with = money_setup();
    struct error error;

    (void)state;
    world.config.time_zone = word("Europe/Berlim");
    assert_null(money_open(&with, NULL, &error));
    assert_non_null(strstr(error.text, "Europe/Berlim"));
    world.config.time_zone = word("UTC");
    begin();
    world.config.time_zone = word("nowhere");
    assert_int_equal(money_configure(world.money, &world.config, NULL, &error), -1);
    world.config.time_zone = word("UTC");
}

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
    assert_true(money_price(world.money, "gpt-4o", &price));
    assert_int_equal(price.input_nano, 2500);
    assert_false(money_price(world.money, "llama", &price));
    world.models[0].price =
        (struct config_price){.given = true, .input_nano = 7, .cached_nano = -1, .output_nano = 9};
    world.models[0].max_output_tokens = 100;
    assert_true(money_price(world.money, "gpt-4o", &price));
    assert_int_equal(price.input_nano, 7);
    assert_int_equal(price.cached_nano, -1);
    assert_int_equal(price.max_output_tokens, 100);
    world.models[1].price = (struct config_price){.given = true, .free = true};
    assert_true(money_price(world.money, "llama", &price));
    assert_int_equal(price_estimate_nano(&price, 1000, 1000), 0);
    assert_true(money_price(world.money, "gpt-4o", &price));
    assert_int_equal(price.input_nano, 7);
    end();
    price_table_free(table);
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
    assert_false(money_idle(world.money));
    run_loop();
    assert_true(money_idle(world.money));
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
    world.fail_write = 2; /* a part of it, then nothing */
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
    assert_int_equal(world.doubts, 1); /* the second; the first was released, and nothing is torn */
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

static void a_file_that_cannot_be_written_stops_the_start(void **state)
{
    struct money_setup with = money_setup();
    struct error error;

    (void)state;
    with.temp_dir = -1;
    assert_null(money_open(&with, NULL, &error));
    assert_int_equal(error.kind, ERROR_SYSTEM);
    run_loop();
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hundred_jobs_of_a_cent_fit_into_one_exactly),
        TEST(it_stays_a_hundred_over_restarts_and_kills),
        TEST(what_is_reserved_counts_until_it_is_settled),
        TEST(what_is_not_billed_is_free_again),
        TEST(a_number_settled_twice_counts_once),
        TEST(every_budget_that_applies_must_have_room),
        TEST(others_have_the_default_budget_each_for_himself),
        TEST(the_longest_wait_is_told),
        TEST(a_budget_smaller_than_the_request_never_lets_it_go),
        TEST(runs_have_budgets_of_their_own),
        TEST(a_list_bounds_its_run_also_after_a_restart),
        TEST(without_a_price_a_budget_holds_and_says_what_to_do),
        TEST(a_used_up_budget_is_told_once_a_period),
        TEST(periods_turn_when_they_do_in_the_zone),
        TEST(a_request_over_midnight_is_charged_to_the_day_it_was_sent),
        TEST(a_zone_that_is_not_known_is_refused),
        TEST(a_new_configuration_counts_what_was_spent),
        TEST(another_currency_is_refused_while_sums_are_there),
        TEST(prices_of_the_configuration_come_first),
        TEST(many_that_wait_share_a_sync),
        TEST(without_a_budget_nothing_is_synced_but_all_is_written),
        TEST(a_full_disk_holds_sending_until_it_has_room),
        TEST(after_a_failed_sync_the_file_is_written_anew),
        TEST(a_long_file_is_made_short_while_it_is_used),
        TEST(a_damaged_file_stops_the_start),
        TEST(a_file_that_cannot_be_written_stops_the_start),
        TEST(status_shows_each_budget),
        TEST(status_tells_the_prices_that_apply),
    };
    return UNIT_RUN(tests);
}
