/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zone: see zone.h.
 */
#include "base/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/day.h"
#include "base/xalloc.h"
#include "base/zone_rule.h"

enum {
    FILE_LIMIT = 256 * 1024,
    HEADER_SIZE = 44,
    TYPE_SIZE = 6,
    DAY_S = 24 * 60 * 60,
    FURTHEST_S = 26 * 60 * 60, /* no offset is as large */
};

struct zone {
    bool local;       /* libc's own; the rest is empty */
    size_t count;     /* of changes */
    int64_t *moments; /* of each, seconds since 1970, ascending */
    int32_t *offsets; /* from then on */
    int32_t first;    /* before all of them */
    bool ruled;       /* rule says what is after them */
    struct zone_rule rule;
};

/* --- reading TZif (RFC 9636) ------------------------------------------------------------------ */

static int64_t big_endian(const unsigned char *bytes, size_t size)
{
    uint64_t value = (bytes[0] & 0x80) != 0 ? UINT64_MAX : 0;

    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return (int64_t)value;
}

/* The counts of a header, and the size of the data that follow it. */
struct tzif {
    int64_t utc, standard, leaps, times, types, chars;
    int version;
};

static bool read_header(const unsigned char *at, const unsigned char *end, struct tzif *tzif)
{
    if (end - at < HEADER_SIZE || memcmp(at, "TZif", 4) != 0) {
        return false;
    }
    tzif->version = at[4];
    tzif->utc = big_endian(at + 20, 4);
    tzif->standard = big_endian(at + 24, 4);
    tzif->leaps = big_endian(at + 28, 4);
    tzif->times = big_endian(at + 32, 4);
    tzif->types = big_endian(at + 36, 4);
    tzif->chars = big_endian(at + 40, 4);
    return tzif->utc >= 0 && tzif->standard >= 0 && tzif->leaps >= 0 && tzif->times >= 0 &&
           tzif->types > 0 && tzif->types <= 256 && tzif->chars >= 0;
}

static int64_t data_size(const struct tzif *tzif, int64_t time_size)
{
    return tzif->times * (time_size + 1) + tzif->types * TYPE_SIZE + tzif->chars +
           tzif->leaps * (time_size + 4) + tzif->standard + tzif->utc;
}

static bool take_changes(struct zone *zone, const struct tzif *tzif, const unsigned char *data)
{
    const unsigned char *indices = data + tzif->times * 8;
    const unsigned char *types = indices + tzif->times;

    zone->count = (size_t)tzif->times;
    zone->moments = xcalloc(zone->count + 1, sizeof *zone->moments);
    zone->offsets = xcalloc(zone->count + 1, sizeof *zone->offsets);
    zone->first = (int32_t)big_endian(types, 4);
    for (size_t i = 0; i < zone->count; i++) {
        if (indices[i] >= tzif->types) {
            return false;
        }
        zone->moments[i] = big_endian(data + 8 * i, 8);
        zone->offsets[i] = (int32_t)big_endian(types + TYPE_SIZE * indices[i], 4);
        if (i > 0 && zone->moments[i] <= zone->moments[i - 1]) {
            return false;
        }
    }
    return true;
}

/* The rule stands between two newlines behind the data; it may be empty. */
static bool take_rule(struct zone *zone, const unsigned char *at, const unsigned char *end)
{
    char text[100];
    const unsigned char *stop;

    if (at == end || *at != '\n') {
        return false;
    }
    at++;
    stop = memchr(at, '\n', (size_t)(end - at));
    if (stop == NULL || (size_t)(stop - at) >= sizeof text) {
        return false;
    }
    memcpy(text, at, (size_t)(stop - at));
    text[stop - at] = '\0';
    zone->ruled = text[0] != '\0';
    return !zone->ruled || zone_rule_read(text, &zone->rule);
}

