/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spend: see spend.h.
 */
#include "client/spend.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/buffer.h"
#include "base/day.h"
#include "base/moneytext.h"
#include "base/zone.h"
#include "client/show.h"
#include "client/table.h"
#include "spool/file.h"

#define LEDGER_LIMIT ((size_t)1 << 32)

/* --- options ---------------------------------------------------------------------------------- */

static int add_column(struct spend_plan *plan, const char *name, struct error *error)
{
    unsigned by = spend_by_read(name);

    if (by == 0) {
        error_set(error, ERROR_USAGE,
                  "--by %.40s: columns are day, user, provider, model and run, with commas between",
                  name);
        return -1;
    }
    for (size_t i = 0; i < plan->by_count; i++) {
        if (plan->by[i] == by) {
            return 0;
        }
    }
    assert(plan->by_count < SPEND_COLUMNS);
    plan->by[plan->by_count++] = (enum spend_by)by;
    return 0;
}

int spend_by(struct spend_plan *plan, const char *columns, struct error *error)
{
    while (true) {
        size_t length = strcspn(columns, ",");
        char name[41];

        snprintf(name, sizeof name, "%.*s", (int)(length < 40 ? length : 40), columns);
        if (add_column(plan, name, error) < 0) {
            return -1;
        }
        if (columns[length] == '\0') {
            return 0;
        }
        columns += length + 1;
    }
}

static int take_range(struct spend_plan *plan, bool good, int32_t from, int32_t until,
                      const char *option, const char *form, struct error *error)
{
    if (!good) {
        error_set(error, ERROR_USAGE, "%s takes a date as %s", option, form);
        return -1;
    }
    if (plan->ranged) {
        error_set(error, ERROR_USAGE, "only one of --month, --day and --since can be asked for");
        return -1;
    }
    plan->ranged = true;
    plan->from = from;
    plan->until = until;
    return 0;
}

int spend_month(struct spend_plan *plan, const char *month, struct error *error)
{
    int32_t first = 0;
    bool good = day_read_month(month, &first);

    return take_range(plan, good, first, day_next_month(first) - 1, "--month", "YYYY-MM", error);
}

int spend_day(struct spend_plan *plan, const char *day, struct error *error)
{
    int32_t read = 0;
    bool good = day_read(day, &read);

    return take_range(plan, good, read, read, "--day", "YYYY-MM-DD", error);
}

