/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gates: see gates.h. */
#include "client/gates.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/records.h"
#include "client/table.h"

enum { MINUTE_MS = 60 * 1000, DAY_MS = 24 * 60 * MINUTE_MS };

static long number(const json_t *object, const char *key)
{
    return (long)jsontext_get_int(object, key, 0);
}

/* --- states --------------------------------------------------------------------------------------
 */

static void add_moment(struct buffer *text, const char *word, int64_t moment, struct wall now)
{
    char local[TIMETEXT_SIZE];

    if (moment > 0) {
        timetext_write_local((struct wall){moment}, now, local);
        buffer_printf(text, " %s %s", word, local);
    }
}

char *gates_state(const json_t *gate, bool since, struct wall now)
{
    const char *reason = jsontext_get_text(gate, "reason", NULL);
    struct buffer text = {0};

    buffer_text(&text, jsontext_get_text(gate, "state", ""));
    if (reason != NULL) {
        buffer_printf(&text, ": %s", reason);
    }
    if (since) {
        add_moment(&text, "since", records_time(gate, "since"), now);
    }
    add_moment(&text, "until", records_time(gate, "until"), now);
    return buffer_take(&text);
}

static void print_states(const struct screen *screen, const json_t *gates, struct wall now)
{
    static const char *const headings[] = {"GATE",   "KEY",       "IN FLIGHT", "WAITING", "OK",
                                           "FAILED", "THROTTLED", "STATE",     NULL};
    struct table table = table_start(headings);
    json_t *gate;
    size_t i;

    json_array_foreach (gates, i, gate) {
        char *state = gates_state(gate, true, now);

        table_cell(&table, "%s", jsontext_get_text(gate, "gate", ""));
        table_cell(&table, "%s", jsontext_get_text(gate, "key", "-"));
        table_cell(&table, "%ld/%ld/%ld", number(gate, "in_flight"), number(gate, "window"),
                   number(gate, "max_in_flight"));
        table_cell(&table, "%ld", number(gate, "waiting"));
        table_cell(&table, "%ld", number(gate, "succeeded"));
        table_cell(&table, "%ld", number(gate, "failed"));
        table_cell(&table, "%ld", number(gate, "throttled"));
        table_cell(&table, "%s", state);
        free(state);
    }
    table_end(&table, screen, 0);
}

/* --- limits --------------------------------------------------------------------------------------
 */

/* The kinds of limits, and where a gate says how much of each it used in the last minute. */
static const struct {
    const char *of;
    const char *label;
    const char *used; /* NULL: that is not told */
} kinds[] = {
    {"requests", "requests", "used_requests"},     {"tokens", "tokens", "used_tokens"},
    {"input_tokens", "input tokens", NULL},        {"output_tokens", "output tokens", NULL},
    {"daily_requests", "requests of a day", NULL},
};

static const json_t *find_limit(const json_t *gate, const char *of)
{
    json_t *limit;
    size_t i;

    json_array_foreach (json_object_get(gate, "limits"), i, limit) {
        if (strcmp(jsontext_get_text(limit, "of", ""), of) == 0) {
            return limit;
        }
    }
    return NULL;
}

static void limit_cells(struct table *table, const json_t *limit)
{
    int64_t period_ms = jsontext_get_int(limit, "period_ms", MINUTE_MS);
    char period[TIMETEXT_SIZE];

    if (limit == NULL) {
        table_cell(table, "none");
        table_cell(table, "-");
        table_cell(table, "-");
        return;
    }
    timetext_write_duration(period_ms, period);
    table_cell(table, "%ld a %s", number(limit, "limit"),
               period_ms == MINUTE_MS ? "minute"
               : period_ms == DAY_MS  ? "day"
                                      : period);
    table_cell(table, "%ld", number(limit, "left"));
    table_cell(table, "%s", jsontext_get_text(limit, "from", ""));
}

static void print_limits(const struct screen *screen, const json_t *gates)
{
    static const char *const headings[] = {"GATE", "USES",       "LAST MINUTE", "LIMIT",
                                           "LEFT", "LIMIT FROM", NULL};
    struct table table = table_start(headings);
    json_t *gate;
    size_t i;

    json_array_foreach (gates, i, gate) {
        for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
            const json_t *limit = find_limit(gate, kinds[kind].of);

            if (limit == NULL && kinds[kind].used == NULL) {
                continue;
            }
            table_cell(&table, "%s", jsontext_get_text(gate, "gate", ""));
            table_cell(&table, "%s", kinds[kind].label);
            if (kinds[kind].used != NULL) {
                table_cell(&table, "%ld", number(gate, kinds[kind].used));
            } else {
                table_cell(&table, "-");
            }
            limit_cells(&table, limit);
        }
    }
    table_end(&table, screen, 0);
}

void gates_print(const struct screen *screen, const json_t *overview, struct wall now)
{
    const json_t *gates = json_object_get(overview, "gates");

    print_states(screen, gates, now);
    if (json_array_size(gates) > 0) {
        screen_line(screen, TONE_PLAIN, "%s", "");
    }
    print_limits(screen, gates);
}
