/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * purse: see purse.h.
 */
#include "daemon/purse.h"

#include <stdlib.h>

#include "base/moneytext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/debt_hook.h"

enum { ASKS_A_RELEASE = 32 }; /* jobs that are asked again each time that money is given back */

/* Hooks are told once of each budget and period. */
static void owe(struct core *core, const struct money_notice *notice)
{
    const struct budget_view *budget = &notice->budget;
    char limit[MONEYTEXT_SIZE], used[MONEYTEXT_SIZE], until[TIMETEXT_SIZE] = "";
    json_t *told;
    char *what = xasprintf("%s\n%s\n%s\n%lld\n%lld", budget->scope,
                           budget_period_word(budget->period),
                           budget->run != NULL ? budget->run : "", (long long)notice->until_ms,
                           (long long)budget->limit_nano);

    moneytext_write(budget->limit_nano, limit);
    moneytext_write(budget->used_nano, used);
    if (notice->until_ms > 0)
        timetext_write((struct wall){notice->until_ms}, until);
    told = json_pack("{s:{s:s, s:s, s:s*, s:s, s:s, s:s, s:s*, s:s}}", "budget", "scope",
                     budget->scope, "period", budget_period_word(budget->period), "run",
                     budget->run, "limit", limit, "used", used, "currency", core->config->currency,
                     "until", notice->until_ms > 0 ? until : NULL, "message", notice->text);
    debt_hook_now(core, HOOK_BUDGET, what, told);
    free(what);
    json_decref(told);
}

static void used_up(void *context, const struct money_notice *notice)
{
    struct core *core = context;

    log_warning(&core->log, "%s", notice->text);
    events_add(core->events, "budget", json_pack("{s:s}", "message", notice->text));
    owe(core, notice);
    core_touch(core);
}

static void freed(void *context)
{
    struct core *core = context;
    size_t held = afford_count(core->afford);

    core->asks = core->asks + ASKS_A_RELEASE < held ? core->asks + ASKS_A_RELEASE : held;
    core_touch(core);
}

static void trouble(void *context, const char *sentence)
{
    struct core *core = context;

    if (sentence != NULL)
        log_error(&core->log, "%s", sentence);
    else
        log_info(&core->log, "state/money can be written again");
    if (sentence == NULL)
        core->asks = afford_count(core->afford);
    core_touch(core);
}

static int read_prices(const struct config *config, struct price_table **prices,
                       struct error *error)
{
    struct error problem;

    *prices = price_table_load(config->prices, &problem);
    if (*prices != NULL || (config->prices == NULL && problem.kind == ERROR_ABSENT))
        return 0;
    *error = problem;
    return -1;
}

static void tell_opened(struct core *core, size_t doubts)
{
    size_t damaged = money_damaged(core->money);

    if (doubts > 0)
        log_warning(&core->log, "what %zu %s may have cost is not known and stays charged", doubts,
                    doubts == 1 ? "request" : "requests");
    if (damaged > 0)
        log_error(&core->log,
                  "state/money has %zu lines that cannot be read: what they tell of is not counted",
                  damaged);
}

int purse_open(struct core *core, struct error *error)
{
    struct money_setup setup = {
        .loop = core->loop,
        .dir = core->spool->dir[FOLDER_STATE],
        .temp_dir = core->spool->dir[FOLDER_TMP],
        .mode = core->spool->job_mode,
        .config = core->config,
        .clock = core->clock,
        .used_up = used_up,
        .freed = freed,
        .trouble = trouble,
        .context = core,
    };
    size_t doubts;

    if (read_prices(core->config, &core->prices, error) < 0)
        return -1;
    setup.prices = core->prices;
    core->money = money_open(&setup, &doubts, error);
    if (core->money == NULL)
        return -1;
    tell_opened(core, doubts);
    return 0;
}

int purse_configure(struct core *core, const struct config *config, struct error *error)
{
    struct price_table *prices;

    if (read_prices(config, &prices, error) < 0)
        return -1;
    if (money_configure(core->money, config, prices, error) < 0) {
        price_table_free(prices);
        return -1;
    }
    price_table_free(core->prices);
    core->prices = prices;
    core->asks = afford_count(core->afford);
    return 0;
}

void purse_close(struct core *core)
{
    struct error error;

    if (money_close(core->money, &error) < 0)
        log_error(&core->log, "%s", error.text);
    price_table_free(core->prices);
}
