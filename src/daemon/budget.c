/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * budget: see budget.h.
 */
#include "daemon/budget.h"

#include <assert.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/buffer.h"
#include "base/day.h"
#include "base/xalloc.h"

#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

enum scope { SCOPE_ALL, SCOPE_PROVIDER, SCOPE_MODEL, SCOPE_USER, SCOPE_OTHERS, SCOPE_RUN };

/* One line of the configuration: a limit for a scope and a period. */
struct rule {
    enum scope scope;
    char *name;     /* of the provider, model section or user; NULL where there is none */
    char *provider; /* that a model section names, or NULL */
    enum budget_period period;
    int64_t limit_nano;
};

/* What is used of a rule: one for most, one for each user, model or run where the rule is for each.
 */
struct counter {
    enum budget_period period;
    char *scope; /* for a person */
    char *run;   /* or NULL */
    int64_t limit_nano;
    int64_t used_nano;
    int64_t reserved_nano;
    bool exhausted;
    bool outdone; /* it was told of a request that costs more than all of it */
    bool of_list; /* it is a run's max_cost, which no rule says */
    UT_hash_handle hh;
    char key[]; /* number of the rule, subject, run */
};

struct budgets {
    int32_t today;
    char **users; /* that have a section of their own, NULL-terminated */
    struct rule *rules;
    size_t count;
    struct counter *counters; /* in the order in which they were made */
    struct buffer key;        /* being looked for */
};

/* --- rules ------------------------------------------------------------------------------------ */

static void add_rule(struct budgets *budgets, const struct rule *whose, enum budget_period period,
                     int64_t limit_nano)
{
    if (limit_nano < 0) {
        return;
    }
    budgets->rules = xrealloc(budgets->rules, (budgets->count + 1) * sizeof *budgets->rules);
    budgets->rules[budgets->count++] = (struct rule){whose->scope, xstrdup(whose->name),
                                                     xstrdup(whose->provider), period, limit_nano};
}

static void add_rules(struct budgets *budgets, struct rule whose,
                      const struct config_budget *limits)
{
    add_rule(budgets, &whose, PERIOD_DAY, limits->day_nano);
    add_rule(budgets, &whose, PERIOD_WEEK, limits->week_nano);
    add_rule(budgets, &whose, PERIOD_MONTH, limits->month_nano);
    add_rule(budgets, &whose, PERIOD_RUN, limits->run_nano);
}

static void add_users(struct budgets *budgets, const struct config *config)
{
    size_t named = 0;

    budgets->users = xcalloc(config->user_count + 1, sizeof *budgets->users);
    for (size_t i = 0; i < config->user_count; i++) {
        const struct config_user *user = &config->users[i];
        bool others = strcmp(user->name, "*") == 0;

        if (!others) {
            budgets->users[named++] = xstrdup(user->name);
        }
        add_rules(budgets,
                  (struct rule){.scope = others ? SCOPE_OTHERS : SCOPE_USER, .name = user->name},
                  &user->budget);
    }
}

static bool has_section(const struct budgets *budgets, const char *user)
{
    for (char **name = budgets->users; *name != NULL; name++) {
        if (strcmp(*name, user) == 0) {
            return true;
        }
    }
    return false;
}

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* Whether a model's section says something of the model of a key at the key's provider. */
static bool fits_section(const struct rule *rule, const struct spend_key *key)
{
    return rule->scope == SCOPE_MODEL && fnmatch(rule->name, text_or_empty(key->model), 0) == 0 &&
           (rule->provider == NULL || strcmp(rule->provider, text_or_empty(key->provider)) == 0);
}

/* Of a model's sections the first that says a limit for the period counts. */
static bool fits_first(const struct budgets *budgets, const struct rule *rule,
                       const struct spend_key *key)
{
    const struct rule *first = budgets->rules;

    while (first < rule && !(first->period == rule->period && fits_section(first, key))) {
        first++;
    }
    return first == rule && fits_section(rule, key);
}

