/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lines: the lines of a compressed text that is not trusted.
 *
 * Floor: retain.
 */
#ifndef RETAIN_LINES_H
#define RETAIN_LINES_H

#include <jansson.h>

#include "base/buffer.h"
#include "retain/frames.h"

enum { LINES_LIMIT = 16 << 20 }; /* bytes of the longest line */

/* Plain data; begin with lines_begin, end with lines_end. */
struct lines {
    struct frames *frames;
    struct buffer text; /* what was read and not given out */
    size_t taken;       /* of it, by the line given out last */
    unsigned long number; /* of that line, from 1 */
};

/* Takes the frames over. */
void lines_begin(struct lines *lines, struct frames *frames);

/* The next line without its newline, valid until the next call. Returns 1, 0 at the end, or -1 with an
 * error: the file is damaged, a line is empty or too long, the last has no newline. */
int lines_next(struct lines *lines, const char **text, size_t *length, struct error *error);

/* The next line as a JSON object, a new reference in *object. Returns as lines_next. */
int lines_object(struct lines *lines, json_t **object, struct error *error);

/* Frees it; a zeroed one is allowed. */
void lines_end(struct lines *lines);

#endif
