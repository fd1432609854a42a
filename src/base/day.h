/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * day: dates of the Gregorian calendar as numbers: days since 1970-01-01.
 *
 * Floor: base. Knows no clock and no time zone (see base/zone.h).
 */
#ifndef BASE_DAY_H
#define BASE_DAY_H

#include <stdbool.h>
#include <stdint.h>

enum { DAY_SIZE = 11 }; /* of "2026-02-10" and its NUL */

/* Years 0 to 9999. */
int32_t day_of(int year, int month, int day_of_month);
void day_split(int32_t day, int *year, int *month, int *day_of_month);

/* Reads YYYY-MM-DD, or YYYY-MM as the first of that month; false for anything else or a date that
 * does not exist. */
bool day_read(const char *text, int32_t *day);
bool day_read_month(const char *text, int32_t *day);

void day_write(int32_t day, char out[DAY_SIZE]);

/* The Monday on or before it (ISO 8601), and the first of its month; and those that follow. */
int32_t day_week(int32_t day);
int32_t day_month(int32_t day);
int32_t day_next_month(int32_t day);

#endif
