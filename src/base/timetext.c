/* SPDX-License-Identifier: GPL-2.0-or-later */
/* timetext: times and durations as text. */
#include "base/timetext.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

_Static_assert(sizeof(time_t) >= 8, "times reach to the year 9999: build with -D_TIME_BITS=64");

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define WEEK_MS   (7 * DAY_MS)

#define WALL_LAST_MS     INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define DURATION_LAST_MS (36525 * DAY_MS)         /* 100 years */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Reads exactly count digits; moves *at behind them. */
static bool take_number(const char **at, int count, int *number)
{
    *number = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (!is_digit(**at)) {
            return false;
        }
        *number = *number * 10 + (**at - '0');
    }
    return true;
}

/* Reads one of the bytes in set, which is never the final NUL. */
static bool take_byte(const char **at, const char *set)
{
    if (**at == '\0' || strchr(set, **at) == NULL) {
        return false;
    }
    (*at)++;
    return true;
}

static bool take_date(const char **at, struct tm *fields)
{
    int year, month, day;
    if (!take_number(at, 4, &year) || !take_byte(at, "-") || !take_number(at, 2, &month) ||
        !take_byte(at, "-") || !take_number(at, 2, &day)) {
        return false;
    }
    fields->tm_year = year - 1900;
    fields->tm_mon = month - 1;
    fields->tm_mday = day;
    return year >= 1970 && month >= 1 && month <= 12 && day >= 1;
}

static bool take_time(const char **at, struct tm *fields)
{
    return take_number(at, 2, &fields->tm_hour) && take_byte(at, ":") &&
           take_number(at, 2, &fields->tm_min) && take_byte(at, ":") &&
           take_number(at, 2, &fields->tm_sec) && fields->tm_hour <= 23 && fields->tm_min <= 59 &&
           fields->tm_sec <= 60;
}

/* Reads ".digits" if it is there, of which three count. */
static bool take_fraction(const char **at, int *ms)
{
    *ms = 0;
    if (!take_byte(at, ".")) {
        return true;
    }
    if (!is_digit(**at)) {
        return false;
    }
    for (int weight = 100; is_digit(**at); weight /= 10, (*at)++) {
        *ms += weight * (**at - '0');
    }
    return true;
}

static bool take_offset(const char **at, int *minutes)
{
    int hours;
    bool west = **at == '-';
    *minutes = 0;
    if (take_byte(at, "Zz")) {
        return true;
    }
    if (!take_byte(at, "+-") || !take_number(at, 2, &hours) || !take_byte(at, ":") ||
        !take_number(at, 2, minutes) || hours > 23 || *minutes > 59) {
        return false;
    }
    *minutes += hours * 60;
    *minutes = west ? -*minutes : *minutes;
    return true;
}

int timetext_read(const char *text, struct wall *time)
{
    struct tm fields = {0};
    int ms, offset;
    if (!take_date(&text, &fields) || !take_byte(&text, "Tt ") || !take_time(&text, &fields) ||
        !take_fraction(&text, &ms) || !take_offset(&text, &offset) || *text != '\0') {
        return -EINVAL;
    }
    int day = fields.tm_mday;
    bool leap = fields.tm_sec == 60;
    fields.tm_sec -= leap;
    time_t seconds = timegm(&fields) - (time_t)offset * 60 + leap;
    /* timegm moves February 30th to March; leap seconds end a day of UTC. */
    bool exists = fields.tm_mday == day && (!leap || seconds % 86400 == 0);
    int64_t result = (int64_t)seconds * SECOND_MS + ms;
    if (!exists || result < 0 || result > WALL_LAST_MS) {
        return -EINVAL;
    }
    time->ms = result;
    return 0;
}

/* What can be written in four digits of a year: a time from a damaged file may be anything. */
static int64_t clamp_wall(struct wall time)
{
    return time.ms < 0 ? 0 : time.ms > WALL_LAST_MS ? WALL_LAST_MS : time.ms;
}

void timetext_write(struct wall time, char out[TIMETEXT_SIZE])
{
    int64_t ms = clamp_wall(time);
    time_t seconds = ms / SECOND_MS;
    struct tm fields;
    struct tm *result = gmtime_r(&seconds, &fields);
    assert(result != NULL);
    size_t length = strftime(out, TIMETEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &fields);
    snprintf(out + length, TIMETEXT_SIZE - length, ".%03dZ", (int)(ms % SECOND_MS));
}

