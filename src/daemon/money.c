/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * money: asking, reserving and settling. What status shows of it is money_view's.
 */
#include "daemon/money.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/buffer.h"
#include "base/day.h"
#include "base/xalloc.h"
#include "daemon/money_core.h"
#include "spool/file.h"

#define FILE_NAME "money"

enum { LAZY_MS = 1000 };

#define FILE_LIMIT ((size_t)1 << 32)

/* --- the calendar ----------------------------------------------------------------------------- */

/* Counts as of another day, and notes when that ends. */
static void new_day(struct money *money, int32_t today)
{
    budgets_count(money->budgets, money->ledger, today);
    money->day_begins_ms = zone_day_start(money->zone, today).ms;
    money->day_ends_ms = zone_day_start(money->zone, today + 1).ms;
    money->week_ends_ms = zone_day_start(money->zone, day_week(today) + 7).ms;
    money->month_ends_ms = zone_day_start(money->zone, day_next_month(today)).ms;
}

/* The date may also go back: where clocks are changed over midnight, or somebody sets the clock. */
void money_roll(struct money *money)
{
    struct wall now = clock_wall(money->setup.clock);

    if (now.ms < money->day_begins_ms || now.ms >= money->day_ends_ms) {
        new_day(money, zone_day(money->zone, now));
    }
}

int64_t money_until_ms(const struct money *money, const struct budget_view *view)
{
    switch (view->period) {
    case PERIOD_DAY:
        return money->day_ends_ms;
    case PERIOD_WEEK:
        return money->week_ends_ms;
    case PERIOD_MONTH:
        return money->month_ends_ms;
    case PERIOD_RUN:
        break;
    }
    return 0;
}

/* --- opening and closing ---------------------------------------------------------------------- */

static void write_snapshot(void *context, struct buffer *out)
{
    const struct money *money = context;

    ledger_write(money->ledger, out);
}

static void tell_freed(struct money *money)
{
    if (money->denied && money->setup.freed != NULL) {
        money->denied = false;
        money->setup.freed(money->setup.context);
    }
}

static void writing_turned(void *context, int result)
{
    struct money *money = context;
    char sentence[MONEY_REASON_SIZE];

    if (money->setup.trouble != NULL) {
        snprintf(sentence, sizeof sentence, "money cannot be recorded: state/%s: %s", FILE_NAME,
                 strerror(-result));
        money->setup.trouble(money->setup.context, result < 0 ? sentence : NULL);
    }
    if (result == 0) {
        tell_freed(money);
    }
}

/* The ledger that lies there, or an empty one. */
static struct ledger *read_ledger(const struct money_setup *setup, struct error *error)
{
    const struct config *config = setup->config;
    struct buffer text = {0};
    struct ledger *ledger = NULL;
    int result = file_read_at(setup->dir, FILE_NAME, FILE_LIMIT, &text, NULL);

    if (result == -ENOENT) {
        ledger = ledger_new(config->currency, config->time_zone);
    } else if (result < 0) {
        error_system(error, -result, "state/%s cannot be read", FILE_NAME);
    } else {
        ledger = ledger_read(text.bytes != NULL ? text.bytes : "", text.length, error);
        if (ledger == NULL) {
            error_prefix(error,
                         "state/%s is damaged, so what was spent is not known (move it away "
                         "to begin anew from nothing)",
                         FILE_NAME);
        }
    }
    buffer_free(&text);
    return ledger;
}

/* A table in another currency is of no use. */
static const struct price_table *usable(const struct price_table *prices,
                                        const struct config *config)
{
    bool same = prices != NULL && strcmp(price_table_currency(prices), config->currency) == 0;

    return same ? prices : NULL;
}

static struct money *make(const struct money_setup *setup, struct zone *zone, struct ledger *ledger)
{
    struct money *money = xcalloc(1, sizeof *money);

