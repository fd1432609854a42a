/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standing_print: how far a run is, for a person; see standing.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/failures.h"
#include "client/overview.h"
#include "client/records.h"
#include "client/show.h"
#include "client/standing.h"
#include "client/table.h"
#include "retain/members.h"
#include "retain/roll.h"

enum { INDENT = 11, BAR = 40, FAILURES_SHOWN = 8 };

static long number(const json_t *object, const char *key)
{
    return (long)jsontext_get_int(object, key, 0);
}

/* --- one run ------------------------------------------------------------------------------------- */

static void print_begin(const struct screen *screen, const json_t *page, struct wall now)
{
    int64_t begun = records_time(page, "begun");
    char moment[TIMETEXT_SIZE] = "", age[TIMETEXT_SIZE] = "";

    if (begun > 0) {
        timetext_write_local((struct wall){begun}, now, moment);
        timetext_write_duration(now.ms > begun ? now.ms - begun : 0, age);
    }
    screen_line(screen, TONE_STRONG, "run %s, begun %s (%s ago)", jsontext_get_text(page, "run", ""),
                moment, age);
}

static void print_counts(const struct screen *screen, const json_t *page)
{
    static const char *const states[] = {"completed", "failed",   "refused", "archived",
                                         "gone",      "running", "waiting"};
    struct buffer text = {0};

    buffer_printf(&text, "%ld:", number(page, "jobs"));
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        long count = number(page, states[i]);

        if (count > 0 || strcmp(states[i], "completed") == 0) {
            buffer_printf(&text, "%s %ld %s", text.bytes[text.length - 1] == ':' ? "" : ",", count,
                          states[i]);
        }
    }
    screen_paragraph(screen, TONE_PLAIN, "jobs", INDENT, text.bytes);
    buffer_free(&text);
    if (number(page, "answered_before") > 0) {
        char *before = xasprintf("%ld of the completed were so before the run began",
                                 number(page, "answered_before"));

        screen_paragraph(screen, TONE_PLAIN, "before", INDENT, before);
        free(before);
    }
}

/* [#########-----------] 45 % */
static void print_bar(const struct screen *screen, const json_t *page)
{
    long jobs = number(page, "jobs");
    long left = number(page, "waiting") + number(page, "running");
    long ended = jobs - left;
    int width = screen->width - INDENT - 8 < BAR ? screen->width - INDENT - 8 : BAR;
    int full = jobs > 0 ? (int)(ended * width / jobs) : 0;
    struct buffer text = {0};

    for (int i = 0; i < width; i++) {
        buffer_byte(&text, i < full ? '#' : '-');
    }
    screen_line(screen, left == 0 ? TONE_GOOD : TONE_PLAIN, "%-*s[%s] %ld %%", INDENT, "ended",
                text.bytes, jobs > 0 ? ended * 100 / jobs : 100);
    buffer_free(&text);
}

static void print_pace(const struct screen *screen, const json_t *page, const char *stopped,
                       struct wall now)
{
    double rate = json_number_value(json_object_get(page, "per_minute"));
    int64_t ends = records_time(page, "ends");
    long left = number(page, "waiting") + number(page, "running");
    char moment[TIMETEXT_SIZE], time[TIMETEXT_SIZE];
    struct buffer text = {0};

    if (left == 0) {
        screen_line(screen, TONE_GOOD, "%-*s%s", INDENT, "pace", "all have ended");
        return;
    }
    buffer_printf(&text, "%.*f a minute", rate < 10 ? 1 : 0, rate);
    if (stopped != NULL) {
        buffer_printf(&text, "; nothing moves: %s", stopped);
    } else if (ends > 0) {
        timetext_write_duration((ends - now.ms + 999) / 1000 * 1000, time);
        timetext_write_local((struct wall){ends}, now, moment);
        buffer_printf(&text, "; at that pace %s left, until %s", time, moment);
    } else {
        buffer_text(&text, "; none has ended yet, so that nobody knows how long it takes");
    }
    screen_paragraph(screen, stopped != NULL ? TONE_BAD : TONE_PLAIN, "pace", INDENT, text.bytes);
    buffer_free(&text);
}

static void add_amount(struct buffer *text, const json_t *money, const char *key)
{
    int64_t nano = 0;
    char amount[AMOUNT_SIZE];

    (void)amount_of_double(json_number_value(json_object_get(money, key)), &nano);
    amount_show(nano, amount);
    buffer_text(text, amount);
}

