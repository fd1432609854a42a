/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sse: Server-Sent Events, taken apart as their bytes arrive. */
#include "provider/sse.h"

#include <string.h>

static const char mark[] = "\xEF\xBB\xBF"; /* U+FEFF in UTF-8 */

void sse_init(struct sse *sse, size_t limit, sse_take *take, void *context)
{
    *sse = (struct sse){.take = take, .context = context, .limit = limit};
}

void sse_free(struct sse *sse)
{
    buffer_free(&sse->line);
    buffer_free(&sse->name);
    buffer_free(&sse->data);
}

/* Adds a line to the data of the event. */
static void add_data(struct sse *sse, const char *value, size_t length)
{
    if (length >= sse->limit || sse->data.length > sse->limit - length - 1) {
        sse->too_large = sse->stopped = true;
        return;
    }
    buffer_append(&sse->data, value, length);
    buffer_byte(&sse->data, '\n');
}

static void set_name(struct sse *sse, const char *value, size_t length)
{
    buffer_clear(&sse->name);
    buffer_append(&sse->name, value, length);
}

/* Tells the event that has been collected; one without a line of data is none. */
static void dispatch(struct sse *sse, bool open)
{
    if (sse->data.length > 0) {
        size_t length = sse->data.length - 1; /* without the last line feed */
        sse->data.bytes[length] = '\0';
        const struct sse_event event = {
            .name = sse->name.length > 0 ? sse->name.bytes : "message",
            .data = sse->data.bytes,
            .length = length,
            .open = open,
        };
        sse->stopped = !sse->take(sse->context, &event);
    }
    buffer_clear(&sse->name);
    buffer_clear(&sse->data);
}

static bool is_field(const char *name, const char *field, size_t length)
{
    return strlen(name) == length && memcmp(name, field, length) == 0;
}

/* Reads a line that is not blank: a comment begins with the colon. */
static void read_line(struct sse *sse, const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);
    size_t field = colon == NULL ? length : (size_t)(colon - line);
    size_t skip = colon == NULL ? field : field + 1;
    skip += skip < length && line[skip] == ' ';
    const char *value = line + skip;
    size_t value_length = length - skip;
    if (is_field("data", line, field)) {
        add_data(sse, value, value_length);
    } else if (is_field("event", line, field)) {
        set_name(sse, value, value_length);
    } else if (is_field("error", line, field)) {
        set_name(sse, "error", 5);
        add_data(sse, value, value_length);
    }
}

/* A line has ended. */
static void end_line(struct sse *sse)
{
    const char *line = sse->line.bytes;
    size_t length = sse->line.length;
    size_t skip = !sse->begun && length >= 3 && memcmp(line, mark, 3) == 0 ? 3 : 0;
    sse->begun = true;
    if (length == skip) {
        dispatch(sse, false);
    } else {
        read_line(sse, line + skip, length - skip);
    }
    buffer_clear(&sse->line);
}

/* Takes bytes that hold no end of a line. */
static void add_part(struct sse *sse, const char *bytes, size_t length)
{
    if (sse->line.length + length > sse->limit) {
        sse->too_large = sse->stopped = true;
        return;
    }
    buffer_append(&sse->line, bytes, length);
}

bool sse_feed(struct sse *sse, const char *bytes, size_t length)
{
    const char *end = bytes + length;
    while (!sse->stopped && bytes < end) {
        if (sse->after_cr && *bytes == '\n') {
            bytes++; /* the second half of CR LF */
        }
        sse->after_cr = false;
        size_t part = 0;
        while (bytes + part < end && bytes[part] != '\n' && bytes[part] != '\r') {
            part++;
        }
        add_part(sse, bytes, part);
        bytes += part;
        if (bytes < end && !sse->stopped) {
            sse->after_cr = *bytes == '\r';
            bytes++;
            end_line(sse);
        }
    }
    return !sse->stopped;
}

bool sse_end(struct sse *sse)
{
    if (!sse->stopped && sse->line.length > 0) {
        end_line(sse);
    }
    if (!sse->stopped) {
        dispatch(sse, true);
    }
    return !sse->stopped;
}