    money->setup = *setup;
    money->config = setup->config;
    money->prices = usable(setup->prices, setup->config);
    money->zone = zone;
    money->ledger = ledger;
    money->budgets = budgets_new(setup->config);
    money->file = money_file_new(&(struct money_file_setup){
        .loop = setup->loop,
        .dir = setup->dir,
        .temp_dir = setup->temp_dir,
        .mode = setup->mode,
        .lazy_ms = setup->lazy_ms > 0 ? setup->lazy_ms : LAZY_MS,
        .snapshot = write_snapshot,
        .turned = writing_turned,
        .context = money,
    });
    return money;
}

static void free_money(struct money *money)
{
    money_file_free(money->file);
    budgets_free(money->budgets);
    ledger_free(money->ledger);
    zone_free(money->zone);
    free(money);
}

/* Another currency makes the sums that are there meaningless; they are not converted. */
static int check_currency(const struct ledger *ledger, const struct config *config,
                          struct error *error)
{
    if (strcmp(ledger_currency(ledger), config->currency) != 0 && !ledger_empty(ledger)) {
        error_set(error, ERROR_DATA,
                  "state/%s counts %.20s and the configuration says currency = %.20s: go back to "
                  "%.20s, or move the file away to begin anew from nothing",
                  FILE_NAME, ledger_currency(ledger), config->currency, ledger_currency(ledger));
        return -1;
    }
    return 0;
}

struct money *money_open(const struct money_setup *setup, size_t *doubts, struct error *error)
{
    struct zone *zone = zone_open(setup->config->time_zone, error);
    struct ledger *ledger = zone != NULL ? read_ledger(setup, error) : NULL;
    struct money *money;
    size_t doubted;

    if (ledger == NULL || check_currency(ledger, setup->config, error) < 0) {
        ledger_free(ledger);
        zone_free(zone);
        return NULL;
    }
    doubted = ledger_doubt_open(ledger);
    ledger_rename(ledger, setup->config->currency, setup->config->time_zone);
    money = make(setup, zone, ledger);
    (void)money_file_replace(money->file); /* a failure is told by setup.trouble, and tried again */
    if (doubts != NULL) {
        *doubts = doubted;
    }
    new_day(money, zone_day(money->zone, clock_wall(setup->clock)));
    return money;
}

int money_configure(struct money *money, const struct config *config,
                    const struct price_table *prices, struct error *error)
{
    struct zone *zone;

    if (check_currency(money->ledger, config, error) < 0) {
        return -1;
    }
    zone = zone_open(config->time_zone, error);
    if (zone == NULL) {
        return -1;
    }
    zone_free(money->zone);
    budgets_free(money->budgets);
    money->zone = zone;
    money->config = config;
    money->prices = usable(prices, config);
    money->budgets = budgets_new(config);
    ledger_rename(money->ledger, config->currency, config->time_zone);
    new_day(money, zone_day(zone, clock_wall(money->setup.clock)));
    tell_freed(money);
    return 0;
}

size_t money_damaged(const struct money *money)
{
    return ledger_damaged(money->ledger);
}

bool money_writing(const struct money *money)
{
    return money_file_writing(money->file);
}

int money_close(struct money *money, struct error *error)
{
    int result;

    if (money == NULL) {
        return 0;
    }
    money->setup.trouble = NULL;
    money->setup.freed = NULL;
    result = money_file_replace(money->file);
    if (result < 0) {
        error_system(error, -result, "state/%s cannot be written", FILE_NAME);
    }
    free_money(money);
    return result < 0 ? -1 : 0;
}

/* --- prices ----------------------------------------------------------------------------------- */

bool money_price(const struct money *money, const char *model, const char *provider,
                 struct price *price)
{
    bool known = price_find(money->prices, model, price);
    uint64_t most = config_model_max_output(money->config, model, provider);
    struct config_price own;

