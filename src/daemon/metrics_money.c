/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics_money: metrics of what was spent and of budgets; see metrics_parts.h. */
#include <string.h>

#include "base/amount.h"
#include "base/day.h"
#include "daemon/metrics_parts.h"

enum { SCOPES_MOST = 8, KIND_SIZE = 32 };

/* --- what was spent ------------------------------------------------------------------------------
 */

static void spent_sample(const struct metrics_look *look, const char *name, const char *period,
                         int32_t from, struct buffer *out)
{
    const struct promtext_label labels[] = {
        {"period", period}, {"currency", look->core->config->currency}, {NULL, NULL}};
    struct money_spent spent = money_spent(look->core->money, from);

    promtext_sample(out, name, labels, amount_units(amount_add(spent.cost_nano, spent.doubt_nano)));
}

static void spent_samples(const struct metrics_look *look, const struct metrics_family *family,
                          struct buffer *out)
{
    int32_t today = money_today(look->core->money);

    spent_sample(look, family->name, "day", today, out);
    spent_sample(look, family->name, "month", day_month(today), out);
}

/* --- budgets -------------------------------------------------------------------------------------
 */

/* The first word of a scope: "all", "provider", "model", "user", "run". Returns what follows it. */
static const char *scope_parts(const char *scope, char kind[KIND_SIZE])
{
    size_t length = strcspn(scope, " ");
    size_t kept = length < KIND_SIZE - 1 ? length : KIND_SIZE - 1;

    memcpy(kind, scope, kept);
    kind[kept] = '\0';
    return scope[length] == ' ' ? scope + length + 1 : scope + length;
}

static double fullness(const struct budget_view *budget)
{
    double taken = (double)budget->used_nano + (double)budget->reserved_nano;

    return budget->limit_nano > 0 ? taken / (double)budget->limit_nano : taken > 0 ? 2 : 0;
}

/* Those of a kind of scope and a period: by name the first of them, and of the others the one that
 * is nearest to its limit. Runs come and go and never stand by name. */
struct budget_group {
    char kind[KIND_SIZE];
    enum budget_period period;
    size_t named;
    const struct budget_view *fullest;
};

static struct budget_group *group_of(struct budget_group *groups, size_t *count, const char *kind,
                                     enum budget_period period)
{
    size_t i = 0;

    while (i < *count && (groups[i].period != period || strcmp(groups[i].kind, kind) != 0))
        i++;
    if (i == *count) {
        ++*count;
        groups[i].period = period;
        strcpy(groups[i].kind, kind);
    }
    return &groups[i];
}

static void budget_sample(const struct metrics_look *look, const struct metrics_family *family,
                          const struct budget_view *budget, const char *kind, const char *name,
                          struct buffer *out)
{
    const struct promtext_label labels[] = {{"scope", kind},
                                            {"name", name},
                                            {"period", budget_period_word(budget->period)},
                                            {"currency", look->core->config->currency},
                                            {NULL, NULL}};

    promtext_sample(out, family->name, labels, family->of(budget));
}

static void budget_samples(const struct metrics_look *look, const struct metrics_family *family,
                           struct buffer *out)
{
    struct budget_group groups[SCOPES_MOST * (PERIOD_RUN + 1)] = {0};
    size_t count = 0;

    for (size_t i = 0; i < look->budget_count; i++) {
        const struct budget_view *budget = &look->budgets[i];
        char kind[KIND_SIZE];
        const char *name = scope_parts(budget->scope, kind);
        struct budget_group *group = group_of(groups, &count, kind, budget->period);

        if (budget->period != PERIOD_RUN && group->named < METRICS_NAMES) {
            group->named++;
            budget_sample(look, family, budget, kind, name, out);
        } else if (group->fullest == NULL || fullness(budget) > fullness(group->fullest)) {
            group->fullest = budget;
        }
    }
    for (size_t i = 0; i < count; i++)
        if (groups[i].fullest != NULL)
            budget_sample(look, family, groups[i].fullest, groups[i].kind, METRICS_OTHER, out);
}

static double limit(const void *row)
{
    return amount_units(((const struct budget_view *)row)->limit_nano);
}

static double used(const void *row)
{
    return amount_units(((const struct budget_view *)row)->used_nano);
}

static double reserved(const void *row)
{
    return amount_units(((const struct budget_view *)row)->reserved_nano);
}

const struct metrics_family metrics_money[] = {
    {.name = "llmspool_spent",
     .kind = PROMTEXT_GAUGE,
     .help = "Spent today and this month, with what is in doubt, in units of the currency; as "
             "state/money has it, so no restart changes it.",
     .samples = spent_samples},
    {.name = "llmspool_budget_limit",
     .kind = PROMTEXT_GAUGE,
     .help = "What may be spent in a period.",
     .samples = budget_samples,
     .of = limit},
    {.name = "llmspool_budget_spent",
     .kind = PROMTEXT_GAUGE,
     .help = "What was spent of it, with what is in doubt.",
     .samples = budget_samples,
     .of = used},
    {.name = "llmspool_budget_reserved",
     .kind = PROMTEXT_GAUGE,
     .help = "What is set aside of it for requests under way.",
     .samples = budget_samples,
     .of = reserved},
    {0},
};
