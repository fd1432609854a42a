/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * overview_print: the overview for a person; see overview.h.
 */
#include "client/overview.h"

#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/notified.h"
#include "client/overview_parts.h"
#include "client/records.h"
#include "client/upkeep.h"

enum { INDENT = 11, ROWS = 10, BUDGETS_SHOWN = 3 };

static long number(const json_t *object, const char *key)
{
    return (long)jsontext_get_int(object, key, 0);
}

static void put(const struct screen *screen, const char *label, const char *text)
{
    screen_paragraph(screen, TONE_PLAIN, label, INDENT, text);
}

/* --- the first lines -----------------------------------------------------------------------------
 */

static void print_daemon(const struct screen *screen, const json_t *overview, struct wall now)
{
    const char *path = jsontext_get_text(overview, "spool", "");
    struct wall started = {records_time(overview, "started")};
    char since[TIMETEXT_SIZE], *text;

    if (!jsontext_get_bool(overview, "daemon_up", false)) {
        text = xasprintf("no daemon runs on %s (start it: llmspoold -s %s)", path, path);
        screen_paragraph(screen, TONE_BAD, "", 0, text);
    } else {
        timetext_write_local(started, now, since);
        text = xasprintf(
            "llmspoold %s runs on %s: pid %ld, since %s%s",
            jsontext_get_text(overview, "version", ""), path, number(overview, "pid"), since,
            strcmp(jsontext_get_text(overview, "state", ""), "stopping") == 0 ? ", stopping" : "");
        screen_paragraph(screen, TONE_GOOD, "", 0, text);
    }
    free(text);
}

/* What a person must know, and may have to do something about. */
static void alarm_line(const struct screen *screen, const char *text)
{
    screen_paragraph(screen, TONE_BAD, "!", 2, text);
}

/* "1 job waits", "3 jobs wait" */
static char *jobs_waiting(const json_t *object)
{
    long jobs = number(object, "waiting");

    return xasprintf("%ld job%s %s", jobs, screen_plural((uint64_t)jobs),
                     jobs == 1 ? "waits" : "wait");
}

/* Alarms of one kind that there was no room for. */
static void more_alarms(const struct screen *screen, size_t told, size_t most, const char *what)
{
    char *text;

    if (told > most) {
        text = xasprintf("and %zu other %s (%s)", told - most, what,
                         strcmp(what, "gates") == 0 ? "--gates" : "--json");
        alarm_line(screen, text);
        free(text);
    }
}

static void print_gate_alarms(const struct screen *screen, const json_t *overview, size_t most)
{
    json_t *gate;
    size_t i, told = 0;

    json_array_foreach(json_object_get(overview, "gates"), i, gate)
    {
        const char *name = jsontext_get_text(gate, "gate", "");
        char *text, *waiting;

        if (!jsontext_get_bool(gate, "loud", false) || ++told > most) {
            continue;
        }
        waiting = jobs_waiting(gate);
        text = xasprintf("%s is closed: %s; %s. When it is mended: llmspool-ctl release %s", name,
                         jsontext_get_text(gate, "reason", ""), waiting, name);
        free(waiting);
        alarm_line(screen, text);
        free(text);
    }
    more_alarms(screen, told, most, "gates");
}

static void print_model_alarms(const struct screen *screen, const json_t *overview, size_t most)
{
    json_t *model;
    size_t i, told = 0;

    json_array_foreach(json_object_get(overview, "models"), i, model)
    {
        const char *reason = jsontext_get_text(model, "reason", "");
        char *text, *waiting;

        if (reason[0] == '\0' || strncmp(reason, "gate:", strlen("gate:")) == 0 ||
            number(model, "waiting") == 0 || ++told > most) {
            continue;
        }
        waiting = jobs_waiting(model);
        text = xasprintf("%s; %s. Name one in llmspoold.conf and send the daemon SIGHUP", reason,
                         waiting);
        free(waiting);
        alarm_line(screen, text);
        free(text);
    }
    more_alarms(screen, told, most, "models");
}

