/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * overview_tables: the tables of the overview for a person; see overview_parts.h.
 */
#include <stdlib.h>

#include "base/jsontext.h"
#include "client/gates.h"
#include "client/overview_parts.h"
#include "client/table.h"

enum { REASONS_SHOWN = 10, FAILURES_SHOWN = 8, USERS_SHOWN = 10 };

static long number(const json_t *object, const char *key)
{
    return (long)jsontext_get_int(object, key, 0);
}

static size_t fewer(size_t rows, size_t most)
{
    return rows < most ? rows : most;
}

/* A table that has rows stands below an empty line. */
static void finish(struct table *table, const struct screen *screen)
{
    if (table_rows(table) > 0) {
        screen_line(screen, TONE_PLAIN, "%s", "");
    }
    table_end(table, screen, 0);
}

static void print_reasons(const struct screen *screen, const json_t *overview, size_t rows)
{
    static const char *const headings[] = {"JOBS", "WAIT FOR", NULL};
    const json_t *reasons = json_object_get(overview, "reasons");
    size_t count = json_array_size(reasons);
    struct table table = table_start(headings);

    for (size_t i = 0; i < count && i < rows; i++) {
        const json_t *reason = json_array_get(reasons, i);

        table_cell(&table, "%ld", number(reason, "jobs"));
        table_cell(&table, "%s", jsontext_get_text(reason, "reason", ""));
    }
    if (count > rows) {
        table_cell(&table, "-");
        table_cell(&table, "and %zu other reasons (--json)", count - rows);
    }
    finish(&table, screen);
}

static void gate_row(struct table *table, const json_t *gate, struct wall now)
{
    char *state = gates_state(gate, false, now);

    table_cell(table, "%s", jsontext_get_text(gate, "gate", ""));
    table_cell(table, "%ld/%ld", number(gate, "in_flight"), number(gate, "window"));
    table_cell(table, "%ld", number(gate, "waiting"));
    table_cell(table, "%ld", number(gate, "succeeded"));
    table_cell(table, "%ld", number(gate, "failed"));
    table_cell(table, "%ld", number(gate, "throttled"));
    table_cell(table, "%s", state);
    free(state);
}

static void print_gates(const struct screen *screen, const json_t *overview, size_t rows,
                        struct wall now)
{
    static const char *const headings[] = {"GATE",   "IN FLIGHT", "WAITING", "OK",
                                           "FAILED", "THROTTLED", "STATE",   NULL};
    struct table table = table_start(headings);
    const json_t *gates = json_object_get(overview, "gates");
    size_t count = json_array_size(gates);

    for (size_t i = 0; i < count && i < rows; i++) {
        gate_row(&table, json_array_get(gates, i), now);
    }
    finish(&table, screen);
    if (count > rows && rows > 0) {
        screen_line(screen, TONE_FAINT, "and %zu other gates (--gates)", count - rows);
    }
}

static void print_failures(const struct screen *screen, const json_t *overview, size_t rows)
{
    static const char *const headings[] = {"LAST",        "ENDED AS", "REASON",
                                           "FOR EXAMPLE", "MESSAGE",  NULL};
    struct table table = table_start(headings);
    json_t *group;
    size_t i;

    json_array_foreach(json_object_get(overview, "failures"), i, group)
    {
        if (i == rows) {
            break;
        }
        table_cell(&table, "%ld", number(group, "jobs"));
        table_cell(&table, "%s", jsontext_get_text(group, "status", ""));
        table_cell(&table, "%s", jsontext_get_text(group, "reason", ""));
        table_cell(&table, "%.12s",
                   jsontext_get_text(group, "id", jsontext_get_text(group, "name", "")));
        table_cell(&table, "%s", jsontext_get_text(group, "message", ""));
    }
    finish(&table, screen);
}

/* Whose jobs they are: in a shared spool, where others have some, too. */
static void print_users(const struct screen *screen, const json_t *overview, size_t rows)
{
    static const char *const headings[] = {"USER",   "WAITING", "RUNNING",
                                           "DONE TODAY", "FAILED TODAY", NULL};
    const json_t *users = json_object_get(overview, "users");
    size_t count = json_array_size(users);
    struct table table = table_start(headings);

    if (!jsontext_get_bool(overview, "shared", false)) {
        count = 0;
    }
    for (size_t i = 0; i < count && i < rows; i++) {
        const json_t *user = json_array_get(users, i);

        table_cell(&table, "%s", jsontext_get_text(user, "user", ""));
        table_cell(&table, "%ld", number(user, "waiting"));
        table_cell(&table, "%ld", number(user, "running"));
        table_cell(&table, "%ld", number(user, "completed"));
        table_cell(&table, "%ld", number(user, "failed"));
    }
    finish(&table, screen);
    if (count > rows && rows > 0) {
        screen_line(screen, TONE_FAINT, "and %zu other users (--users)", count - rows);
    }
}

void overview_tables(const struct screen *screen, const json_t *overview, size_t rows,
                     struct wall now)
{
    print_reasons(screen, overview, fewer(rows, REASONS_SHOWN));
    print_gates(screen, overview, rows, now);
    print_users(screen, overview, fewer(rows, USERS_SHOWN));
    print_failures(screen, overview, fewer(rows, FAILURES_SHOWN));
}