int spend_since(struct spend_plan *plan, const char *day, struct error *error)
{
    int32_t read = 0;
    bool good = day_read(day, &read);

    return take_range(plan, good, read, INT32_MAX, "--since", "YYYY-MM-DD", error);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct ledger *spend_ledger(const struct spool *spool, struct error *error)
{
    struct buffer text = {0};
    struct ledger *ledger = NULL;
    int result = file_read_at(spool->dir[FOLDER_STATE], "money", LEDGER_LIMIT, &text, NULL);

    if (result == -ENOENT) {
        ledger = ledger_new("USD", NULL);
    } else if (result < 0) {
        error_system(error, -result, "state/money cannot be read");
    } else {
        ledger = ledger_read(text.bytes != NULL ? text.bytes : "", text.length, error);
        if (ledger == NULL) {
            error_prefix(error, "state/money is damaged");
        }
    }
    buffer_free(&text);
    return ledger;
}

/* This month, by the calendar of the daemon. */
static int default_range(struct spend_plan *plan, const struct ledger *ledger, struct wall now,
                         struct error *error)
{
    struct zone *zone = zone_open(ledger_zone(ledger), error);

    if (zone == NULL) {
        return -1;
    }
    plan->from = day_month(zone_day(zone, now));
    plan->until = day_next_month(plan->from) - 1;
    zone_free(zone);
    return 0;
}

/* --- printing --------------------------------------------------------------------------------- */

/* A row's text in a column. */
static const char *column_text(const struct spend_row *row, enum spend_by by, char day[DAY_SIZE])
{
    switch (by) {
    case BY_DAY:
        day_write(row->key.day, day);
        return day;
    case BY_USER:
        return row->key.user;
    case BY_PROVIDER:
        return row->key.provider;
    case BY_MODEL:
        return row->key.model;
    case BY_RUN:
        return row->key.run;
    }
    return "";
}

struct report {
    const struct ledger *ledger;
    const struct spend_plan *plan;
    struct spend_row *rows;
    size_t count;
    struct spend_row total;
};

static void table_sums(struct table *table, const struct spend_row *row)
{
    char cost[AMOUNT_SIZE], doubt[AMOUNT_SIZE];

    amount_show(row->spend.cost_nano, cost);
    amount_show(row->spend.doubt_nano, doubt);
    table_cell(table, "%" PRIu64, row->spend.requests);
    table_cell(table, "%" PRId64, row->spend.input_tokens);
    table_cell(table, "%" PRId64, row->spend.cached_tokens);
    table_cell(table, "%" PRId64, row->spend.output_tokens);
    table_cell(table, "%s", cost);
    table_cell(table, "%s", row->spend.doubt_nano > 0 ? doubt : "-");
}

static void print_rows(const struct report *report, const struct screen *screen)
{
    const struct spend_plan *plan = report->plan;
    const char *headings[SPEND_COLUMNS + 7] = {0};
    static const char *const sums[] = {"REQUESTS", "INPUT", "CACHED", "OUTPUT", "COST", "IN DOUBT"};
    static const char *const names[] = {[BY_DAY] = "DAY",
                                        [BY_USER] = "USER",
                                        [BY_PROVIDER] = "PROVIDER",
                                        [BY_MODEL] = "MODEL",
                                        [BY_RUN] = "RUN"};
    struct table table;

    for (size_t i = 0; i < plan->by_count; i++) {
        headings[i] = names[plan->by[i]];
    }
    memcpy(headings + plan->by_count, sums, sizeof sums);
    table = table_start(headings);
    for (size_t i = 0; i < report->count; i++) {
        for (size_t j = 0; j < plan->by_count; j++) {
            char day[DAY_SIZE];
            const char *text = column_text(&report->rows[i], plan->by[j], day);

            table_cell(&table, "%s", text[0] != '\0' ? text : "-");
        }
        table_sums(&table, &report->rows[i]);
    }
    for (size_t j = 0; j < plan->by_count; j++) {
        table_cell(&table, "%s", j == 0 ? "total" : "");
    }
    table_sums(&table, &report->total);
    table_end(&table, screen, 0);
}

/* What the sums leave open. */
static void print_notes(const struct report *report, const struct screen *screen)
{
    const struct spend *sum = &report->total.spend;
    const char *currency = ledger_currency(report->ledger);
    char amount[AMOUNT_SIZE];

    if (sum->doubts > 0) {
        amount_show(sum->doubt_nano, amount);
        screen_line(screen, TONE_BAD,
                    "in doubt: %s %s for %" PRIu64 " request%s that may have been billed", amount,
                    currency, sum->doubts, screen_plural(sum->doubts));
    }
    if (sum->unpriced > 0) {
        screen_line(screen, TONE_BAD,
                    "no price was known for %" PRIu64 " request%s; %s nothing here",
                    sum->unpriced, screen_plural(sum->unpriced),
                    sum->unpriced == 1 ? "it costs" : "they cost");
    }
    if (report->total.open > 0) {
        amount_show(report->total.reserved_nano, amount);
        screen_line(screen, TONE_PLAIN, "under way: %" PRIu64 " request%s, %s %s reserved",
                    report->total.open, screen_plural(report->total.open), amount, currency);
    }
    if (ledger_damaged(report->ledger) > 0) {
        screen_line(screen, TONE_BAD, "%zu line%s of state/money cannot be read",
                    ledger_damaged(report->ledger), screen_plural(ledger_damaged(report->ledger)));
    }
}

static void print_table(const struct report *report, const struct screen *screen)
{
    const char *zone = ledger_zone(report->ledger);
    char from[DAY_SIZE], until[DAY_SIZE];

    day_write(report->plan->from, from);
    if (report->plan->until == INT32_MAX) {
        snprintf(until, sizeof until, "today");
    } else {
        day_write(report->plan->until, until);
    }
    screen_line(screen, TONE_STRONG, "spent from %s to %s, in %s%s%s%s", from, until,
                ledger_currency(report->ledger), zone != NULL ? " (days of " : "",
                zone != NULL ? zone : "", zone != NULL ? ")" : "");
    if (report->count == 0) {
        screen_line(screen, TONE_PLAIN, "nothing");
        return;
    }
    print_rows(report, screen);
    print_notes(report, screen);
}

/* RFC 4180: quotes around what holds a comma, a quote or a line's end. */
static void print_csv_text(FILE *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            fputc('"', out);
        }
        fputc(*text, out);
    }
    fputc('"', out);
}

