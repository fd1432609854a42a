/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lines: the lines of a compressed text that is not trusted. */
#include "retain/lines.h"

#include <string.h>

#include "base/jsontext.h"

void lines_begin(struct lines *lines, struct frames *frames)
{
    *lines = (struct lines){.frames = frames};
}

void lines_end(struct lines *lines)
{
    frames_close(lines->frames);
    buffer_free(&lines->text);
    lines->frames = NULL;
}

static int bad(const struct lines *lines, const char *what, struct error *error)
{
    error_set(error, ERROR_DATA, "line %lu %s", lines->number + 1, what);
    return -1;
}

/* Adds the next piece. Returns 1, 0 at the end, -1. */
static int more(struct lines *lines, struct error *error)
{
    const void *bytes;
    ssize_t count;

    if (lines->text.length > LINES_LIMIT) {
        return bad(lines, "is too long", error);
    }
    count = frames_next(lines->frames, &bytes, error);
    if (count > 0) {
        buffer_append(&lines->text, bytes, (size_t)count);
    }
    return count > 0 ? 1 : (int)count;
}

/* Forgets the line given out last; what is behind it is only moved when more must be read. */
static void forget(struct lines *lines)
{
    buffer_drop(&lines->text, lines->taken);
    lines->taken = 0;
}

int lines_next(struct lines *lines, const char **text, size_t *length, struct error *error)
{
    size_t looked = lines->taken;

    for (;;) {
        size_t left = lines->text.length - looked;
        const char *end = left > 0 ? memchr(lines->text.bytes + looked, '\n', left) : NULL;
        int result;

        if (end != NULL) {
            *text = lines->text.bytes + lines->taken;
            *length = (size_t)(end - *text);
            lines->taken += *length + 1;
            if (*length == 0) {
                return bad(lines, "is empty", error);
            }
            lines->number++;
            return 1;
        }
        forget(lines);
        looked = lines->text.length;
        result = more(lines, error);
        if (result <= 0) {
            return result == 0 && looked > 0 ? bad(lines, "has no end", error) : result;
        }
    }
}

int lines_object(struct lines *lines, json_t **object, struct error *error)
{
    const char *text;
    size_t length;
    int result = lines_next(lines, &text, &length, error);

    if (result == 1) {
        *object = jsontext_read_object(text, length, error);
        if (*object == NULL) {
            error_prefix(error, "line %lu", lines->number);
            return -1;
        }
    }
    return result;
}
