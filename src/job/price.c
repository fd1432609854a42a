/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * price: see price.h.
 */
#include "job/price.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/buffer.h"
#include "base/day.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "spool/file.h"

enum {
    FILE_LIMIT = 4 * 1024 * 1024,
    PER_TOKEN = 1000000, /* prices are said per million tokens */
    PATTERN_LIMIT = 256,
    TOKENS_LIMIT = 1000000000, /* no model writes more */
};

struct row {
    char *pattern;
    struct price price;
};

struct price_table {
    char *date; /* both may be NULL */
    char *currency;
    struct row *rows;
    size_t count;
};

/* --- reading ---------------------------------------------------------------------------------- */

static bool known_member(const char *key)
{
    static const char *const keys[] = {"input", "cached", "output", "max_output_tokens",
                                       "usual_output_tokens"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int bad(struct error *error, const char *pattern, const char *key, const char *what)
{
    error_set(error, ERROR_DATA, "the price of %.100s: \"%.40s\" %s", pattern, key, what);
    return -1;
}

/* A member that is a price per million tokens; the default when it is absent. */
static int take_price(const json_t *object, const char *pattern, const char *key, int64_t otherwise,
                      int64_t *nano, struct error *error)
{
    const json_t *value = json_object_get(object, key);
    int64_t per_million;

    *nano = otherwise;
    if (value == NULL) {
        return otherwise == INT64_MIN ? bad(error, pattern, key, "is missing") : 0;
    }
    if (!json_is_number(value) || !amount_of_double(json_number_value(value), &per_million)) {
        return bad(error, pattern, key, "must be a number per million tokens, 0 or above");
    }
    *nano = per_million / PER_TOKEN + (per_million % PER_TOKEN >= PER_TOKEN / 2);
    return 0;
}

static int take_tokens(const json_t *object, const char *pattern, const char *key, int64_t *tokens,
                       struct error *error)
{
    const json_t *value = json_object_get(object, key);

    *tokens = 0;
    if (value == NULL) {
        return 0;
    }
    *tokens = json_integer_value(value);
    if (!json_is_integer(value) || *tokens < 0 || *tokens > TOKENS_LIMIT) {
        return bad(error, pattern, key, "must be a number of tokens");
    }
    return 0;
}

static int take_row(const char *pattern, const json_t *object, struct price *price,
                    struct error *error)
{
    const char *key;
    json_t *value;

    if (!json_is_object(object) || pattern[0] == '\0' || strlen(pattern) > PATTERN_LIMIT) {
        error_set(error, ERROR_DATA, "the price of %.100s must be an object", pattern);
        return -1;
    }
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        if (!known_member(key)) {
            return bad(error, pattern, key, "is no member of a price");
        }
    }
    if (take_price(object, pattern, "input", INT64_MIN, &price->input_nano, error) < 0 ||
        take_price(object, pattern, "cached", -1, &price->cached_nano, error) < 0 ||
        take_price(object, pattern, "output", INT64_MIN, &price->output_nano, error) < 0 ||
        take_tokens(object, pattern, "max_output_tokens", &price->max_output_tokens, error) < 0) {
        return -1;
    }
    return take_tokens(object, pattern, "usual_output_tokens", &price->usual_output_tokens, error);
}

static int take_rows(struct price_table *table, const json_t *models, struct error *error)
{
    const char *pattern;
    json_t *object;

    table->rows = xcalloc(json_object_size(models) + 1, sizeof *table->rows);
    json_object_foreach ((json_t *)(uintptr_t)models, pattern, object) {
        if (take_row(pattern, object, &table->rows[table->count].price, error) < 0) {
            return -1;
        }
        table->rows[table->count++].pattern = xstrdup(pattern);
    }
    return 0;
}

struct price_table *price_table_from_json(const json_t *prices, const char *currency,
                                          struct error *error)
{
    struct price_table *table = xcalloc(1, sizeof *table);

    table->currency = xstrdup(currency);
    if (!json_is_object(prices)) {
        error_set(error, ERROR_DATA, "prices must be an object of models");
    } else if (take_rows(table, prices, error) == 0) {
        return table;
    }
    price_table_free(table);
    return NULL;
}

static struct price_table *take_table(const json_t *document, struct error *error)
{
    const char *currency = jsontext_get_text(document, "currency", NULL);
    const char *date = jsontext_get_text(document, "date", NULL);
    struct price_table *table;
    int32_t day;

    if (currency == NULL || date == NULL || !day_read(date, &day)) {
        error_set(error, ERROR_DATA,
                  "a table of prices says \"date\" (YYYY-MM-DD), \"currency\" and \"models\"");
        return NULL;
    }
    table = price_table_from_json(json_object_get(document, "models"), currency, error);
    if (table != NULL) {
        table->date = xstrdup(date);
    }
    return table;
}

struct price_table *price_table_read(const char *text, size_t length, struct error *error)
{
    struct price_table *table = NULL;
    json_t *document = jsontext_read(text, length, error);

    if (document != NULL) {
        table = take_table(document, error);
        json_decref(document);
    }
    return table;
}

struct price_table *price_table_load(const char *given, struct error *error)
{
    const char *path = given != NULL ? given : PKGDATADIR "/prices.json";
    struct price_table *table = NULL;
    struct buffer text = {0};
    int result = file_read_at(AT_FDCWD, path, FILE_LIMIT, &text, NULL);

    if (result < 0) {
        error_system(error, -result, "the table of prices %s cannot be read", path);
        if (result == -ENOENT && given == NULL && error != NULL) {
            error->kind = ERROR_ABSENT;
        }
    } else {
        table = price_table_read(text.bytes != NULL ? text.bytes : "", text.length, error);
        if (table == NULL) {
            error_prefix(error, "%s", path);
        }
    }
    buffer_free(&text);
    return table;
}

void price_table_free(struct price_table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < table->count; i++) {
        free(table->rows[i].pattern);
    }
    free(table->rows);
    free(table->date);
    free(table->currency);
    free(table);
}

