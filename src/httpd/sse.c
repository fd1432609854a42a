/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sse: see sse.h. */
#include "httpd/sse.h"

#include <assert.h>
#include <string.h>

static void field(struct buffer *out, const char *name, const char *value)
{
    assert(strpbrk(value, "\r\n") == NULL);
    buffer_printf(out, "%s: %s\n", name, value);
}

/* Bytes of the line that data begins with. */
static size_t line_length(const char *data, size_t length)
{
    size_t i = 0;

    while (i < length && data[i] != '\n' && data[i] != '\r')
        i++;
    return i;
}

static void data_lines(struct buffer *out, const char *data, size_t length)
{
    for (;;) {
        size_t line = line_length(data, length);

        buffer_text(out, "data: ");
        buffer_append(out, data, line);
        buffer_byte(out, '\n');
        if (line == length)
            return;
        line += line + 1 < length && data[line] == '\r' && data[line + 1] == '\n' ? 2 : 1;
        data += line;
        length -= line;
    }
}

void sse_event(struct buffer *out, const char *name, const char *id, const char *data,
               size_t length)
{
    field(out, "event", name);
    if (id != NULL)
        field(out, "id", id);
    data_lines(out, data, length);
    buffer_byte(out, '\n');
}

void sse_comment(struct buffer *out, const char *text)
{
    assert(strpbrk(text, "\r\n") == NULL);
    buffer_printf(out, ": %s\n\n", text);
}

void sse_id(struct buffer *out, const char *id)
{
    field(out, "id", id);
    buffer_byte(out, '\n');
}

void sse_retry(struct buffer *out, unsigned ms)
{
    buffer_printf(out, "retry: %u\n\n", ms);
}