static bool rule_applies(const struct budgets *budgets, const struct rule *rule,
                         const struct spend_key *key)
{
    if (rule->period == PERIOD_RUN && text_or_empty(key->run)[0] == '\0') {
        return false;
    }
    switch (rule->scope) {
    case SCOPE_PROVIDER:
        return strcmp(rule->name, text_or_empty(key->provider)) == 0;
    case SCOPE_MODEL:
        return fits_first(budgets, rule, key);
    case SCOPE_USER:
        return strcmp(rule->name, text_or_empty(key->user)) == 0;
    case SCOPE_OTHERS:
        return !has_section(budgets, text_or_empty(key->user));
    case SCOPE_ALL:
    case SCOPE_RUN:
        break;
    }
    return true;
}

/* --- counters --------------------------------------------------------------------------------- */

/* Where a rule is for each user or model, whose counter it is; else "". */
static const char *rule_subject(const struct rule *rule, const struct spend_key *key)
{
    const char *subject = rule->scope == SCOPE_OTHERS  ? key->user
                          : rule->scope == SCOPE_MODEL ? key->model
                                                       : NULL;

    return text_or_empty(subject);
}

static char *scope_text(const struct rule *rule, const char *subject, const char *run)
{
    switch (rule->scope) {
    case SCOPE_PROVIDER:
        return xasprintf("provider %s", rule->name);
    case SCOPE_MODEL:
        return xasprintf("model %s", subject);
    case SCOPE_USER:
        return xasprintf("user %s", rule->name);
    case SCOPE_OTHERS:
        return subject[0] != '\0' ? xasprintf("user %s", subject) : xstrdup("jobs without a user");
    case SCOPE_RUN:
        return xasprintf("run %s", run);
    case SCOPE_ALL:
        break;
    }
    return xstrdup("all");
}

static struct counter *make_counter(struct budgets *budgets, const struct rule *rule,
                                    const char *subject, const char *run)
{
    const struct buffer *key = &budgets->key;
    struct counter *counter = xcalloc(1, sizeof *counter + key->length);

    memcpy(counter->key, key->bytes, key->length);
    counter->period = rule->period;
    counter->scope = scope_text(rule, subject, run);
    counter->run = run[0] != '\0' ? xstrdup(run) : NULL;
    counter->limit_nano = rule->limit_nano;
    counter->of_list = rule->scope == SCOPE_RUN;
    HASH_ADD_KEYPTR(hh, budgets->counters, counter->key, key->length, counter);
    return counter;
}

/* The counter of a rule, made where there is none. number tells the rules apart. */
static struct counter *rule_counter(struct budgets *budgets, size_t number, const struct rule *rule,
                                    const struct spend_key *key)
{
    const char *subject = rule_subject(rule, key);
    const char *run = rule->period == PERIOD_RUN ? text_or_empty(key->run) : "";
    struct counter *counter;

    buffer_clear(&budgets->key);
    buffer_append(&budgets->key, &number, sizeof number);
    buffer_append(&budgets->key, subject, strlen(subject) + 1);
    buffer_append(&budgets->key, run, strlen(run) + 1);
    HASH_FIND(hh, budgets->counters, budgets->key.bytes, budgets->key.length, counter);
    return counter != NULL ? counter : make_counter(budgets, rule, subject, run);
}

/* Goes through the counters that apply to a key: *at begins with 0; NULL after the last. The last
 * is that of the run's own max_cost. */
static struct counter *next_counter(struct budgets *budgets, const struct spend_key *key,
                                    int64_t run_limit_nano, size_t *at)
{
    while (*at < budgets->count) {
        size_t number = (*at)++;

        if (rule_applies(budgets, &budgets->rules[number], key)) {
            return rule_counter(budgets, number, &budgets->rules[number], key);
        }
    }
    if ((*at)++ == budgets->count && run_limit_nano >= 0 && text_or_empty(key->run)[0] != '\0') {
        const struct rule rule = {
            .scope = SCOPE_RUN, .period = PERIOD_RUN, .limit_nano = run_limit_nano};
        struct counter *counter = rule_counter(budgets, SIZE_MAX, &rule, key);

        counter->limit_nano = run_limit_nano;
        return counter;
    }
    return NULL;
}

