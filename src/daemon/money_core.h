/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * money_core: what money and money_view share.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_MONEY_CORE_H
#define DAEMON_MONEY_CORE_H

#include "base/zone.h"
#include "daemon/money.h"
#include "daemon/money_file.h"
#include "job/ledger.h"

struct money {
    struct money_setup setup; /* config and prices in it are those of the start */
    const struct config *config;
    const struct price_table *prices;
    struct zone *zone;
    struct ledger *ledger;
    struct budgets *budgets;
    struct money_file *file;
    bool denied; /* a request was not allowed since `freed` was called last */

    /* Of the day as of which budgets count; wall ms. */
    int64_t day_begins_ms, day_ends_ms, week_ends_ms, month_ends_ms;
};

/* Counts as of today. */
void money_roll(struct money *money);

#endif
