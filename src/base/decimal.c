/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decimal: the shortest decimal digits that denote a double.
 *
 * Decimals come from printf and go back through strtod, both exact in glibc. Whatever decimal
 * point the locale has, they agree on it.
 */
#include "base/decimal.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIGITS_SURE = DBL_DIG,        /* any decimal of so many digits survives being a double */
    DIGITS_ALL = DBL_DECIMAL_DIG, /* so many tell every double from every other */
    POWERS = 23                   /* 10^22 is the last power of ten that a double holds exactly */
};

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

int decimal_digits(uint64_t number, char *out)
{
    char reversed[20];
    int count = 0;
    do {
        reversed[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    for (int i = 0; i < count; i++) {
        out[i] = reversed[count - 1 - i];
    }
    return count;
}

/* The quick way for what people write, such as 0.7. With at most DIGITS_SURE digits, whole and
 * the power of ten are exact, so their quotient is the double nearest to that decimal; the first
 * one that fits has the fewest digits, and no other of that length fits. */
static bool find_short(double number, struct decimal *decimal)
{
    static const double powers[POWERS] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                          1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                          1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    /* Where the machine computes with more than double precision, the quotient is rounded twice. */
    if (FLT_EVAL_METHOD != 0 || number < 1e-7) {
        return false;
    }
    for (int power = 0; power < POWERS; power++) {
        double scaled = number * powers[power];
        if (scaled >= powers[DIGITS_SURE] - 1) {
            return false;
        }
        uint64_t whole = (uint64_t)(scaled + 0.5);
        if ((double)whole / powers[power] == number) {
            decimal->count = decimal_digits(whole, decimal->digits);
            decimal->point = decimal->count - power;
            return true;
        }
    }
    return false;
}

/* Adds one in the last digit of text (as "%.*e" prints it); false where that would need one more
 * digit. */
static bool increment(char *text)
{
    char *at = strchr(text, 'e');
    while (--at >= text) {
        if (is_digit(*at) && *at != '9') {
            (*at)++;
            return true;
        }
        *at = is_digit(*at) ? '0' : *at;
    }
    return false;
}

/* Prints number with count digits so that it reads back the same, if it can be done. Printing
 * gives the nearest decimal, which is the one wanted, but for powers of two: below them doubles
 * lie twice as close, and the next decimal above may read back where a nearer one below does
 * not. */
static bool print_exact(double number, int count, char *text, size_t size)
{
    int exponent;
    snprintf(text, size, "%.*e", count - 1, number);
    if (strtod(text, NULL) == number) {
        return true;
    }
    return frexp(number, &exponent) == 0.5 && increment(text) && strtod(text, NULL) == number;
}

/* Below DBL_MIN doubles have fewer digits than DIGITS_SURE, so the search begins with one. */
static void find_any(double number, struct decimal *decimal)
{
    char text[64];
    int count = number < DBL_MIN ? 1 : DIGITS_SURE;
    while (!print_exact(number, count, text, sizeof text)) {
        count++;
        assert(count <= DIGITS_ALL);
    }
    decimal->count = 0;
    const char *at = text;
    /* What is between the digits is the locale's decimal point. */
    for (; *at != 'e'; at++) {
        if (is_digit(*at)) {
            decimal->digits[decimal->count++] = *at;
        }
    }
    decimal->point = (int)strtol(at + 1, NULL, 10) + 1;
}

void decimal_shortest(double number, struct decimal *decimal)
{
    assert(isfinite(number) && number > 0);
    if (!find_short(number, decimal)) {
        find_any(number, decimal);
    }
    while (decimal->digits[decimal->count - 1] == '0') {
        decimal->count--;
    }
}