/* "4.98 of 5.00 USD", as its limit is written. */
static void add_used(struct buffer *text, const json_t *budget, const char *currency)
{
    int64_t used_nano = 0, limit_nano = 0;
    char used[AMOUNT_SIZE], limit[AMOUNT_SIZE];

    (void)amount_of_double(json_number_value(json_object_get(budget, "used")), &used_nano);
    (void)amount_of_double(json_number_value(json_object_get(budget, "limit")), &limit_nano);
    amount_show(used_nano, used);
    amount_show(limit_nano, limit);
    buffer_printf(text, "%s of %s %s", used, limit, currency);
}

/* What was spent, with what may have been. */
static void add_cost(struct buffer *text, const json_t *spent, const char *currency)
{
    int64_t nano = 0, doubt = 0;
    char amount[AMOUNT_SIZE];

    (void)amount_of_double(json_number_value(json_object_get(spent, "cost")), &nano);
    (void)amount_of_double(json_number_value(json_object_get(spent, "in_doubt")), &doubt);
    amount_show(nano + doubt, amount);
    buffer_printf(text, "%s %s", amount, currency);
}

static void print_budget_alarm(const struct screen *screen, const json_t *budget,
                               const char *currency, struct wall now)
{
    const char *run = jsontext_get_text(budget, "run", NULL);
    int64_t until = records_time(budget, "until");
    struct buffer text = {0};
    char moment[TIMETEXT_SIZE];

    buffer_printf(&text, "budget a %s for %s%s%s used up: ", jsontext_get_text(budget, "period", ""),
                  jsontext_get_text(budget, "scope", ""), run != NULL ? ", run " : "",
                  run != NULL ? run : "");
    add_used(&text, budget, currency);
    if (until > 0) {
        timetext_write_local((struct wall){until}, now, moment);
        buffer_printf(&text, "; what it does not pay for waits until %s", moment);
    }
    alarm_line(screen, text.bytes);
    buffer_free(&text);
}

static void print_budget_alarms(const struct screen *screen, const json_t *overview,
                                struct wall now)
{
    const json_t *money = json_object_get(overview, "money");
    json_t *budget;
    size_t i;

    if (!jsontext_get_bool(overview, "daemon_up", false)) {
        return; /* the next one counts anew which are used up */
    }
    json_array_foreach (json_object_get(money, "budgets"), i, budget) {
        if (jsontext_get_bool(budget, "used_up", false)) {
            print_budget_alarm(screen, budget, jsontext_get_text(money, "currency", ""), now);
        }
    }
}

static void print_alarms(const struct screen *screen, const json_t *overview, size_t most,
                         struct wall now)
{
    const char *trouble = jsontext_get_text(overview, "trouble", NULL);

    if (jsontext_get_bool(overview, "mock", false)) {
        alarm_line(screen, "answers come from llmspool-mock, not from a model");
    }
    if (trouble != NULL) {
        alarm_line(screen, trouble);
    }
    if (jsontext_get_bool(overview, "paused", false)) {
        alarm_line(screen, "paused: nothing is sent (llmspool-ctl resume)");
    }
    if (jsontext_get_bool(overview, "draining", false)) {
        alarm_line(screen, "draining: nothing is taken from new/ (llmspool-ctl undrain)");
    }
    print_gate_alarms(screen, overview, most);
    print_model_alarms(screen, overview, most);
    print_budget_alarms(screen, overview, now);
}

/* --- figures -------------------------------------------------------------------------------------
 */

static void add_count(struct buffer *text, const char *what, long count, bool always)
{
    if (count > 0 || always) {
        buffer_printf(text, "%s%ld %s", text->length > 0 ? ", " : "", count, what);
    }
}

/* Jobs that have not ended: by the daemon's word, which knows delays and holds, or as the folders
 * show. */