/* Budgets that nothing was spent of are shown as well. */
static void make_counters(struct budgets *budgets)
{
    for (size_t i = 0; i < budgets->count; i++) {
        const struct rule *rule = &budgets->rules[i];

        if (rule->period != PERIOD_RUN && rule->scope != SCOPE_OTHERS &&
            rule->scope != SCOPE_MODEL) {
            rule_counter(budgets, i, rule, &(struct spend_key){0});
        }
    }
}

struct budgets *budgets_new(const struct config *config)
{
    struct budgets *budgets = xcalloc(1, sizeof *budgets);

    add_rules(budgets, (struct rule){.scope = SCOPE_ALL}, &config->budget);
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *provider = &config->providers[i];

        add_rules(budgets, (struct rule){.scope = SCOPE_PROVIDER, .name = provider->name},
                  &provider->budget);
    }
    for (size_t i = 0; i < config->model_count; i++) {
        const struct config_model *model = &config->models[i];

        add_rules(budgets,
                  (struct rule){
                      .scope = SCOPE_MODEL, .name = model->pattern, .provider = model->provider},
                  &model->budget);
    }
    add_users(budgets, config);
    make_counters(budgets);
    return budgets;
}

static void free_counter(struct counter *counter)
{
    free(counter->scope);
    free(counter->run);
    free(counter);
}

void budgets_free(struct budgets *budgets)
{
    struct counter *counter, *next;

    if (budgets == NULL) {
        return;
    }
    HASH_ITER(hh, budgets->counters, counter, next)
    {
        HASH_DEL(budgets->counters, counter);
        free_counter(counter);
    }
    for (size_t i = 0; i < budgets->count; i++) {
        free(budgets->rules[i].name);
        free(budgets->rules[i].provider);
    }
    for (char **name = budgets->users; *name != NULL; name++) {
        free(*name);
    }
    buffer_free(&budgets->key);
    free(budgets->users);
    free(budgets->rules);
    free(budgets);
}

/* --- periods ---------------------------------------------------------------------------------- */

/* The first day of the period that a day is in, and of the next one. */
static int32_t period_start(enum budget_period period, int32_t day)
{
    switch (period) {
    case PERIOD_DAY:
        return day;
    case PERIOD_WEEK:
        return day_week(day);
    case PERIOD_MONTH:
        return day_month(day);
    case PERIOD_RUN:
        break;
    }
    return INT32_MIN;
}

static int32_t period_end(enum budget_period period, int32_t day)
{
    switch (period) {
    case PERIOD_DAY:
        return day + 1;
    case PERIOD_WEEK:
        return day_week(day) + 7;
    case PERIOD_MONTH:
        return day_next_month(day);
    case PERIOD_RUN:
        break;
    }
    return INT32_MAX;
}

const char *budget_period_word(enum budget_period period)
{
    static const char *const words[] = {"day", "week", "month", "run"};

    return words[period];
}

int32_t budgets_today(const struct budgets *budgets)
{
    return budgets->today;
}

/* --- counting --------------------------------------------------------------------------------- */

void budgets_charge(struct budgets *budgets, const struct spend_key *key, int64_t run_limit_nano,
                    int64_t reserved_nano, int64_t used_nano)
{
    struct counter *counter;
    size_t at = 0;

    while ((counter = next_counter(budgets, key, run_limit_nano, &at)) != NULL) {
        if (period_start(counter->period, key->day) ==
            period_start(counter->period, budgets->today)) {
            counter->reserved_nano = amount_add(counter->reserved_nano, reserved_nano);
            counter->used_nano = amount_add(counter->used_nano, used_nano);
        }
    }
}

struct counting {
    struct budgets *budgets;
    const struct ledger *ledger;
};

static void count_spend(void *context, const struct spend_key *key, const struct spend *spend)
{
    const struct counting *counting = context;

    budgets_charge(counting->budgets, key, ledger_limit_of(counting->ledger, key->run), 0,
                   amount_add(spend->cost_nano, spend->doubt_nano));
}

