/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * money_view: what status shows of the money; declared in money.h.
 */
#include <stdlib.h>

#include "base/amount.h"
#include "base/day.h"
#include "base/timetext.h"
#include "daemon/money_core.h"

struct budget_view *money_budgets(struct money *money, size_t *count)
{
    money_roll(money);
    return budgets_views(money->budgets, count);
}

static json_t *amount_json(int64_t nano)
{
    return json_real(amount_units(nano));
}

static json_t *budget_json(const struct money *money, const struct budget_view *view)
{
    int64_t until_ms = money_until_ms(money, view);
    json_t *budget =
        json_pack("{s:s, s:s, s:s*, s:o, s:o, s:o, s:b}", "scope", view->scope, "period",
                  budget_period_word(view->period), "run", view->run, "limit",
                  amount_json(view->limit_nano), "used", amount_json(view->used_nano), "reserved",
                  amount_json(view->reserved_nano), "used_up", view->exhausted);
    char until[TIMETEXT_SIZE];

    if (until_ms > 0) {
        timetext_write((struct wall){until_ms}, until);
        json_object_set_new(budget, "until", json_string(until));
    }
    return budget;
}

static json_t *budgets_json(struct money *money)
{
    json_t *budgets = json_array();
    size_t count;
    struct budget_view *views = money_budgets(money, &count);

    for (size_t i = 0; i < count; i++) {
        json_array_append_new(budgets, budget_json(money, &views[i]));
    }
    free(views);
    return budgets;
}

struct money_spent money_spent(const struct money *money, int32_t from)
{
    int32_t today = budgets_today(money->budgets);
    size_t count;
    struct spend_row *rows = ledger_group(money->ledger, 0, from, today, &count);
    struct money_spent spent = {0};

    if (count > 0)
        spent = (struct money_spent){rows[0].spend.requests, rows[0].spend.unpriced,
                                     rows[0].spend.cost_nano, rows[0].spend.doubt_nano,
                                     rows[0].reserved_nano};
    free(rows);
    return spent;
}

static json_t *spent_json(const struct money *money, int32_t from)
{
    struct money_spent spent = money_spent(money, from);
    char day[DAY_SIZE];

    day_write(from, day);
    return json_pack("{s:s, s:I, s:I, s:o, s:o, s:o}", "from", day, "requests",
                     (json_int_t)spent.requests, "unpriced", (json_int_t)spent.unpriced,
                     "cost", amount_json(spent.cost_nano), "in_doubt",
                     amount_json(spent.doubt_nano), "reserved", amount_json(spent.reserved_nano));
}

int32_t money_today(struct money *money)
{
    money_roll(money);
    return budgets_today(money->budgets);
}

json_t *money_status_json(struct money *money)
{
    int32_t today = money_today(money);

    return json_pack("{s:s, s:s*, s:b, s:o, s:o, s:o}", "currency", ledger_currency(money->ledger),
                     "time_zone", ledger_zone(money->ledger), "recorded",
                     money_file_failing(money->file) == 0, "today", spent_json(money, today),
                     "month", spent_json(money, day_month(today)), "budgets", budgets_json(money));
}

json_t *money_prices_json(const struct money *money, const char *const *models, size_t count)
{
    json_t *prices = json_object();

    for (size_t i = 0; i < count; i++) {
        struct price price;

        if (money_price(money, models[i], NULL, &price)) {
            json_object_set_new(prices, models[i], price_json(&price));
        }
    }
    return prices;
}