/* The first block is for programs that know 32-bit times only. */
static bool take_file(struct zone *zone, const unsigned char *bytes, size_t length)
{
    const unsigned char *end = bytes + length;
    struct tzif tzif;
    int64_t size;

    if (!read_header(bytes, end, &tzif) || tzif.version < '2') {
        return false;
    }
    size = data_size(&tzif, 4);
    if (size > end - bytes - HEADER_SIZE) {
        return false;
    }
    bytes += HEADER_SIZE + size;
    if (!read_header(bytes, end, &tzif)) {
        return false;
    }
    size = data_size(&tzif, 8);
    bytes += HEADER_SIZE;
    return size <= end - bytes && take_changes(zone, &tzif, bytes) &&
           take_rule(zone, bytes + size, end);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Words between slashes, none of them leading up. */
static bool name_ok(const char *name)
{
    return name[0] != '\0' && name[0] != '/' && strstr(name, "..") == NULL && strlen(name) < 100 &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
               strlen(name);
}

static ssize_t read_bytes(int fd, unsigned char *bytes, size_t size)
{
    size_t length = 0;

    while (length < size) {
        ssize_t count = read(fd, bytes + length, size - length);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return -1;
        }
        if (count == 0) {
            break;
        }
        length += (size_t)count;
    }
    return (ssize_t)length;
}

static bool load(struct zone *zone, const char *name)
{
    const char *folder = getenv("TZDIR");
    char *path = xasprintf("%s/%s", folder != NULL ? folder : "/usr/share/zoneinfo", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    unsigned char *bytes;
    ssize_t length;
    bool good;

    free(path);
    if (fd < 0) {
        return false;
    }
    bytes = xmalloc(FILE_LIMIT);
    length = read_bytes(fd, bytes, FILE_LIMIT);
    good = length > 0 && take_file(zone, bytes, (size_t)length);
    free(bytes);
    close(fd);
    return good;
}

struct zone *zone_open(const char *name, struct error *error)
{
    struct zone *zone = xcalloc(1, sizeof *zone);

    if (name == NULL) {
        zone->local = true;
        tzset();
        return zone;
    }
    if (!name_ok(name) || !load(zone, name)) {
        error_set(error, ERROR_DATA,
                  "the time zone %.100s is not known here; names are those of the IANA database, "
                  "such as Europe/Berlin or UTC (Debian package: tzdata)",
                  name);
        zone_free(zone);
        return NULL;
    }
    return zone;
}

void zone_free(struct zone *zone)
{
    if (zone == NULL) {
        return;
    }
    free(zone->moments);
    free(zone->offsets);
    free(zone);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* How many changes are at or before a moment. */
static size_t changes_until(const struct zone *zone, int64_t seconds)
{
    size_t low = 0;
    size_t high = zone->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (zone->moments[middle] <= seconds) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int32_t offset_at(const struct zone *zone, int64_t seconds)
{
    size_t passed;

    if (zone->local) {
        time_t moment = (time_t)seconds;
        struct tm broken;

        return localtime_r(&moment, &broken) != NULL ? (int32_t)broken.tm_gmtoff : 0;
    }
    passed = changes_until(zone, seconds);
    if (passed == zone->count && zone->ruled) {
        return zone_rule_offset(&zone->rule, seconds);
    }
    return passed == 0 ? zone->first : zone->offsets[passed - 1];
}

static int64_t floor_div(int64_t number, int64_t by)
{
    return number / by - (number % by < 0);
}

int32_t zone_offset(const struct zone *zone, struct wall moment)
{
    return offset_at(zone, floor_div(moment.ms, 1000));
}

static int32_t day_at(const struct zone *zone, int64_t seconds)
{
    return (int32_t)floor_div(seconds + offset_at(zone, seconds), DAY_S);
}

int32_t zone_day(const struct zone *zone, struct wall moment)
{
    return day_at(zone, floor_div(moment.ms, 1000));
}

/* Clocks are changed at full minutes nowadays, and no zone changes twice within some hours: the
 * first minute of the day, then the second in it. */
struct wall zone_day_start(const struct zone *zone, int32_t day)
{
    int64_t middle = (int64_t)day * DAY_S;
    int64_t at = middle - FURTHEST_S;

    while (at < middle + FURTHEST_S && day_at(zone, at) < day) {
        at += 60;
    }
    while (day_at(zone, at - 1) >= day) {
        at--;
    }
    return (struct wall){at * 1000};
}