static void count_open(void *context, const struct reservation *reservation)
{
    const struct counting *counting = context;

    if (reservation->nano > 0) {
        budgets_charge(counting->budgets, &reservation->key,
                       ledger_limit_of(counting->ledger, reservation->key.run), reservation->nano,
                       0);
    }
}

/* What was told of a period that has not turned stays told. */
void budgets_count(struct budgets *budgets, const struct ledger *ledger, int32_t today)
{
    struct counting counting = {budgets, ledger};

    for (struct counter *counter = budgets->counters; counter != NULL; counter = counter->hh.next) {
        counter->used_nano = 0;
        counter->reserved_nano = 0;
        counter->limit_nano = counter->of_list ? -1 : counter->limit_nano; /* until it is used */
        if (period_start(counter->period, today) != period_start(counter->period, budgets->today)) {
            counter->exhausted = counter->outdone = false;
        }
    }
    budgets->today = today;
    ledger_each(ledger, count_spend, &counting);
    ledger_each_open(ledger, count_open, &counting);
}

/* --- asking ----------------------------------------------------------------------------------- */

bool budgets_apply(struct budgets *budgets, const struct spend_key *key, int64_t run_limit_nano)
{
    size_t at = 0;

    return next_counter(budgets, key, run_limit_nano, &at) != NULL;
}

static enum budget_fit counter_fit(const struct counter *counter, int64_t cost_nano)
{
    int64_t used = amount_add(counter->used_nano, cost_nano);

    if (amount_add(used, counter->reserved_nano) <= counter->limit_nano) {
        return BUDGET_FITS;
    }
    if (cost_nano > counter->limit_nano) {
        return BUDGET_TOO_SMALL;
    }
    return used <= counter->limit_nano ? BUDGET_RESERVED : BUDGET_USED_UP;
}

static struct budget_view counter_view(const struct budgets *budgets, const struct counter *counter)
{
    return (struct budget_view){
        .scope = counter->scope,
        .run = counter->run,
        .period = counter->period,
        .limit_nano = counter->limit_nano,
        .used_nano = counter->used_nano,
        .reserved_nano = counter->reserved_nano,
        .until_day = period_end(counter->period, budgets->today),
        .exhausted = counter->exhausted,
    };
}

/* Whether a counter says this for the first time in its period. A request that costs more than the
 * whole of it says nothing of what is left for others. */
static bool says_first(struct counter *counter, enum budget_fit fit)
{
    bool *said = fit == BUDGET_TOO_SMALL ? &counter->outdone : &counter->exhausted;
    bool first = fit >= BUDGET_USED_UP && !*said;

    *said = *said || first;
    return first;
}

enum budget_fit budgets_fit(struct budgets *budgets, const struct spend_key *key,
                            int64_t run_limit_nano, int64_t cost_nano, struct budget_view *worst,
                            bool *first)
{
    enum budget_fit result = BUDGET_FITS;
    struct counter *counter, *keeps = NULL;
    size_t at = 0;

    while ((counter = next_counter(budgets, key, run_limit_nano, &at)) != NULL) {
        enum budget_fit fit = counter_fit(counter, cost_nano);

        if (fit > result || (fit == result && fit != BUDGET_FITS &&
                             period_end(counter->period, budgets->today) >
                                 period_end(keeps->period, budgets->today))) {
            result = fit;
            keeps = counter;
        }
    }
    *first = false;
    if (keeps != NULL) {
        *first = says_first(keeps, result);
        *worst = counter_view(budgets, keeps);
    }
    return result;
}

struct budget_view *budgets_views(const struct budgets *budgets, size_t *count)
{
    struct budget_view *views = xcalloc(HASH_COUNT(budgets->counters) + 1, sizeof *views);
    size_t number = 0;

    for (const struct counter *counter = budgets->counters; counter != NULL;
         counter = counter->hh.next) {
        if (counter->limit_nano >= 0) {
            views[number++] = counter_view(budgets, counter);
        }
    }
    *count = number;
    return views;
}
