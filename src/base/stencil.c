/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stencil: text with places that are filled in. */
#include "base/stencil.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* Some text, and the place behind it. */
struct part {
    size_t end; /* of its text in that of the stencil, from the end of the part before */
    size_t name;
};

enum { NO_NAME = -1 }; /* of the last part */

struct stencil {
    struct buffer text; /* of all parts, braces made single */
    struct part *parts;
    size_t part_count;
    char **names;
    size_t name_count;
};

static size_t find_name(const struct stencil *stencil, const char *name, size_t length)
{
    for (size_t i = 0; i < stencil->name_count; i++) {
        if (strlen(stencil->names[i]) == length && memcmp(stencil->names[i], name, length) == 0) {
            return i;
        }
    }
    return stencil->name_count;
}

static size_t note_name(struct stencil *stencil, const char *name, size_t length)
{
    size_t index = find_name(stencil, name, length);

    if (index == stencil->name_count) {
        stencil->names =
            xrealloc(stencil->names, (stencil->name_count + 1) * sizeof *stencil->names);
        stencil->names[stencil->name_count++] = xstrndup(name, length);
    }
    return index;
}

static void end_part(struct stencil *stencil, size_t name)
{
    stencil->parts = xrealloc(stencil->parts, (stencil->part_count + 1) * sizeof *stencil->parts);
    stencil->parts[stencil->part_count++] =
        (struct part){.end = stencil->text.length, .name = name};
}

/* The length of the name that text begins with, up to its closing brace; -1 where there is none. */
static ptrdiff_t name_length(const char *text, size_t length)
{
    size_t end = 0;

    while (end < length && text[end] != '{' && text[end] != '}' &&
           (unsigned char)text[end] >= ' ' && text[end] != '\x7f') {
        end++;
    }
    return end < length && text[end] == '}' ? (ptrdiff_t)end : -1;
}

/* Reads what begins with the brace at text[at]. Returns how many bytes it has, or 0 with an error.
 */
static size_t read_brace(struct stencil *stencil, const char *text, size_t length, size_t at,
                         struct error *error)
{
    bool doubled = at + 1 < length && text[at + 1] == text[at];
    ptrdiff_t name;

    if (doubled) {
        buffer_byte(&stencil->text, text[at]);
        return 2;
    }
    if (text[at] == '}') {
        error_set(error, ERROR_DATA,
                  "the } at character %zu closes nothing; a brace itself is written }}", at + 1);
        return 0;
    }
    name = name_length(text + at + 1, length - at - 1);
    if (name < 0) {
        error_set(error, ERROR_DATA,
                  "the { at character %zu begins no {name}; a brace itself is written {{", at + 1);
        return 0;
    }
    end_part(stencil, note_name(stencil, text + at + 1, (size_t)name));
    return (size_t)name + 2;
}

static int read_parts(struct stencil *stencil, const char *text, size_t length, struct error *error)
{
    size_t at = 0;

    while (at < length) {
        size_t taken = 1;

        if (text[at] == '{' || text[at] == '}') {
            taken = read_brace(stencil, text, length, at, error);
        } else {
            buffer_byte(&stencil->text, text[at]);
        }
        if (taken == 0) {
            return -1;
        }
        at += taken;
    }
    end_part(stencil, (size_t)NO_NAME);
    return 0;
}

struct stencil *stencil_read(const char *text, size_t length, struct error *error)
{
    struct stencil *stencil = xcalloc(1, sizeof *stencil);

    if (read_parts(stencil, text, length, error) < 0) {
        stencil_free(stencil);
        return NULL;
    }
    return stencil;
}

void stencil_free(struct stencil *stencil)
{
    if (stencil == NULL) {
        return;
    }
    for (size_t i = 0; i < stencil->name_count; i++) {
        free(stencil->names[i]);
    }
    free(stencil->names);
    free(stencil->parts);
    buffer_free(&stencil->text);
    free(stencil);
}

size_t stencil_count(const struct stencil *stencil)
{
    return stencil->name_count;
}

const char *stencil_name(const struct stencil *stencil, size_t index)
{
    return stencil->names[index];
}

int stencil_fill(const struct stencil *stencil,
                 int (*value)(void *context, const char *name, struct buffer *out,
                              struct error *error),
                 void *context, struct buffer *out, struct error *error)
{
    size_t start = 0;

    for (size_t i = 0; i < stencil->part_count; i++) {
        const struct part *part = &stencil->parts[i];

        if (part->end > start) {
            buffer_append(out, stencil->text.bytes + start, part->end - start);
        }
        start = part->end;
        if (part->name != (size_t)NO_NAME &&
            value(context, stencil->names[part->name], out, error) < 0) {
            return -1;
        }
    }
    return 0;
}
