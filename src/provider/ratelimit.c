/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ratelimit: what answer headers say about waiting and about limits.
 *
 * Numbers are read by hand: strtod(3) follows the locale and takes words such as inf.
 */
#include "provider/ratelimit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/timetext.h"

#define MICRO        INT64_C(1000000) /* a decimal number is kept to millionths */
#define WAIT_LIMIT   (INT64_C(24) * 3600 * 1000)
#define LIMIT_NS     (INT64_MAX / 4)
#define NUMBER_LIMIT (INT64_C(1000000000)) /* more is taken for this */
#define COUNT_LIMIT  (INT64_C(1000000000000000))

const char *provider_reply_header(const struct provider_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcmp(reply->headers[i].name, name) == 0) {
            return reply->headers[i].value;
        }
    }
    return NULL;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Reads digits with an optional fraction into *micros, rounded up. Returns what follows them, or
 * NULL when there are no digits. */
static const char *read_decimal(const char *at, int64_t *micros)
{
    const char *begin = at;
    int64_t whole = 0;
    int64_t fraction = 0;
    int64_t place = MICRO / 10;
    bool more = false;
    for (; is_digit(*at); at++) {
        whole = whole >= NUMBER_LIMIT ? NUMBER_LIMIT : whole * 10 + (*at - '0');
    }
    bool digits = at > begin;
    if (*at == '.') {
        for (at++; is_digit(*at); at++, place /= 10, digits = true) {
            fraction += place * (*at - '0');
            more = more || (place == 0 && *at != '0');
        }
    }
    *micros = whole * MICRO + fraction + more;
    return digits ? at : NULL;
}

static int64_t round_up(int64_t number, int64_t unit)
{
    return number / unit + (number % unit > 0);
}

/* The units of Go's time.ParseDuration; a longer one comes before its prefix. */
static const struct {
    const char *name;
    int64_t ns;
} units[] = {
    {"ms", 1000000},
    {"us", 1000},
    {"\u00b5s", 1000}, /* micro sign */
    {"\u03bcs", 1000}, /* Greek mu */
    {"ns", 1},
    {"s", 1000000000},
    {"m", INT64_C(60) * 1000000000},
    {"h", INT64_C(3600) * 1000000000},
};

/* The length of the unit that at begins with, its nanoseconds in *ns; 0: none. */
static size_t read_unit(const char *at, int64_t *ns)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t length = strlen(units[i].name);
        if (strncmp(at, units[i].name, length) == 0) {
            *ns = units[i].ns;
            return length;
        }
    }
    return 0;
}

/* Millionths of a unit as nanoseconds, rounded up, and no more than the limit. */
static int64_t scale_ns(int64_t micros, int64_t unit_ns)
{
    int64_t whole = micros / MICRO;
    int64_t part_ns = round_up(micros % MICRO * unit_ns, MICRO);
    return whole > LIMIT_NS / unit_ns ? LIMIT_NS : whole * unit_ns + part_ns;
}

int64_t ratelimit_go_duration(const char *text)
{
    int64_t total_ns = 0;
    if (strcmp(text, "0") == 0) {
        return 0;
    }
    do {
        int64_t micros;
        int64_t unit_ns = 0;
        const char *after = read_decimal(text, &micros);
        size_t length = after == NULL ? 0 : read_unit(after, &unit_ns);
        if (length == 0) {
            return -1;
        }
        total_ns += scale_ns(micros, unit_ns);
        total_ns = total_ns > LIMIT_NS ? LIMIT_NS : total_ns;
        text = after + length;
    } while (*text != '\0');
    return round_up(total_ns, 1000000);
}

/* A header's value as a decimal number of units of scale ms, rounded up; -1: it is none. */
static int64_t read_number(const char *value, int64_t scale)
{
    int64_t micros;
    const char *after = read_decimal(value + strspn(value, " \t"), &micros);
    if (after == NULL || after[strspn(after, " \t")] != '\0') {
        return -1;
    }
    return round_up(micros, MICRO / scale);
}

static int month_number(const char *name)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++) {
        if (strncmp(name, months + 3 * i, 3) == 0) {
            return i;
        }
    }
    return -1;
}

/* The full year of RFC 850's two digits: the one that is no more than 50 years ahead (RFC 9110,
 * 5.6.7). */
static int full_year(int year, struct wall now)
{
    time_t seconds = now.ms / 1000;
    struct tm today;
    if (year >= 100 || gmtime_r(&seconds, &today) == NULL) {
        return year;
    }
    int this_year = today.tm_year + 1900;
    year += this_year / 100 * 100;
    return year > this_year + 50 ? year - 100 : year;
}

/* Reads the three forms of an HTTP date: IMF-fixdate, RFC 850's and asctime's (RFC 9110, 5.6.7). */
static bool read_http_date(const char *text, struct wall now, struct wall *date)
{
    struct tm tm = {.tm_isdst = 0};
    char month[4] = "";
    const char *comma = strchr(text, ',');
    bool whole = comma != NULL
                     ? sscanf(comma + 1, " %2d%*1[ -]%3[A-Za-z]%*1[ -]%4d %2d:%2d:%2d", &tm.tm_mday,
                              month, &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) == 6
                     : sscanf(text, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d", month,
                              &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &tm.tm_year) == 6;
    tm.tm_mon = month_number(month);
    if (!whole || strlen(month) != 3 || tm.tm_mon < 0) {
        return false;
    }
    tm.tm_year = full_year(tm.tm_year, now) - 1900;
    date->ms = (int64_t)timegm(&tm) * 1000;
    return true;
}

