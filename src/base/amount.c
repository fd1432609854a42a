/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * amount: see amount.h.
 */
#include "base/amount.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/moneytext.h"

enum { NANO_DIGITS = 9 };

/* *value * 10 + digit; false when it does not fit. */
static bool push(int64_t *value, int digit)
{
    return !__builtin_mul_overflow(*value, 10, value) &&
           !__builtin_add_overflow(*value, digit, value);
}

/* The digits that the number was written with are the shortest that denote it. */
bool amount_of_double(double units, int64_t *nano)
{
    struct decimal decimal;
    int64_t value = 0;
    int last;

    if (!isfinite(units) || units < 0) {
        return false;
    }
    *nano = 0;
    if (units == 0) {
        return true;
    }
    decimal_shortest(units, &decimal);
    last = decimal.point + NANO_DIGITS; /* so many digits are whole nano */
    if (last > 19) {
        return false;
    }
    for (int i = 0; i < last; i++) {
        if (!push(&value, i < decimal.count ? decimal.digits[i] - '0' : 0)) {
            return false;
        }
    }
    if (last >= 0 && last < decimal.count && decimal.digits[last] >= '5' &&
        __builtin_add_overflow(value, 1, &value)) {
        return false;
    }
    *nano = value;
    return true;
}

bool amount_of_json(const json_t *value, int64_t *nano)
{
    return json_is_string(value)
               ? moneytext_read(json_string_value(value), nano) == 0
               : json_is_number(value) && amount_of_double(json_number_value(value), nano);
}

void amount_show(int64_t nano, char out[AMOUNT_SIZE])
{
    uint64_t size = nano < 0 ? -(uint64_t)nano : (uint64_t)nano;
    int places = size >= AMOUNT_UNIT || size == 0 ? 2 : size >= AMOUNT_UNIT / 100 ? 4 : 6;
    uint64_t step = places == 2 ? 10000000 : places == 4 ? 100000 : 1000;
    uint64_t rounded = (size + step / 2) / step;
    uint64_t whole = (uint64_t)AMOUNT_UNIT / step;

    snprintf(out, AMOUNT_SIZE, "%s%llu.%0*llu", nano < 0 ? "-" : "",
             (unsigned long long)(rounded / whole), places, (unsigned long long)(rounded % whole));
}

double amount_units(int64_t nano)
{
    return (double)nano / (double)AMOUNT_UNIT;
}

int64_t amount_add(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}
