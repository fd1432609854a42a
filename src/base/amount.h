/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * amount: sums of money to compute with and to look at: nano units of a currency (1 USD =
 * 1,000,000,000 nano). Their exact text is moneytext's.
 *
 * Floor: base. No floating point in sums: 100 times 0.01 is 1.00 to the nano.
 */
#ifndef BASE_AMOUNT_H
#define BASE_AMOUNT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { AMOUNT_SIZE = 32 };
#define AMOUNT_UNIT INT64_C(1000000000) /* nano in one unit of the currency */

/* Reads a JSON number of units that stands for a decimal: 0.15 is exactly 0.15. What is finer than
 * a nano is rounded to the nearest, halves up. false when it is negative or too large. */
bool amount_of_double(double units, int64_t *nano);

/* Reads a JSON number, as amount_of_double, or a string, as moneytext_read. false for anything else. */
bool amount_of_json(const json_t *value, int64_t *nano);

/* Writes it for a person: two digits behind the point from 1.00 on, four below (six below 0.01),
 * rounded to the nearest. */
void amount_show(int64_t nano, char out[AMOUNT_SIZE]);

/* The nano as a double of units, for JSON members that show an amount. */
double amount_units(int64_t nano);

/* Sums that stay within int64: what is too much becomes INT64_MAX. Neither is negative. */
int64_t amount_add(int64_t a, int64_t b);

#endif