    if (!known) {
        *price = (struct price){.cached_nano = -1};
    }
    config_model_price(money->config, model, provider, &own);
    if (own.given) {
        price->input_nano = own.free ? 0 : own.input_nano;
        price->cached_nano = own.free ? 0 : own.cached_nano;
        price->output_nano = own.free ? 0 : own.output_nano;
    }
    if (most > 0) {
        price->max_output_tokens = most < INT64_MAX ? (int64_t)most : INT64_MAX;
    }
    return known || own.given;
}

/* --- asking ----------------------------------------------------------------------------------- */

static struct spend_key request_key(const struct money *money, const struct money_request *request)
{
    return (struct spend_key){.day = budgets_today(money->budgets),
                              .user = request->user,
                              .provider = request->provider,
                              .model = request->model,
                              .run = request->run};
}

/* "10.00 USD a day for user alice" */
static void write_budget(const struct money *money, const struct budget_view *view, char *out,
                         size_t size)
{
    char limit[AMOUNT_SIZE];

    amount_show(view->limit_nano, limit);
    snprintf(out, size, "%s %s a %s for %.80s%s%.80s", limit, ledger_currency(money->ledger),
             budget_period_word(view->period), view->scope, view->run != NULL ? ", run " : "",
             view->run != NULL ? view->run : "");
}

/* " until 2026-02-11 00:00 (Europe/Berlin)", or nothing when no time ends it. */
static void write_until(const struct money *money, int64_t until_ms, char *out, size_t size)
{
    const char *zone = money->config->time_zone;
    int64_t local_s = until_ms / 1000 + zone_offset(money->zone, (struct wall){until_ms});
    char day[DAY_SIZE];

    out[0] = '\0';
    if (until_ms > 0) {
        day_write((int32_t)(local_s / 86400), day);
        snprintf(out, size, " until %s %02d:%02d%s%.60s%s", day, (int)(local_s % 86400 / 3600),
                 (int)(local_s % 3600 / 60), zone != NULL ? " (" : "", zone != NULL ? zone : "",
                 zone != NULL ? ")" : "");
    }
}

static void write_reason(const struct money *money, enum budget_fit fit, int64_t cost_nano,
                         const struct budget_view *view, struct money_hold *hold)
{
    char budget[220], until[120], cost[AMOUNT_SIZE];

    write_budget(money, view, budget, sizeof budget);
    write_until(money, hold->until_ms, until, sizeof until);
    amount_show(cost_nano, cost);
    switch (fit) {
    case BUDGET_RESERVED:
        snprintf(hold->reason, sizeof hold->reason,
                 "budget: the rest of %s is reserved for requests under way", budget);
        break;
    case BUDGET_TOO_SMALL:
        snprintf(hold->reason, sizeof hold->reason,
                 "budget: it may cost %s, and there is only %s; give the job max_tokens, or raise "
                 "the budget",
                 cost, budget);
        break;
    case BUDGET_USED_UP:
    case BUDGET_FITS:
        snprintf(hold->reason, sizeof hold->reason, "budget: %s used up%s", budget, until);
        break;
    }
}

/* The first time in a period is told. */
static void tell_used_up(struct money *money, const struct budget_view *view,
                         const struct money_hold *hold)
{
    const struct money_notice notice = {hold->reason, *view, hold->until_ms};

    if (money->setup.used_up != NULL) {
        money->setup.used_up(money->setup.context, &notice);
    }
}

static enum money_answer ask_budgets(struct money *money, const struct spend_key *key,
                                     int64_t cost_nano, struct money_hold *hold)
{
    struct budget_view view;
    bool first;
    enum budget_fit fit = budgets_fit(money->budgets, key, ledger_limit_of(money->ledger, key->run),
                                      cost_nano, &view, &first);

    if (fit == BUDGET_FITS) {
        return MONEY_GO;
    }
    hold->until_ms = fit == BUDGET_USED_UP ? money_until_ms(money, &view) : 0;
    write_reason(money, fit, cost_nano, &view, hold);
    if (first) {
        tell_used_up(money, &view, hold);
    }
    return fit == BUDGET_RESERVED ? MONEY_WAIT : MONEY_HELD;
}