static void print_active(const struct screen *screen, const json_t *overview)
{
    const json_t *counts = json_object_get(overview, "counts");
    const json_t *folders = json_object_get(overview, "folders");
    struct buffer text = {0};

    if (counts != NULL) {
        add_count(&text, "waiting", number(counts, "waiting"), true);
        add_count(&text, "delayed", number(counts, "delayed"), false);
        add_count(&text, "held", number(counts, "held"), false);
        add_count(&text, "running", number(counts, "running"), true);
        add_count(&text, "being published", number(counts, "publishing"), false);
    } else {
        add_count(&text, "in cur/", number(folders, "cur"), true);
        add_count(&text, "marked as running", number(folders, "running"), false);
    }
    add_count(&text, "dropped in new/", number(folders, "new"), false);
    put(screen, "active", text.bytes);
    buffer_free(&text);
}

static void print_ended(const struct screen *screen, const json_t *overview)
{
    const json_t *folders = json_object_get(overview, "folders");
    struct buffer text = {0};

    add_count(&text, "completed", number(folders, "done"), true);
    add_count(&text, "failed", number(folders, "failed"), true);
    add_count(&text, "refused", number(folders, "refused"), false);
    if (jsontext_get_bool(folders, "at_least", false)) {
        buffer_text(&text, ", or more: folders of over 100,000 files are not read to the end");
    }
    put(screen, "ended", text.bytes);
    buffer_free(&text);
}

static void print_pace(const struct screen *screen, const json_t *overview, struct wall now)
{
    const json_t *rate = json_object_get(json_object_get(overview, "rates"), "per_minute");
    int64_t oldest = records_time(overview, "oldest_runnable");
    struct buffer text = {0};
    char age[TIMETEXT_SIZE];

    if (json_is_number(rate)) {
        buffer_printf(&text, "%.0f ended in the last minute", json_number_value(rate));
    }
    if (oldest > 0) {
        timetext_write_duration(now.ms > oldest ? now.ms - oldest : 0, age);
        buffer_printf(&text, "%sthe oldest that may be sent waits for %s",
                      text.length > 0 ? ", " : "", age);
    }
    if (text.length > 0) {
        put(screen, "pace", text.bytes);
    }
    buffer_free(&text);
}

static void print_latency(const struct screen *screen, const json_t *overview)
{
    static const struct {
        const char *key;
        const char *label;
    } shares[] = {{"p50", "50 %"}, {"p95", "95 %"}, {"p99", "99 %"}};
    const json_t *latency = json_object_get(overview, "latency_ms");
    struct buffer text = {0};

    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        const json_t *value = json_object_get(latency, shares[i].key);
        char duration[TIMETEXT_SIZE];

        if (json_is_number(value)) {
            timetext_write_duration((int64_t)json_number_value(value), duration);
            buffer_printf(&text, "%s%s within %s", text.length > 0 ? ", " : "", shares[i].label,
                          duration);
        }
    }
    if (text.length > 0) {
        put(screen, "latency", text.bytes);
    }
    buffer_free(&text);
}

static void print_webhooks(const struct screen *screen, const json_t *overview, struct wall now)
{
    char *text = notified_overview(json_object_get(overview, "webhooks"), now);

    if (text != NULL) {
        put(screen, "webhooks", text);
    }
    free(text);
}

/* "0.12 USD today, 4.50 this month; a day for all: 0.12 of 5.00 USD" */
static void print_money(const struct screen *screen, const json_t *overview)
{
    const json_t *money = json_object_get(overview, "money");
    const char *currency = jsontext_get_text(money, "currency", "");
    const json_t *today = json_object_get(money, "today");
    size_t count = json_array_size(json_object_get(money, "budgets"));
    struct buffer text = {0};

    if (!json_is_object(today)) {
        return;
    }
    add_cost(&text, today, currency);
    buffer_text(&text, " today, ");
    add_cost(&text, json_object_get(money, "month"), currency);
    buffer_text(&text, " this month");
    for (size_t i = 0; i < count && i < BUDGETS_SHOWN; i++) {
        const json_t *budget = json_array_get(json_object_get(money, "budgets"), i);

        buffer_printf(&text, "; a %s for %s: ", jsontext_get_text(budget, "period", ""),
                      jsontext_get_text(budget, "scope", ""));
        add_used(&text, budget, currency);
    }
    if (count > BUDGETS_SHOWN) {
        buffer_printf(&text, "; %zu other budgets (--json)", count - BUDGETS_SHOWN);
    }
    put(screen, "money", text.bytes);
    buffer_free(&text);
}

