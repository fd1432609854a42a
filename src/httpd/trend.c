/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trend: see trend.h. */
#include "httpd/trend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/day.h"
#include "base/histogram.h"
#include "base/jsonscan.h"
#include "base/timetext.h"
#include "base/xalloc.h"

enum {
    MINUTE_MS = 60 * 1000,
    DAY_MS = 24 * 60 * MINUTE_MS,
    FLIGHTS = 8192, /* requests under way that are remembered; a power of two */
    NAME_SIZE = 24,
    TEXT_SIZE = 64, /* of a time or a kind */
};

struct minute {
    int64_t number; /* minutes since 1970 */
    uint32_t completed;
    uint32_t failed;
    struct histogram latency; /* ms */
};

/* A request that began. A newer one takes the place of another with the same hash. */
struct flight {
    struct id id;
    int64_t began_ms; /* 0: none */
};

struct trend {
    const struct spool *spool;
    struct minute minutes[TREND_MINUTES];
    struct flight *flights;
    int32_t day; /* of the file that is read */
    off_t at;    /* its bytes that were read, up to the end of a line */
    bool begun;
    bool gap;              /* lines were passed over: the next one tells from when all is known */
    int64_t known_from_ms; /* wall */
};

/* --- counting --- */

static struct minute *minute_of(struct trend *trend, int64_t ms)
{
    int64_t number = ms / MINUTE_MS;
    struct minute *minute = &trend->minutes[number % TREND_MINUTES];

    if (minute->number < number) {
        memset(minute, 0, sizeof *minute);
        minute->number = number;
    }
    return minute->number == number ? minute : NULL;
}

static struct flight *flight_of(struct trend *trend, const struct id *id)
{
    size_t hash;

    memcpy(&hash, id, sizeof hash);
    return &trend->flights[hash % FLIGHTS];
}

static void count_end(struct trend *trend, const struct id *id, int64_t ms, bool completed)
{
    struct flight *flight = flight_of(trend, id);
    struct minute *minute = minute_of(trend, ms);

    if (minute == NULL)
        return;
    minute->completed += completed;
    minute->failed += !completed;
    if (flight->began_ms > 0 && memcmp(&flight->id, id, sizeof *id) == 0) {
        histogram_add(&minute->latency, ms - flight->began_ms);
        flight->began_ms = 0;
    }
}

static bool text_of(struct jsonspan value, char text[TEXT_SIZE + 1])
{
    if (value.text == NULL || value.length < 2 || value.length - 2 > TEXT_SIZE)
        return false;
    memcpy(text, value.text + 1, value.length - 2);
    text[value.length - 2] = '\0';
    return true;
}

static bool is_bad_end(const char *kind)
{
    return strcmp(kind, "failed") == 0 || strcmp(kind, "cancelled") == 0 ||
           strcmp(kind, "expired") == 0;
}

static void take_line(struct trend *trend, const char *line, size_t length)
{
    static const struct jsonspan keys[] = {JSONSPAN("time"), JSONSPAN("event"), JSONSPAN("id")};
    struct jsonspan values[3];
    char time[TEXT_SIZE + 1], kind[TEXT_SIZE + 1], word[TEXT_SIZE + 1];
    struct wall when;
    struct id id;

    if (!jsonscan_find((struct jsonspan){line, length}, keys, values, 3) ||
        !text_of(values[0], time) || timetext_read(time, &when) < 0)
        return;
    if (trend->gap) {
        trend->known_from_ms = when.ms;
        trend->gap = false;
    }
    if (!text_of(values[1], kind) || !text_of(values[2], word) || !id_read(word, &id))
        return;
    if (strcmp(kind, "started") == 0)
        *flight_of(trend, &id) = (struct flight){id, when.ms};
    else if (strcmp(kind, "completed") == 0 || is_bad_end(kind))
        count_end(trend, &id, when.ms, kind[0] == 'c' && kind[1] == 'o');
}

/* --- reading --- */

/* Where a line begins at or behind an offset. */
static size_t line_start(const struct buffer *text)
{
    const char *end = memchr(text->bytes, '\n', text->length);

    return end != NULL ? (size_t)(end - text->bytes) + 1 : text->length;
}