/* Without a budget nothing hangs on what is recorded: it is tried again, and sending goes on. */
static enum money_answer ask(struct money *money, const struct money_request *request,
                             struct money_hold *hold)
{
    struct spend_key key = request_key(money, request);
    int failing = money_file_failing(money->file);

    if (!budgets_apply(money->budgets, &key, ledger_limit_of(money->ledger, key.run))) {
        return MONEY_GO;
    }
    if (failing < 0) {
        snprintf(hold->reason, sizeof hold->reason, "money cannot be recorded: %s",
                 strerror(-failing));
        return MONEY_UNWRITTEN;
    }
    if (request->cost_nano >= 0) {
        return ask_budgets(money, &key, request->cost_nano, hold);
    }
    snprintf(hold->reason, sizeof hold->reason,
             "no price for %.150s under a budget: configure it or price = free",
             request->model != NULL ? request->model : "its model");
    return MONEY_NO_PRICE;
}

enum money_answer money_ask(struct money *money, const struct money_request *request,
                            struct money_hold *hold)
{
    enum money_answer answer;

    money_roll(money);
    *hold = (struct money_hold){0};
    answer = ask(money, request, hold);
    money->denied = money->denied || answer != MONEY_GO;
    return answer;
}

/* --- reserving and settling ------------------------------------------------------------------- */

struct money_reservation money_reserve(struct money *money, const struct money_request *request)
{
    struct spend_key key;
    const struct reservation *reservation;
    int64_t run_limit = ledger_limit_of(money->ledger, request->run);

    money_roll(money);
    key = request_key(money, request);
    reservation =
        ledger_reserve(money->ledger, &key, request->cost_nano, money_file_lines(money->file));
    money_file_touch(money->file);
    if (request->cost_nano > 0) {
        budgets_charge(money->budgets, &key, run_limit, request->cost_nano, 0);
    }
    return (struct money_reservation){reservation->number,
                                      budgets_apply(money->budgets, &key, run_limit)};
}

static void settle(struct money *money, uint64_t number, const struct settlement *settlement)
{
    const struct reservation *reservation = ledger_open(money->ledger, number);
    int64_t reserved, charge;

    if (reservation == NULL) {
        return;
    }
    money_roll(money);
    reserved = reservation->nano > 0 ? reservation->nano : 0;
    charge = ledger_charge(reservation, settlement);
    budgets_charge(money->budgets, &reservation->key,
                   ledger_limit_of(money->ledger, reservation->key.run), -reserved, charge);
    ledger_settle(money->ledger, number, settlement, money_file_lines(money->file));
    money_file_touch(money->file);
    if (charge < reserved) {
        tell_freed(money);
    }
}

void money_paid(struct money *money, uint64_t reservation, const struct usage *usage,
                int64_t cost_nano)
{
    settle(money, reservation,
           &(struct settlement){.how = SETTLE_PAID,
                                .cost_nano = cost_nano,
                                .input_tokens = usage != NULL ? usage->input_tokens : -1,
                                .cached_tokens = usage != NULL ? usage->cached_tokens : -1,
                                .output_tokens = usage != NULL ? usage->output_tokens : -1});
}

void money_released(struct money *money, uint64_t reservation)
{
    settle(money, reservation, &(struct settlement){SETTLE_RELEASED, -1, -1, -1, -1});
}

void money_doubted(struct money *money, uint64_t reservation)
{
    settle(money, reservation, &(struct settlement){SETTLE_DOUBT, -1, -1, -1, -1});
}

void money_flush(struct money *money, money_done *done, void *context)
{
    money_file_flush(money->file, done, context);
}

void money_run_limit(struct money *money, const char *run, int64_t nano)
{
    if (ledger_limit_of(money->ledger, run) == nano) {
        return;
    }
    ledger_limit(money->ledger, run, nano, money_file_lines(money->file));
    money_file_touch(money->file);
    budgets_count(money->budgets, money->ledger, budgets_today(money->budgets));
    tell_freed(money);
}
