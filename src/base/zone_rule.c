/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zone_rule: see zone_rule.h.
 */
#include "base/zone_rule.h"

#include <stddef.h>
#include <string.h>

#include "base/day.h"

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* Each of these reads at *at and moves it on. */

static bool read_name(const char **at)
{
    const char *start = *at;

    if (*start == '<') {
        const char *end = strchr(start, '>');
        *at = end != NULL ? end + 1 : start;
        return end != NULL;
    }
    while (is_letter(**at)) {
        (*at)++;
    }
    return *at - start >= 3;
}

static bool read_number(const char **at, int lowest, int highest, int *number)
{
    const char *start = *at;

    *number = 0;
    for (; **at >= '0' && **at <= '9' && *at - start < 4; (*at)++) {
        *number = *number * 10 + (**at - '0');
    }
    return *at > start && *number >= lowest && *number <= highest;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **at, int32_t *seconds)
{
    int sign = **at == '-' ? -1 : 1;
    int hours, minutes = 0, rest = 0;

    *at += **at == '-' || **at == '+';
    if (!read_number(at, 0, 167, &hours)) {
        return false;
    }
    if (**at == ':') {
        (*at)++;
        if (!read_number(at, 0, 59, &minutes)) {
            return false;
        }
    }
    if (**at == ':') {
        (*at)++;
        if (!read_number(at, 0, 59, &rest)) {
            return false;
        }
    }
    *seconds = sign * (hours * HOUR + minutes * MINUTE + rest);
    return true;
}

static bool read_separator(const char **at, char separator)
{
    bool there = **at == separator;

    *at += there;
    return there;
}

static bool read_day(const char **at, struct zone_change *change)
{
    if (read_separator(at, 'M')) {
        change->kind = 'M';
        return read_number(at, 1, 12, &change->month) && read_separator(at, '.') &&
               read_number(at, 1, 5, &change->week) && read_separator(at, '.') &&
               read_number(at, 0, 6, &change->weekday);
    }
    if (read_separator(at, 'J')) {
        change->kind = 'J';
        return read_number(at, 1, 365, &change->day);
    }
    change->kind = '0';
    return read_number(at, 0, 365, &change->day);
}

static bool read_change(const char **at, struct zone_change *change)
{
    *change = (struct zone_change){.seconds = 2 * HOUR};
    return read_separator(at, ',') && read_day(at, change) &&
           (!read_separator(at, '/') || read_time(at, &change->seconds));
}

bool zone_rule_read(const char *text, struct zone_rule *rule)
{
    const char *at = text;

    *rule = (struct zone_rule){0};
    if (!read_name(&at) || !read_time(&at, &rule->standard)) {
        return false;
    }
    rule->standard = -rule->standard; /* POSIX counts west */
    if (*at == '\0') {
        return true;
    }
    rule->changes = true;
    rule->summer = rule->standard + HOUR;
    if (!read_name(&at)) {
        return false;
    }
    if (*at != ',') {
        if (!read_time(&at, &rule->summer)) {
            return false;
        }
        rule->summer = -rule->summer;
    }
    return read_change(&at, &rule->to_summer) && read_change(&at, &rule->to_standard) &&
           *at == '\0';
}

static bool leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The day of a change in a year. */
static int32_t change_day(const struct zone_change *change, int year)
{
    int32_t first, day;

    if (change->kind != 'M') {
        first = day_of(year, 1, 1);
        if (change->kind == '0') {
            return first + change->day;
        }
        return first + change->day - 1 + (leap(year) && change->day >= 60);
    }
    first = day_of(year, change->month, 1);
    day = first + ((change->weekday - (first + 4)) % 7 + 7) % 7 + 7 * (change->week - 1);
    return day < day_next_month(first) ? day : day - 7;
}

/* When a change happens; offset is that before it. */
static int64_t change_moment(const struct zone_change *change, int year, int32_t offset)
{
    return (int64_t)change_day(change, year) * DAY + change->seconds - offset;
}

int32_t zone_rule_offset(const struct zone_rule *rule, int64_t seconds)
{
    int year, month, day;
    int64_t local = seconds + rule->standard;
    int64_t begins, ends;
    bool summer;

    if (!rule->changes) {
        return rule->standard;
    }
    day_split((int32_t)((local - (local % DAY + DAY) % DAY) / DAY), &year, &month, &day);
    begins = change_moment(&rule->to_summer, year, rule->standard);
    ends = change_moment(&rule->to_standard, year, rule->summer);
    summer = begins < ends ? seconds >= begins && seconds < ends
                           : !(seconds >= ends && seconds < begins);
    return summer ? rule->summer : rule->standard;
}
