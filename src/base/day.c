/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * day: see day.h.
 */
#include "base/day.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { DAYS_400_YEARS = 146097, DAYS_TO_1970 = 719468 /* from 0000-03-01 */ };

/* Years begin in March, so that the leap day comes last (H. Hinnant, chrono-compatible low-level
 * date algorithms). */
int32_t day_of(int year, int month, int day_of_month)
{
    int y = year - (month <= 2);
    int era = (y >= 0 ? y : y - 399) / 400;
    int of_era = y - era * 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day_of_month - 1;
    int day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;

    return era * DAYS_400_YEARS + day_of_era - DAYS_TO_1970;
}

void day_split(int32_t day, int *year, int *month, int *day_of_month)
{
    int z = day + DAYS_TO_1970;
    int era = (z >= 0 ? z : z - (DAYS_400_YEARS - 1)) / DAYS_400_YEARS;
    int of_era = z - era * DAYS_400_YEARS;
    int years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = of_era - (365 * years + years / 4 - years / 100);
    int from_march = (5 * of_year + 2) / 153;

    *day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = years + era * 400 + (*month <= 2);
}

/* Reads text that has the form of pattern, where each 0 stands for a digit. */
static bool has_form(const char *text, const char *pattern)
{
    if (strlen(text) != strlen(pattern)) {
        return false;
    }
    for (; *pattern != '\0'; pattern++, text++) {
        if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern) {
            return false;
        }
    }
    return true;
}

static int number(const char *text, int digits)
{
    int value = 0;

    while (digits-- > 0) {
        value = value * 10 + (*text++ - '0');
    }
    return value;
}

bool day_read(const char *text, int32_t *day)
{
    int year, month, day_of_month;
    int32_t read;

    if (!has_form(text, "0000-00-00")) {
        return false;
    }
    read = day_of(number(text, 4), number(text + 5, 2), number(text + 8, 2));
    day_split(read, &year, &month, &day_of_month);
    if (month != number(text + 5, 2) || day_of_month != number(text + 8, 2)) {
        return false;
    }
    *day = read;
    return true;
}

bool day_read_month(const char *text, int32_t *day)
{
    int month;

    if (!has_form(text, "0000-00")) {
        return false;
    }
    month = number(text + 5, 2);
    if (month < 1 || month > 12) {
        return false;
    }
    *day = day_of(number(text, 4), month, 1);
    return true;
}

void day_write(int32_t day, char out[DAY_SIZE])
{
    int year, month, day_of_month;
    char text[40];

    day_split(day, &year, &month, &day_of_month);
    snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day_of_month);
    memcpy(out, text, DAY_SIZE - 1);
    out[DAY_SIZE - 1] = '\0';
}

/* 1970-01-01 was a Thursday. */
int32_t day_week(int32_t day)
{
    int32_t weekday = (day + 3) % 7;

    return day - (weekday < 0 ? weekday + 7 : weekday);
}

int32_t day_month(int32_t day)
{
    int year, month, day_of_month;

    day_split(day, &year, &month, &day_of_month);
    return day - day_of_month + 1;
}

int32_t day_next_month(int32_t day)
{
    int year, month, day_of_month;

    day_split(day, &year, &month, &day_of_month);
    return month == 12 ? day_of(year + 1, 1, 1) : day_of(year, month + 1, 1);
}
