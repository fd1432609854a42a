/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * price: what models cost: a dated table of prices, and the cost of a usage.
 *
 * Floor: job. The shipped table is spool-layout/prices.json; its format is in llmspool-spool(5).
 */
#ifndef JOB_PRICE_H
#define JOB_PRICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "job/record.h"

/* Nano per token (a price per million tokens * 1000). */
struct price {
    int64_t input_nano;
    int64_t cached_nano; /* input that the server had cached; -1: as input */
    int64_t output_nano;
    int64_t max_output_tokens;   /* the most that the model writes; 0: not known */
    int64_t usual_output_tokens; /* that it writes; 0: not known */
};

struct price_table;

/* Reads a table from its JSON text. NULL with an error (ERROR_DATA) that names the model. */
struct price_table *price_table_read(const char *text, size_t length, struct error *error);

/* Reads a table from a file; NULL: the shipped one, and the error is ERROR_ABSENT where that is not
 * installed. */
struct price_table *price_table_load(const char *given, struct error *error);

/* A table from the member "prices" of state/status.json: an object of patterns with objects of
 * input, cached, output (per million tokens), max_output_tokens, usual_output_tokens. date and
 * source are NULL. */
struct price_table *price_table_from_json(const json_t *prices, const char *currency,
                                          struct error *error);

/* The opposite: such a member for one price; a new reference. */
json_t *price_json(const struct price *price);

/* Frees it; NULL is allowed. */
void price_table_free(struct price_table *table);

/* The day on which its prices were looked up ("2026-02-10", NULL: not said), and their currency. */
const char *price_table_date(const struct price_table *table);
const char *price_table_currency(const struct price_table *table);

/* The price of a model: that of its exact name, else of the first pattern (fnmatch(3)) that fits
 * it. false: the table has none, or it is NULL. */
bool price_find(const struct price_table *table, const char *model, struct price *price);

/* What a usage costs, exact to the nano: cached tokens are part of the input tokens and cost their
 * own price; tokens that are not known (-1) count as none. INT64_MAX where it is more than fits. */
int64_t price_cost_nano(const struct price *price, const struct usage *usage);

/* As that, for tokens of which none are known to be cached. */
int64_t price_estimate_nano(const struct price *price, int64_t input_tokens, int64_t output_tokens);

#endif