/* Retry-After: seconds or a date; one that is past asks for no wait. */
static int64_t read_retry_after(const char *value, struct wall now)
{
    struct wall date;
    int64_t wait_ms = read_number(value, 1000);
    if (wait_ms < 0 && read_http_date(value, now, &date)) {
        wait_ms = date.ms > now.ms ? date.ms - now.ms : 0;
    }
    return wait_ms;
}

/* A whole number; -1: it is none. */
static int64_t read_count(const char *value)
{
    const char *at = value + strspn(value, " \t");
    int64_t count = is_digit(*at) ? 0 : -1;
    for (; is_digit(*at); at++) {
        count = count >= COUNT_LIMIT ? COUNT_LIMIT : count * 10 + (*at - '0');
    }
    return at[strspn(at, " \t")] == '\0' ? count : -1;
}

/* A family of headers: its prefix, then the kind of number (limit, remaining, reset) and the limit
 * that it is of (requests, tokens …), in either order. */
struct family {
    const char *prefix;
    bool kind_first;
    int64_t (*read_reset)(const char *value, struct wall now); /* ms; -1: none */
};

static int64_t read_go_reset(const char *value, struct wall now)
{
    (void)now;
    return ratelimit_go_duration(value);
}

static int64_t read_time_reset(const char *value, struct wall now)
{
    struct wall time;
    if (timetext_read(value, &time) != 0) {
        return -1;
    }
    return time.ms > now.ms ? time.ms - now.ms : 0;
}

static const struct family families[] = {
    {"x-ratelimit-", true, read_go_reset},
    {"anthropic-ratelimit-", false, read_time_reset},
};

static const char *family_header(const struct family *family, const struct provider_reply *reply,
                                 const char *what, const char *kind)
{
    char name[256]; /* a prefix and two words of up to 99 bytes */
    snprintf(name, sizeof name, "%s%s-%s", family->prefix, family->kind_first ? kind : what,
             family->kind_first ? what : kind);
    return provider_reply_header(reply, name);
}

static int64_t family_reset(const struct family *family, const struct provider_reply *reply,
                            const char *what, struct wall now)
{
    const char *value = family_header(family, reply, what, "reset");
    return value == NULL ? -1 : family->read_reset(value, now);
}

/* Whether a header tells what remains of one of the family's limits; its name goes to what. */
static bool family_remaining(const struct family *family, const char *name, char what[100])
{
    static const char kind[] = "remaining";
    size_t prefix = strlen(family->prefix);
    if (strncmp(name, family->prefix, prefix) != 0) {
        return false;
    }
    const char *rest = name + prefix;
    size_t length = strlen(rest);
    if (length <= sizeof kind || length - sizeof kind >= 100) {
        return false;
    }
    const char *word = family->kind_first ? rest : rest + length - (sizeof kind - 1);
    const char *dash = family->kind_first ? rest + sizeof kind - 1 : word - 1;
    snprintf(what, 100, "%.*s", (int)(length - sizeof kind), family->kind_first ? dash + 1 : rest);
    return strncmp(word, kind, sizeof kind - 1) == 0 && *dash == '-';
}

/* The longest reset of the limits that are used up: what remains is 0. */
static int64_t longest_reset(const struct provider_reply *reply, struct wall now)
{
    int64_t longest_ms = -1;
    for (size_t i = 0; i < reply->header_count * (sizeof families / sizeof *families); i++) {
        const struct provider_header *header = &reply->headers[i % reply->header_count];
        const struct family *family = &families[i / reply->header_count];
        char what[100];
        if (family_remaining(family, header->name, what) && read_number(header->value, 1) == 0) {
            int64_t reset_ms = family_reset(family, reply, what, now);
            longest_ms = reset_ms > longest_ms ? reset_ms : longest_ms;
        }
    }
    return longest_ms;
}

static void read_bucket(const struct family *family, const struct provider_reply *reply,
                        const char *what, struct wall now, struct ratelimit_bucket *bucket)
{
    const char *limit = family_header(family, reply, what, "limit");
    const char *remaining = family_header(family, reply, what, "remaining");
    bucket->limit = limit == NULL ? bucket->limit : read_count(limit);
    bucket->remaining = remaining == NULL ? bucket->remaining : read_count(remaining);
    int64_t reset_ms = family_reset(family, reply, what, now);
    bucket->reset_ms = reset_ms < 0 ? bucket->reset_ms : reset_ms;
}

void ratelimit_read(const struct provider_reply *reply, struct wall now, struct ratelimit *limits)
{
    static const struct ratelimit_bucket unknown = {.limit = -1, .remaining = -1, .reset_ms = -1};
    *limits = (struct ratelimit){unknown, unknown, unknown, unknown};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        read_bucket(&families[i], reply, "requests", now, &limits->requests);
        read_bucket(&families[i], reply, "tokens", now, &limits->tokens);
        read_bucket(&families[i], reply, "input-tokens", now, &limits->input_tokens);
        read_bucket(&families[i], reply, "output-tokens", now, &limits->output_tokens);
    }
}

int64_t ratelimit_wait(const struct provider_reply *reply, struct wall now)
{
    const char *value = provider_reply_header(reply, "retry-after-ms");
    int64_t wait_ms = value == NULL ? -1 : read_number(value, 1);
    if (wait_ms < 0) {
        value = provider_reply_header(reply, "retry-after");
        wait_ms = value == NULL ? -1 : read_retry_after(value, now);
    }
    bool throttled = reply->status == 429 || reply->status == 503 || reply->status == 529;
    if (wait_ms < 0 && throttled) {
        wait_ms = longest_reset(reply, now);
    }
    return wait_ms > WAIT_LIMIT ? WAIT_LIMIT : wait_ms;
}
