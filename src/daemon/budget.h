/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * budget: what may be spent, by whom, for what and when: the budgets of the configuration, and how
 * much of each is used.
 *
 * Floor: daemon. Pure bookkeeping: no file, no clock; money.c feeds it. A budget's counter is for a
 * scope and a period: all, a provider, a model (each that a section's pattern fits has its own), a
 * user (with user "*": each one without a section) or a run with a max_cost; a day, a week from
 * Monday on, a month, or one run. Amounts are nano.
 */
#ifndef DAEMON_BUDGET_H
#define DAEMON_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config.h"
#include "job/ledger.h"

enum budget_period { PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_RUN };

/* One counter as others may see it. Texts are borrowed until the next call that changes the
 * budgets. */
struct budget_view {
    const char *scope; /* "all", "provider openai", "model gpt-4o", "user alice", "run R" */
    const char *run;   /* PERIOD_RUN: which; else NULL */
    enum budget_period period;
    int64_t limit_nano;
    int64_t used_nano; /* spent, with what is in doubt */
    int64_t reserved_nano;
    int32_t until_day; /* the day on which it turns; INT32_MAX: never */
    bool exhausted;    /* what is left did not pay for a request in this period */
};

/* How a cost fits. */
enum budget_fit {
    BUDGET_FITS,
    BUDGET_RESERVED, /* it would, were it not for what is reserved */
    BUDGET_USED_UP,  /* not in this period */
    BUDGET_TOO_SMALL /* never: the cost alone is more than the budget */
};

struct budgets;

/* From a configuration, which may go afterwards; nothing used yet, day 0. */
struct budgets *budgets_new(const struct config *config);
void budgets_free(struct budgets *budgets);

/* Counts anew all that a ledger says, as of this day. */
void budgets_count(struct budgets *budgets, const struct ledger *ledger, int32_t today);

/* The day as of which it counts. */
int32_t budgets_today(const struct budgets *budgets);

/* Whether any budget applies to a key. */
bool budgets_apply(struct budgets *budgets, const struct spend_key *key, int64_t run_limit_nano);

/* Whether cost fits into all that applies to key. run_limit_nano is the run's max_cost, -1 for
 * none. *worst receives the counter that keeps it longest when it does not fit; *first tells that
 * this counter says that it is used up, or that it is too small, for the first time in its period.
 */
enum budget_fit budgets_fit(struct budgets *budgets, const struct spend_key *key,
                            int64_t run_limit_nano, int64_t cost_nano, struct budget_view *worst,
                            bool *first);

/* Adds to what is reserved and used by a key (of whose day the counters count what falls into their
 * period); either may be negative. */
void budgets_charge(struct budgets *budgets, const struct spend_key *key, int64_t run_limit_nano,
                    int64_t reserved_nano, int64_t used_nano);

/* All counters, in the configuration's order; the caller frees the array. */
struct budget_view *budgets_views(const struct budgets *budgets, size_t *count);

/* "day", "week", "month", "run". */
const char *budget_period_word(enum budget_period period);

#endif
