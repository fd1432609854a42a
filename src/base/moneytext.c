/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moneytext: amounts of money as decimal text.
 */
#include "base/moneytext.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NANO_DIGITS = 9, SHOWN_LEAST = 2 };

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

/* Adds a digit at the end; false when that is too large. */
static bool add_digit(int64_t *number, char digit)
{
    return !__builtin_mul_overflow(*number, 10, number) &&
           !__builtin_add_overflow(*number, digit - '0', number);
}

int moneytext_read(const char *text, int64_t *nano)
{
    int64_t number = 0;
    bool fits = true;
    int decimals = 0;
    if (!is_digit(*text))
        return -EINVAL;
    for (; is_digit(*text); text++)
        fits = fits && add_digit(&number, *text);
    if (*text == '.') {
        for (text++; is_digit(*text) && decimals < NANO_DIGITS; text++, decimals++)
            fits = fits && add_digit(&number, *text);
        if (decimals == 0)
            return -EINVAL;
    }
    if (*text != '\0')
        return -EINVAL;
    for (; decimals < NANO_DIGITS; decimals++)
        fits = fits && add_digit(&number, '0');
    if (!fits)
        return -ERANGE;
    *nano = number;
    return 0;
}

void moneytext_write(int64_t nano, char out[MONEYTEXT_SIZE])
{
    const uint64_t unit = 1000000000;
    uint64_t amount = nano < 0 ? -(uint64_t)nano : (uint64_t)nano;
    int length = snprintf(out, MONEYTEXT_SIZE, "%s%" PRIu64 ".%09" PRIu64, nano < 0 ? "-" : "",
                          amount / unit, amount % unit);
    for (int i = 0; i < NANO_DIGITS - SHOWN_LEAST && out[length - 1] == '0'; i++)
        out[--length] = '\0';
}
