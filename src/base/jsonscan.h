/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jsonscan: the members of a JSON object's text, checked but not built: for documents of ours that are
 * read by the million.
 *
 * Floor: base. What it lets through jsontext_read_object reads, too. The other way round it refuses what
 * jsontext_write never writes: integers above 18 digits, NUL and lone surrogates as escapes. Whether
 * a key is there twice is not looked at.
 */
#ifndef BASE_JSONSCAN_H
#define BASE_JSONSCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Where the reading stands. Plain data; made by jsonscan_begin, nothing to free. */
struct jsonscan {
    const char *next;
    const char *end;
    bool begun;
};

/* A piece of the text, borrowed. */
struct jsonspan {
    const char *text; /* NULL: not there */
    size_t length;
};

/* A span of a string in the source. */
#define JSONSPAN(literal) {(literal), sizeof(literal) - 1}

void jsonscan_begin(struct jsonscan *scan, struct jsonspan object);

/* The next member: its key without quotes, escapes as they stand, and the text of its value. Returns 1; 0 at
 * the end of the object and of the text; -1 when it is no such object. */
int jsonscan_next(struct jsonscan *scan, struct jsonspan *key, struct jsonspan *value);

/* Finds the values of count members by their keys; those that are not there have a NULL text. Returns
 * whether the whole object is one. */
bool jsonscan_find(struct jsonspan object, const struct jsonspan *keys, struct jsonspan *values,
                   size_t count);

/* Whether two spans have the same text; one that is not there has none. */
bool jsonspan_equal(struct jsonspan a, struct jsonspan b);

/* Whether a span is this text. */
bool jsonspan_is(struct jsonspan span, const char *text);

/* Appends what a value that is a string says; false when it is none. */
bool jsonspan_string(struct jsonspan value, struct buffer *out);

#endif