static void print_csv(const struct report *report, FILE *out)
{
    const struct spend_plan *plan = report->plan;

    for (size_t j = 0; j < plan->by_count; j++) {
        fprintf(out, "%s,", spend_by_word(plan->by[j]));
    }
    fputs("requests,unpriced,input_tokens,cached_tokens,output_tokens,cost,in_doubt,currency\n",
          out);
    for (size_t i = 0; i < report->count; i++) {
        const struct spend *spend = &report->rows[i].spend;
        char cost[MONEYTEXT_SIZE], doubt[MONEYTEXT_SIZE], day[DAY_SIZE];

        for (size_t j = 0; j < plan->by_count; j++) {
            print_csv_text(out, column_text(&report->rows[i], plan->by[j], day));
            fputc(',', out);
        }
        moneytext_write(spend->cost_nano, cost);
        moneytext_write(spend->doubt_nano, doubt);
        fprintf(out, "%" PRIu64 ",%" PRIu64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%s,%s,%s\n",
                spend->requests, spend->unpriced, spend->input_tokens, spend->cached_tokens,
                spend->output_tokens, cost, doubt, ledger_currency(report->ledger));
    }
}

static void print_json(const struct report *report, FILE *out)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct spend_row *row = &report->rows[i];
        json_t *line = json_object();
        char day[DAY_SIZE];

        for (size_t j = 0; j < report->plan->by_count; j++) {
            json_object_set_new(line, spend_by_word(report->plan->by[j]),
                                json_string(column_text(row, report->plan->by[j], day)));
        }
        json_object_update_new(
            line,
            json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:f, s:s}", "requests",
                      (json_int_t)row->spend.requests, "unpriced", (json_int_t)row->spend.unpriced,
                      "doubts", (json_int_t)row->spend.doubts, "input_tokens",
                      (json_int_t)row->spend.input_tokens, "cached_tokens",
                      (json_int_t)row->spend.cached_tokens, "output_tokens",
                      (json_int_t)row->spend.output_tokens, "cost",
                      amount_units(row->spend.cost_nano), "in_doubt",
                      amount_units(row->spend.doubt_nano), "open", (json_int_t)row->open,
                      "reserved", amount_units(row->reserved_nano), "currency",
                      ledger_currency(report->ledger)));
        show_json(out, line);
        json_decref(line);
    }
}

static void make_report(struct report *report)
{
    const struct spend_plan *plan = report->plan;
    unsigned by = 0;

    for (size_t i = 0; i < plan->by_count; i++) {
        by |= plan->by[i];
    }
    report->rows = ledger_group(report->ledger, by, plan->from, plan->until, &report->count);
    for (size_t i = 0; i < report->count; i++) {
        spend_add(&report->total.spend, &report->rows[i].spend);
        report->total.open += report->rows[i].open;
        report->total.reserved_nano =
            amount_add(report->total.reserved_nano, report->rows[i].reserved_nano);
    }
}

int spend_print(const struct spool *spool, struct spend_plan *plan, const struct screen *screen,
                struct wall now, struct error *error)
{
    struct ledger *ledger = spend_ledger(spool, error);
    struct report report = {.ledger = ledger, .plan = plan};

    if (ledger == NULL || (!plan->ranged && default_range(plan, ledger, now, error) < 0)) {
        ledger_free(ledger);
        return -1;
    }
    if (plan->by_count == 0) {
        plan->by[plan->by_count++] = BY_MODEL;
    }
    make_report(&report);
    if (plan->format == SPEND_CSV) {
        print_csv(&report, screen->out);
    } else if (plan->format == SPEND_JSON) {
        print_json(&report, screen->out);
    } else {
        print_table(&report, screen);
    }
    free(report.rows);
    ledger_free(ledger);
    return 0;
}
