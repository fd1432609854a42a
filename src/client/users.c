/* SPDX-License-Identifier: GPL-2.0-or-later */
/* users: see users.h. */
#include "client/users.h"

#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "base/zone.h"
#include "client/records.h"
#include "client/spend.h"
#include "client/table.h"

/* --- reading -------------------------------------------------------------------------------------- */

/* The row of a user in an object by name, made with nothing known. */
static json_t *row_of(json_t *rows, const char *user)
{
    json_t *row = json_object_get(rows, user);

    if (row == NULL) {
        row = json_pack("{s:s, s:n, s:n, s:n, s:n, s:i, s:i, s:i, s:f, s:n, s:n}", "user", user,
                        "waiting", "running", "completed", "failed", "requests", 0, "input_tokens",
                        0, "output_tokens", 0, "cost", 0.0, "currency", "budget_left");
        json_object_set_new(rows, user, row);
    }
    return row;
}

static void add_told(json_t *rows, const json_t *status)
{
    static const char *const keys[] = {"waiting", "running", "completed", "failed"};
    json_t *user;
    size_t i;

    json_array_foreach (json_object_get(status, "users"), i, user) {
        json_t *row = row_of(rows, jsontext_get_text(user, "user", ""));

        for (size_t key = 0; key < sizeof keys / sizeof keys[0]; key++) {
            json_object_set(row, keys[key], json_object_get(user, keys[key]));
        }
    }
}

/* What is left of the budget that leaves least. */
static void add_budgets(json_t *rows, const json_t *status)
{
    json_t *budget;
    size_t i;

    json_array_foreach (json_object_get(json_object_get(status, "money"), "budgets"), i, budget) {
        const char *scope = jsontext_get_text(budget, "scope", "");
        double left = json_number_value(json_object_get(budget, "limit")) -
                      json_number_value(json_object_get(budget, "used")) -
                      json_number_value(json_object_get(budget, "reserved"));
        const json_t *known;
        json_t *row;

        if (strncmp(scope, "user ", 5) != 0 || strcmp(scope + 5, "*") == 0) {
            continue;
        }
        row = row_of(rows, scope + 5);
        known = json_object_get(row, "budget_left");
        if (!json_is_number(known) || json_number_value(known) > left) {
            json_object_set_new(row, "budget_left", json_real(left > 0 ? left : 0));
        }
    }
}

static int add_spent(json_t *rows, const struct spool *spool, struct wall now, struct error *error)
{
    struct ledger *ledger = spend_ledger(spool, error);
    struct zone *zone = ledger != NULL ? zone_open(ledger_zone(ledger), error) : NULL;
    struct spend_row *spent;
    size_t count;
    int32_t today;

    if (zone == NULL) {
        ledger_free(ledger);
        return -1;
    }
    today = zone_day(zone, now);
    spent = ledger_group(ledger, BY_USER, today, today, &count);
    for (size_t i = 0; i < count; i++) {
        const struct spend *sum = &spent[i].spend;
        json_t *row;

        if (spent[i].key.user == NULL || spent[i].key.user[0] == '\0') {
            continue;
        }
        row = row_of(rows, spent[i].key.user);
        json_object_set_new(row, "requests", json_integer((json_int_t)sum->requests));
        json_object_set_new(row, "input_tokens", json_integer(sum->input_tokens));
        json_object_set_new(row, "output_tokens", json_integer(sum->output_tokens));
        json_object_set_new(row, "cost", json_real(amount_units(sum->cost_nano + sum->doubt_nano)));
        json_object_set_new(row, "currency", json_string(ledger_currency(ledger)));
    }
    free(spent);
    zone_free(zone);
    ledger_free(ledger);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *sorted(const json_t *rows)
{
    const char **names = xcalloc(json_object_size(rows) + 1, sizeof *names);
    json_t *list = json_array();
    size_t count = 0;

    for (void *at = json_object_iter((json_t *)(uintptr_t)rows); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)rows, at)) {
        names[count++] = json_object_iter_key(at);
    }
    if (count > 1) {
        qsort(names, count, sizeof *names, compare_names);
    }
    for (size_t i = 0; i < count; i++) {
        json_array_append(list, json_object_get(rows, names[i]));
    }
    free(names);
    return list;
}

json_t *users_read(const struct spool *spool, struct wall now, struct error *error)
{
    json_t *status = records_status(spool);
    json_t *rows = json_object();
    json_t *list = NULL;

    if (status != NULL && spool_owned(spool)) {
        add_told(rows, status);
        add_budgets(rows, status);
    }
    if (add_spent(rows, spool, now, error) == 0) {
        list = sorted(rows);
    }
    json_decref(rows);
    json_decref(status);
    return list;
}

/* --- for a person ----------------------------------------------------------------------------------- */

static void count_cell(struct table *table, const json_t *user, const char *key)
{
    const json_t *value = json_object_get(user, key);

    if (json_is_integer(value)) {
        table_cell(table, "%lld", (long long)json_integer_value(value));
    } else {
        table_cell(table, "-");
    }
}

static void amount_cell(struct table *table, const json_t *user, const char *key)
{
    const json_t *value = json_object_get(user, key);
    char amount[AMOUNT_SIZE];
    int64_t nano = 0;

    if (json_is_number(value)) {
        (void)amount_of_double(json_number_value(value), &nano);
        amount_show(nano, amount);
        table_cell(table, "%s", amount);
    } else {
        table_cell(table, "-");
    }
}

void users_print(const struct screen *screen, const json_t *users)
{
    static const char *const headings[] = {"USER",     "WAITING",   "RUNNING",    "DONE",
                                           "FAILED",   "TOKENS IN", "TOKENS OUT", "COST",
                                           "LEFT",     NULL};
    static const char *const counts[] = {"waiting", "running",      "completed",
                                         "failed",  "input_tokens", "output_tokens"};
    struct table table = table_start(headings);
    json_t *user;
    size_t i;

    json_array_foreach (users, i, user) {
        table_cell(&table, "%s", jsontext_get_text(user, "user", ""));
        for (size_t key = 0; key < sizeof counts / sizeof counts[0]; key++) {
            count_cell(&table, user, counts[key]);
        }
        amount_cell(&table, user, "cost");
        amount_cell(&table, user, "budget_left");
    }
    if (json_array_size(users) == 0) {
        screen_line(screen, TONE_PLAIN, "no user has jobs, or spent anything today");
    }
    table_end(&table, screen, 0);
}
