/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moneytext: amounts of money as decimal text: 5, 0.50, 0.000125.
 *
 * Floor: base. Amounts are in nano units of a currency that is known elsewhere: 1 is 1,000,000,000.
 */
#ifndef BASE_MONEYTEXT_H
#define BASE_MONEYTEXT_H

#include <stdint.h>

enum { MONEYTEXT_SIZE = 24 }; /* holds every int64_t */

/* Reads digits, which may be followed by a point and 1 to 9 more. Returns 0, or -EINVAL for
 * anything else (a sign and blanks too) and -ERANGE for more than INT64_MAX nano; *nano is left
 * alone then. */
int moneytext_read(const char *text, int64_t *nano);

/* Writes it with at least 2 decimals and as many as it needs; below 0 with a minus, which
 * moneytext_read does not take. */
void moneytext_write(int64_t nano, char out[MONEYTEXT_SIZE]);

#endif