static struct tm local_fields(struct wall time)
{
    time_t seconds = clamp_wall(time) / SECOND_MS;
    struct tm fields;
    struct tm *result = localtime_r(&seconds, &fields);
    assert(result != NULL);
    return fields;
}

void timetext_write_local(struct wall time, struct wall now, char out[TIMETEXT_SIZE])
{
    struct tm then = local_fields(time);
    struct tm today = local_fields(now);
    bool same_day = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    size_t length =
        strftime(out, TIMETEXT_SIZE, same_day ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &then);
    assert(length > 0);
}

/* "ms" stands before "m", which it begins with. */
static const struct unit {
    const char *name;
    int64_t ms;
} units[] = {
    {"ms", 1}, {"s", SECOND_MS}, {"m", MINUTE_MS}, {"h", HOUR_MS}, {"d", DAY_MS}, {"w", WEEK_MS},
};

static const struct unit *take_unit(const char **at)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t length = strlen(units[i].name);
        if (strncmp(*at, units[i].name, length) == 0) {
            *at += length;
            return &units[i];
        }
    }
    return NULL;
}

/* A decimal number of a unit: its whole part, and its fraction in millionths. */
struct amount {
    int64_t whole;
    int64_t millionths;
};

static bool take_amount(const char **at, struct amount *amount)
{
    *amount = (struct amount){0, 0};
    if (!is_digit(**at)) {
        return false;
    }
    for (; is_digit(**at); (*at)++) {
        amount->whole = amount->whole * 10 + (**at - '0');
        if (amount->whole > DURATION_LAST_MS) {
            return false;
        }
    }
    if (!take_byte(at, ".")) {
        return true;
    }
    if (!is_digit(**at)) {
        return false;
    }
    for (int weight = 100000; is_digit(**at); weight /= 10, (*at)++) {
        amount->millionths += weight * (**at - '0');
    }
    return true;
}

int timetext_read_duration(const char *text, int64_t *ms)
{
    int64_t total = 0;
    if (strcmp(text, "0") == 0) {
        *ms = 0;
        return 0;
    }
    do {
        struct amount amount;
        const struct unit *unit = take_amount(&text, &amount) ? take_unit(&text) : NULL;
        if (unit == NULL || amount.whole > (DURATION_LAST_MS - total) / unit->ms) {
            return -EINVAL;
        }
        total += amount.whole * unit->ms + amount.millionths * unit->ms / 1000000;
    } while (*text != '\0');
    if (total > DURATION_LAST_MS) {
        return -EINVAL;
    }
    *ms = total;
    return 0;
}

/* "4m 10s", or "4m" when there is nothing of the smaller unit. */
static void write_pair(int64_t ms, int64_t unit_ms, const char *names, int64_t small_ms, char *out)
{
    long long large = ms / unit_ms;
    long long small = ms % unit_ms / small_ms;
    if (small == 0) {
        snprintf(out, TIMETEXT_SIZE, "%lld%c", large, names[0]);
    } else {
        snprintf(out, TIMETEXT_SIZE, "%lld%c %lld%c", large, names[0], small, names[1]);
    }
}

static void write_seconds(int64_t ms, char *out)
{
    int tenths = (int)(ms / 100);
    if (tenths % 10 == 0) {
        snprintf(out, TIMETEXT_SIZE, "%ds", tenths / 10);
    } else {
        snprintf(out, TIMETEXT_SIZE, "%d.%ds", tenths / 10, tenths % 10);
    }
}

void timetext_write_duration(int64_t ms, char out[TIMETEXT_SIZE])
{
    if (ms < 0) {
        *out = '-';
        char positive[TIMETEXT_SIZE];
        timetext_write_duration(ms == INT64_MIN ? INT64_MAX : -ms, positive);
        snprintf(out + 1, TIMETEXT_SIZE - 1, "%.*s", TIMETEXT_SIZE - 2, positive);
    } else if (ms < SECOND_MS) {
        snprintf(out, TIMETEXT_SIZE, "%dms", (int)ms);
    } else if (ms < MINUTE_MS) {
        write_seconds(ms, out);
    } else if (ms < HOUR_MS) {
        write_pair(ms, MINUTE_MS, "ms", SECOND_MS, out);
    } else if (ms < DAY_MS) {
        write_pair(ms, HOUR_MS, "hm", MINUTE_MS, out);
    } else {
        write_pair(ms, DAY_MS, "dh", HOUR_MS, out);
    }
}
