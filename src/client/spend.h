/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spend: what was spent, as state/money tells: for a person, a spreadsheet or a program.
 *
 * Floor: client.
 */
#ifndef CLIENT_SPEND_H
#define CLIENT_SPEND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "client/screen.h"
#include "job/ledger.h"
#include "spool/spool.h"

enum spend_format { SPEND_TABLE, SPEND_CSV, SPEND_JSON };

enum { SPEND_COLUMNS = 5 }; /* that can be told apart */

/* What is asked for. Zeroed: this month by model. */
struct spend_plan {
    enum spend_by by[SPEND_COLUMNS]; /* in the order of the columns */
    size_t by_count;
    bool ranged;         /* a range was given; else it is this month */
    int32_t from, until; /* days, both included */
    enum spend_format format;
};

/* Takes the words of options. Each returns 0, or -1 with an error of kind ERROR_USAGE. */
int spend_by(struct spend_plan *plan, const char *columns, struct error *error);
int spend_month(struct spend_plan *plan, const char *month, struct error *error);
int spend_day(struct spend_plan *plan, const char *day, struct error *error);
int spend_since(struct spend_plan *plan, const char *day, struct error *error);

/* Prints it. Returns 0, or -1 with an error: ERROR_DATA when state/money is damaged. A spool in
 * which nothing was ever recorded is none. */
int spend_print(const struct spool *spool, struct spend_plan *plan, const struct screen *screen,
                struct wall now, struct error *error);

/* The ledger of a spool, an empty one where there is none; NULL with an error. */
struct ledger *spend_ledger(const struct spool *spool, struct error *error);

#endif
