/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decimal: the shortest decimal digits that denote a double.
 *
 * Floor: base.
 */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdint.h>

/* The number 0.DIGITS * 10^point, where DIGITS begins and ends with another digit than 0. */
struct decimal {
    char digits[20]; /* not terminated */
    int count;       /* of digits, at least 1 */
    int point;
};

/* The fewest digits that read back as number, and the closest to it of those; number is finite and
 * above 0. This is what ECMA-262 (6.1.6.1.20) and RFC 8785 ask for. */
void decimal_shortest(double number, struct decimal *decimal);

/* Writes number in decimal, without a NUL; returns how many digits, at most 20. */
int decimal_digits(uint64_t number, char *out);

#endif