static void print_publish(const struct screen *screen, const json_t *overview)
{
    const json_t *publish = json_object_get(overview, "publish");
    long commits = number(publish, "commits");
    struct buffer text = {0};

    if (commits == 0) {
        return;
    }
    buffer_printf(&text, "%ld commits of %.1f files in %.1f ms (largest %ld, longest %.1f ms)",
                  commits, (double)number(publish, "items") / (double)commits,
                  json_number_value(json_object_get(publish, "mean_us")) / 1000,
                  number(publish, "largest"),
                  json_number_value(json_object_get(publish, "max_us")) / 1000);
    if (number(publish, "failures") > 0) {
        buffer_printf(&text, ", %ld failed", number(publish, "failures"));
    }
    put(screen, "publish", text.bytes);
    buffer_free(&text);
}

static void print_disk(const struct screen *screen, const json_t *overview)
{
    const json_t *disk = json_object_get(overview, "disk");
    const json_t *inodes = json_object_get(disk, "free_inodes");
    char free_text[SCREEN_SIZE_SIZE], floor_text[SCREEN_SIZE_SIZE];
    struct buffer text = {0};

    if (!json_is_object(disk)) {
        return;
    }
    buffer_printf(&text, "%s free", screen_bytes(number(disk, "free_bytes"), free_text));
    if (json_is_integer(inodes)) {
        buffer_printf(&text, " and %ld inodes", (long)json_integer_value(inodes));
    }
    buffer_printf(&text, "; below %s nothing is sent",
                  screen_bytes(number(disk, "floor_bytes"), floor_text));
    put(screen, "disk", text.bytes);
    buffer_free(&text);
}

static void print_orders(const struct screen *screen, const json_t *overview)
{
    const json_t *folders = json_object_get(overview, "folders");
    struct buffer text = {0};

    add_count(&text, "not obeyed yet", number(folders, "orders"), false);
    add_count(&text, "hold", number(folders, "holds"), false);
    if (text.length > 0) {
        put(screen, "orders", text.bytes);
    }
    buffer_free(&text);
}

static void print_upkeep(const struct screen *screen, const json_t *overview, struct wall now)
{
    const json_t *upkeep = json_object_get(overview, "upkeep");
    char *sentence;

    if (upkeep != NULL) {
        sentence = upkeep_sentence(upkeep, now);
        screen_paragraph(screen, TONE_BAD, "upkeep     ", 11, sentence);
        free(sentence);
    }
}

/* --- all of it ------------------------------------------------------------------------------------
 */

static void print_with(const struct screen *screen, const json_t *overview, size_t rows, bool brief,
                       struct wall now)
{
    print_daemon(screen, overview, now);
    print_alarms(screen, overview, rows < SIZE_MAX ? rows / 2 + 1 : SIZE_MAX, now);
    print_active(screen, overview);
    print_ended(screen, overview);
    print_pace(screen, overview, now);
    print_latency(screen, overview);
    print_money(screen, overview);
    print_webhooks(screen, overview, now);
    if (!brief) {
        print_publish(screen, overview);
    }
    print_disk(screen, overview);
    print_orders(screen, overview);
    print_upkeep(screen, overview, now);
    overview_tables(screen, overview, rows, now);
}

void overview_print(const struct screen *screen, const json_t *overview, struct wall now)
{
    struct screen_page page;

    if (screen->height <= 0) {
        print_with(screen, overview, SIZE_MAX, false, now);
        return;
    }
    for (size_t rows = ROWS + 1; rows-- > 0;) {
        screen_page_begin(&page, screen);
        print_with(&page.screen, overview, rows, rows < ROWS / 2, now);
        screen_page_end(&page);
        if (page.lines <= screen->height || rows == 0) {
            screen_page_put(&page, screen);
            return;
        }
        screen_page_free(&page);
    }
}