static void print_money(const struct screen *screen, const json_t *page)
{
    const json_t *money = json_object_get(page, "money");
    struct buffer text = {0};

    if (money == NULL) {
        return;
    }
    add_amount(&text, money, "cost");
    if (json_object_get(money, "max_cost") != NULL) {
        buffer_text(&text, " of ");
        add_amount(&text, money, "max_cost");
    }
    buffer_printf(&text, " %s", jsontext_get_text(money, "currency", ""));
    if (json_number_value(json_object_get(money, "in_doubt")) > 0) {
        buffer_text(&text, ", and perhaps ");
        add_amount(&text, money, "in_doubt");
    }
    buffer_printf(&text, " for %ld requests, %ld tokens in, %ld out", number(money, "requests"),
                  number(money, "input_tokens"), number(money, "output_tokens"));
    screen_paragraph(screen, TONE_PLAIN, "money", INDENT, text.bytes);
    buffer_free(&text);
}

void standing_print(const struct screen *screen, const json_t *page, const char *stopped,
                    struct wall now)
{
    print_begin(screen, page, now);
    print_counts(screen, page);
    print_bar(screen, page);
    print_pace(screen, page, stopped, now);
    print_money(screen, page);
    if (json_array_size(json_object_get(page, "failures")) > 0) {
        screen_line(screen, TONE_PLAIN, "%s", "");
        failures_print(screen, json_object_get(page, "failures"), FAILURES_SHOWN,
                       jsontext_get_text(page, "run", NULL));
    }
}

int standing_show(const struct spool *spool, const char *run, const struct screen *screen, bool json,
                  struct error *error)
{
    struct wall now = clock_wall(&clock_system);
    struct standing standing;
    json_t *failures = NULL, *money = NULL, *page = NULL;
    char *stopped;

    if (standing_read(spool, run, now, &standing, &failures, error) == 0 &&
        (money = standing_money(spool, run, error)) != NULL) {
        page = standing_json(run, &standing, failures, money, now);
    }
    if (page != NULL && json) {
        show_json(screen->out, page);
    } else if (page != NULL) {
        stopped = overview_stopped(spool);
        standing_print(screen, page, stopped, now);
        free(stopped);
    }
    json_decref(page);
    json_decref(money);
    json_decref(failures);
    return page != NULL ? 0 : -1;
}

/* --- all of them ---------------------------------------------------------------------------------- */

struct names {
    char **names;
    size_t count;
    const struct spool *spool;
};

static int keep(void *context, const char *run)
{
    struct names *names = context;

    names->names = xrealloc(names->names, (names->count + 1) * sizeof *names->names);
    names->names[names->count++] = xstrdup(run);
    return 0;
}

static int newest_first(const void *a, const void *b, void *context)
{
    const struct spool *spool = context;
    int64_t left = roll_begun_ms(spool, *(char *const *)a);
    int64_t right = roll_begun_ms(spool, *(char *const *)b);

    return (left < right) - (left > right);
}

static void list_row(struct table *table, const char *run, const struct standing *standing,
                     struct wall now)
{
    uint64_t left = standing->waiting + standing->running;
    int64_t ends = standing_end_ms(standing, now);
    char moment[TIMETEXT_SIZE] = "-", time[TIMETEXT_SIZE] = "-";

    if (standing->begun_ms > 0) {
        timetext_write_local((struct wall){standing->begun_ms}, now, moment);
    }
    if (left > 0 && ends > 0) {
        timetext_write_duration((ends - now.ms + 999) / 1000 * 1000, time);
    }
    table_cell(table, "%s", run);
    table_cell(table, "%s", moment);
    table_cell(table, "%" PRIu64, standing->places);
    table_cell(table, "%" PRIu64, standing->completed);
    table_cell(table, "%" PRIu64, standing->failed + standing->refused);
    table_cell(table, "%" PRIu64, left);
    table_cell(table, "%s", left == 0 ? "ended" : time);
}

static int list_one(const struct spool *spool, const char *run, struct table *table, bool json,
                    const struct screen *screen, struct wall now, struct error *error)
{
    struct standing standing;
    json_t *page;

    if (standing_read(spool, run, now, &standing, NULL, error) < 0) {
        return error->kind == ERROR_ABSENT ? 0 : -1; /* removed meanwhile */
    }
    if (!json) {
        list_row(table, run, &standing, now);
        return 0;
    }
    page = standing_json(run, &standing, NULL, NULL, now);
    show_json(screen->out, page);
    json_decref(page);
    return 0;
}

int standing_list(const struct spool *spool, const struct screen *screen, bool json,
                  struct wall now, struct error *error)
{
    static const char *const headings[] = {"RUN",  "BEGUN", "JOBS", "COMPLETED", "FAILED",
                                           "LEFT", "TIME LEFT", NULL};
    struct table table = table_start(headings);
    struct names names = {.spool = spool};
    int result = members_runs(spool, keep, &names, error);

    if (names.count > 1) {
        qsort_r(names.names, names.count, sizeof *names.names, newest_first, (void *)(uintptr_t)spool);
    }
    for (size_t i = 0; i < names.count; i++) {
        if (result == 0) {
            result = list_one(spool, names.names[i], &table, json, screen, now, error);
        }
        free(names.names[i]);
    }
    free(names.names);
    table_end(&table, screen, 0);
    return result;
}