/* --- asking ----------------------------------------------------------------------------------- */

const char *price_table_date(const struct price_table *table)
{
    return table->date;
}

const char *price_table_currency(const struct price_table *table)
{
    return table->currency;
}

bool price_find(const struct price_table *table, const char *model, struct price *price)
{
    const struct row *found = NULL;

    for (size_t i = 0; table != NULL && i < table->count; i++) {
        const struct row *row = &table->rows[i];

        if (strcmp(row->pattern, model) == 0) {
            found = row;
            break;
        }
        if (found == NULL && fnmatch(row->pattern, model, 0) == 0) {
            found = row;
        }
    }
    if (found != NULL) {
        *price = found->price;
    }
    return found != NULL;
}

/* --- computing -------------------------------------------------------------------------------- */

static int64_t times(int64_t tokens, int64_t nano)
{
    int64_t product;

    return __builtin_mul_overflow(tokens, nano, &product) ? INT64_MAX : product;
}

static int64_t at_least(int64_t number, int64_t bound)
{
    return number > bound ? number : bound;
}

int64_t price_cost_nano(const struct price *price, const struct usage *usage)
{
    int64_t cached_nano = price->cached_nano < 0 ? price->input_nano : price->cached_nano;
    int64_t cached = at_least(usage->cached_tokens, 0);
    int64_t fresh = at_least(at_least(usage->input_tokens, 0) - cached, 0);
    int64_t input = amount_add(times(fresh, price->input_nano), times(cached, cached_nano));

    return amount_add(input, times(at_least(usage->output_tokens, 0), price->output_nano));
}

int64_t price_estimate_nano(const struct price *price, int64_t input_tokens, int64_t output_tokens)
{
    struct usage usage = {input_tokens, output_tokens, 0, 0};

    return price_cost_nano(price, &usage);
}

static void add_price(json_t *object, const char *key, int64_t nano)
{
    if (nano >= 0) {
        json_object_set_new(object, key, json_real((double)nano / 1000));
    }
}

static void add_tokens(json_t *object, const char *key, int64_t tokens)
{
    if (tokens > 0) {
        json_object_set_new(object, key, json_integer(tokens));
    }
}

json_t *price_json(const struct price *price)
{
    json_t *object = json_object();

    add_price(object, "input", price->input_nano);
    add_price(object, "cached", price->cached_nano);
    add_price(object, "output", price->output_nano);
    add_tokens(object, "max_output_tokens", price->max_output_tokens);
    add_tokens(object, "usual_output_tokens", price->usual_output_tokens);
    return object;
}
