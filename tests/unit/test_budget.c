/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What budgets let go, and until when they do not. */
#include "money_world.h"

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

static void of_the_sections_of_a_model_the_first_that_says_a_limit_counts(void **state)
{
    struct money_request other = by("alice", CENT);

    (void)state;
    world.models[0].budget.day_nano = 2 * CENT; /* gpt-* */
    world.models[1].budget.day_nano = CENT;     /* * */
    world.models[1].budget.month_nano = 3 * CENT;
    begin();
    assert_true(spend(by("alice", CENT), CENT));
    assert_true(spend(by("alice", CENT), CENT));
    assert_false(spend(by("alice", CENT), CENT));
    other.model = "gpt-4o"; /* each model has a budget of its own */
    assert_true(spend(other, CENT));
    other.model = "llama";
    assert_true(spend(other, CENT));
    assert_false(spend(other, CENT));
    set_time("2026-02-11T00:00:00Z");
    assert_true(spend(by("alice", CENT), CENT));
    held_until(by("alice", CENT),
               "budget: 0.0300 USD a month for model gpt-4o-mini used up until 2026-03-01 00:00 "
               "(UTC)",
               "2026-03-01T00:00:00.000Z");
}

static void a_section_with_a_provider_bounds_its_models_there_only(void **state)
{
    struct money_request there = by("alice", CENT);

    (void)state;
    there.provider = "home";
    world.models[0].provider = word("home"); /* gpt-* */
    world.models[0].budget.day_nano = CENT;
    world.models[1].budget.day_nano = 2 * CENT; /* * */
    begin();
    assert_true(spend(by("alice", CENT), CENT));
    assert_true(spend(by("alice", CENT), CENT));
    assert_false(spend(by("alice", CENT), CENT));
    assert_true(spend(there, CENT));
    held_until(there,
               "budget: 0.0100 USD a day for model gpt-4o-mini used up until 2026-02-11 00:00 "
               "(UTC)",
               "2026-02-11T00:00:00.000Z");
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

#define TOO_SMALL                                                                                  \
    "budget: it may cost 2.00, and there is only 0.0100 USD a day for all; give the job "          \
    "max_tokens, or raise the budget"

static bool shown_as_used_up(void)
{
    size_t count;
    struct budget_view *views = money_budgets(world.money, &count);
    bool used_up;

    assert_int_equal(count, 1);
    used_up = views[0].exhausted;
    free(views);
    return used_up;
}

static void a_budget_smaller_than_the_request_never_lets_it_go(void **state)
{
    (void)state;
    world.config.budget.day_nano = CENT;
    begin();
    for (int i = 0; i < 3; i++) {
        held_until(by("alice", 2 * AMOUNT_UNIT), TOO_SMALL, "");
    }
    assert_int_equal(world.told, 1);
    assert_string_equal(world.notice, TOO_SMALL);
}

static void a_request_above_a_budget_does_not_use_it_up(void **state)
{
    (void)state;
    world.config.budget.day_nano = CENT;
    begin();
    held_until(by("alice", 2 * AMOUNT_UNIT), TOO_SMALL, "");
    assert_false(shown_as_used_up());
    assert_true(spend(by("alice", CENT), CENT));
    assert_int_equal(ask(by("alice", CENT)), MONEY_HELD); /* now it is, and that is told too */
    assert_true(shown_as_used_up());
    assert_int_equal(world.told, 2);
    set_time("2026-02-11T00:00:00Z");
    held_until(by("alice", 2 * AMOUNT_UNIT), TOO_SMALL, "");
    assert_false(shown_as_used_up());
    assert_int_equal(world.told, 3);
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
    size_t count;

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
    free(money_budgets(world.money, &count));
    assert_int_equal(count, 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hundred_jobs_of_a_cent_fit_into_one_exactly),
        TEST(it_stays_a_hundred_over_restarts_and_kills),
        TEST(what_is_reserved_counts_until_it_is_settled),
        TEST(what_is_not_billed_is_free_again),
        TEST(a_number_settled_twice_counts_once),
        TEST(every_budget_that_applies_must_have_room),
        TEST(of_the_sections_of_a_model_the_first_that_says_a_limit_counts),
        TEST(a_section_with_a_provider_bounds_its_models_there_only),
        TEST(others_have_the_default_budget_each_for_himself),
        TEST(the_longest_wait_is_told),
        TEST(a_budget_smaller_than_the_request_never_lets_it_go),
        TEST(a_request_above_a_budget_does_not_use_it_up),
        TEST(runs_have_budgets_of_their_own),
        TEST(a_list_bounds_its_run_also_after_a_restart),
        TEST(without_a_price_a_budget_holds_and_says_what_to_do),
        TEST(a_used_up_budget_is_told_once_a_period),
        TEST(periods_turn_when_they_do_in_the_zone),
        TEST(a_request_over_midnight_is_charged_to_the_day_it_was_sent),
        TEST(a_zone_that_is_not_known_is_refused),
    };
    return UNIT_RUN(tests);
}