/* Reads at most TREND_READ bytes from an offset on. */
static int read_block(int fd, off_t from, struct buffer *text)
{
    buffer_reserve(text, TREND_READ);
    while (text->length < TREND_READ) {
        ssize_t length = pread(fd, text->bytes + text->length, TREND_READ - text->length,
                               from + (off_t)text->length);

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return -errno;
        if (length == 0)
            break;
        text->length += (size_t)length;
    }
    return 0;
}

static void take_block(struct trend *trend, struct buffer *text, bool cut)
{
    size_t at = cut && text->length > 0 ? line_start(text) : 0;
    const char *end;

    trend->at += (off_t)at;
    while (at < text->length && (end = memchr(text->bytes + at, '\n', text->length - at)) != NULL) {
        size_t length = (size_t)(end - (text->bytes + at));

        take_line(trend, text->bytes + at, length);
        at += length + 1;
        trend->at += (off_t)length + 1;
    }
}

/* Reads on in a day's file. */
static void read_day(struct trend *trend, int32_t day)
{
    char name[NAME_SIZE], date[DAY_SIZE];
    struct buffer text = {0};
    struct stat status;
    bool cut = false;
    int fd;

    if (trend->day != day)
        trend->at = 0;
    trend->day = day;
    day_write(day, date);
    snprintf(name, sizeof name, "%s.jsonl", date);
    fd = openat(trend->spool->dir[FOLDER_EVENTS], name,
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        if (status.st_size < trend->at)
            trend->at = 0;
        if (status.st_size - trend->at > TREND_READ) {
            trend->at = status.st_size - TREND_READ;
            cut = trend->gap = true;
        }
        if (read_block(fd, trend->at, &text) == 0)
            take_block(trend, &text, cut);
    }
    (void)close(fd);
    buffer_free(&text);
}

void trend_read(struct trend *trend, struct wall now)
{
    int32_t today = (int32_t)(now.ms / DAY_MS);
    int32_t first =
        (int32_t)((now.ms - (int64_t)TREND_MINUTES * MINUTE_MS) / DAY_MS); /* today, or yesterday */

    if (trend->begun && trend->day >= first && trend->day <= today)
        first = trend->day;
    for (int32_t day = first; day <= today; day++)
        read_day(trend, day);
    trend->begun = true;
}

/* --- telling --- */

static json_t *percentile(const struct minute *minute, unsigned percent)
{
    return minute->latency.total == 0
               ? json_null()
               : json_integer(histogram_percentile(&minute->latency, percent));
}

json_t *trend_json(const struct trend *trend, struct wall now)
{
    static const struct minute none;
    json_t *completed = json_array(), *failed = json_array(), *p50 = json_array(),
           *p95 = json_array();
    int64_t last = now.ms / MINUTE_MS;
    char from[TIMETEXT_SIZE];

    for (int64_t number = last - TREND_MINUTES + 1; number <= last; number++) {
        const struct minute *minute = &trend->minutes[number % TREND_MINUTES];
        bool known = number * MINUTE_MS >= trend->known_from_ms;

        if (minute->number != number)
            minute = &none;
        json_array_append_new(completed, known ? json_integer(minute->completed) : json_null());
        json_array_append_new(failed, known ? json_integer(minute->failed) : json_null());
        json_array_append_new(p50, percentile(minute, 50));
        json_array_append_new(p95, percentile(minute, 95));
    }
    timetext_write((struct wall){(last - TREND_MINUTES + 1) * MINUTE_MS}, from);
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "from", from, "completed", completed, "failed",
                     failed, "p50_ms", p50, "p95_ms", p95);
}

struct trend *trend_open(const struct spool *spool)
{
    struct trend *trend = xcalloc(1, sizeof *trend);

    trend->spool = spool;
    trend->flights = xcalloc(FLIGHTS, sizeof *trend->flights);
    return trend;
}

void trend_close(struct trend *trend)
{
    if (trend == NULL)
        return;
    free(trend->flights);
    free(trend);
}
