/* SPDX-License-Identifier: GPL-2.0-or-later */
/* marker: reading [[mock:WORD,NAME=VALUE]]. */
#include "mock/marker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timetext.h"

static const char opening[] = "[[mock:";
static const char closing[] = "]]";

enum { VALUE_SIZE = 40, TIMES_MAX = 1000000000 };

static int read_number(const char *value, int64_t least, int64_t *number)
{
    char *end = NULL;
    long long result;

    errno = 0;
    result = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || result < least || result > TIMES_MAX) {
        return -1;
    }
    *number = result;
    return 0;
}

static int read_times(const char *value, struct marker *marker)
{
    int64_t times;

    if (read_number(value, 1, &times) != 0) {
        return -1;
    }
    marker->times = (uint64_t)times;
    return 0;
}

static int read_by(const char *value, struct marker *marker)
{
    return read_number(value, -TIMES_MAX, &marker->by);
}

static int read_latency(const char *value, struct marker *marker)
{
    return timetext_read_duration(value, &marker->latency_ms);
}

static int read_every(const char *value, struct marker *marker)
{
    return timetext_read_duration(value, &marker->every_ms);
}

/* Seconds, as the header has them, or a duration. */
static int read_wait(const char *value, int64_t *ms)
{
    char *end = NULL;
    double seconds = strtod(value, &end);

    if (end != value && *end == '\0' && seconds >= 0 && seconds <= 1e6) {
        *ms = (int64_t)(seconds * 1000);
        return 0;
    }
    return timetext_read_duration(value, ms);
}

static int read_retry_after(const char *value, struct marker *marker)
{
    return read_wait(value, &marker->retry_after_ms);
}

static int read_retry_after_date(const char *value, struct marker *marker)
{
    marker->dated = true;
    return read_retry_after(value, marker);
}

static int read_reset(const char *value, struct marker *marker)
{
    return read_wait(value, &marker->reset_ms);
}

static int read_cached(const char *value, struct marker *marker)
{
    return read_number(value, 0, &marker->cached);
}

static int read_should_retry(const char *value, struct marker *marker)
{
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0) {
        return -1;
    }
    marker->should_retry = *value == 't' ? "true" : "false";
    return 0;
}

static const struct {
    const char *name;
    int (*read)(const char *value, struct marker *marker);
} parameters[] = {
    {"times", read_times},
    {"retry-after", read_retry_after},
    {"retry-after-date", read_retry_after_date},
    {"reset", read_reset},
    {"should-retry", read_should_retry},
    {"latency", read_latency},
    {"every", read_every},
    {"by", read_by},
    {"cached", read_cached},
};

static int read_parameter(const char *text, size_t length, struct marker *marker)
{
    const char *equals = memchr(text, '=', length);
    char value[VALUE_SIZE];
    size_t name, rest;

    if (equals == NULL) {
        return -1;
    }
    name = (size_t)(equals - text);
    rest = length - name - 1;
    if (rest >= sizeof value) {
        return -1;
    }
    memcpy(value, equals + 1, rest);
    value[rest] = '\0';
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        if (strlen(parameters[i].name) == name && memcmp(parameters[i].name, text, name) == 0) {
            return parameters[i].read(value, marker) == 0 ? 0 : -1;
        }
    }
    return -1;
}

/* The inside of one marker: WORD(,NAME=VALUE)*. */
static int read_marker(const char *text, size_t length, struct marker *marker)
{
    size_t used = 0;

    *marker = marker_plain();
    for (bool first = true; first || used < length; first = false) {
        const char *comma = memchr(text + used, ',', length - used);
        size_t part = comma == NULL ? length - used : (size_t)(comma - text) - used;

        if (first) {
            marker->fault = fault_read(text, part);
            if (marker->fault == FAULT_NONE && (part != 2 || memcmp(text, "ok", 2) != 0)) {
                return -1;
            }
        } else if (read_parameter(text + used, part, marker) != 0) {
            return -1;
        }
        used += part + 1;
    }
    return 0;
}

struct marker marker_plain(void)
{
    return (struct marker){.times = MARKER_ALWAYS,
                           .latency_ms = -1,
                           .retry_after_ms = -1,
                           .every_ms = -1,
                           .reset_ms = -1};
}

int marker_read(const char *text, struct marker_list *list, struct error *error)
{
    const char *at = text;

    list->count = 0;
    while ((at = strstr(at, opening)) != NULL) {
        const char *inside = at + sizeof opening - 1;
        const char *end = strstr(inside, closing);
        size_t length = end == NULL ? strlen(inside) : (size_t)(end - inside);

        if (list->count == MARKER_MAX) {
            error_set(error, ERROR_DATA, "A prompt may have %d markers of the mock.", MARKER_MAX);
            return -1;
        }
        if (end == NULL || read_marker(inside, length, &list->markers[list->count]) != 0) {
            error_set(error, ERROR_DATA, "The mock cannot read the marker \"%s%.*s]]\".", opening,
                      (int)(length < 60 ? length : 60), inside);
            return -1;
        }
        list->count++;
        at = end;
    }
    return 0;
}

uint64_t marker_turns(const struct marker_list *list)
{
    uint64_t turns = 0;

    for (size_t i = 0; i < list->count && list->markers[i].times != MARKER_ALWAYS; i++) {
        turns += list->markers[i].times;
    }
    return turns;
}

const struct marker *marker_at(const struct marker_list *list, uint64_t turn)
{
    for (size_t i = 0; i < list->count; i++) {
        if (turn < list->markers[i].times) {
            return &list->markers[i];
        }
        turn -= list->markers[i].times;
    }
    return NULL;
}

void marker_strip(struct buffer *text)
{
    char *from, *to;

    if (text->length == 0) {
        return;
    }
    from = to = strstr(text->bytes, opening);
    while (from != NULL) {
        char *end = strstr(from, closing);
        char *next;
        size_t keep;

        if (end == NULL) {
            break;
        }
        end += sizeof closing - 1;
        end += *end == ' ' ? 1 : 0;
        next = strstr(end, opening);
        keep = next == NULL ? strlen(end) : (size_t)(next - end);
        memmove(to, end, keep);
        to += keep;
        from = next;
        *to = '\0';
        text->length = (size_t)(to - text->bytes);
    }
}
