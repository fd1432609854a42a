/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * position: a place in the log of events, which Server-Sent Events have as their id.
 *
 * Floor: httpd. A day and the offset of a line's end, newline included, in that day's lines: the
 * same whether the day is compressed or not, as lines are appended to a day and a day is compressed
 * and deleted as a whole, and nothing ever changes a line. Text: 20261126-000012345, so that
 * positions of few bytes are in order as text, too.
 */
#ifndef HTTPD_POSITION_H
#define HTTPD_POSITION_H

#include <stdbool.h>
#include <stdint.h>

struct position {
    int32_t day; /* since 1970 (base/day.h) */
    uint64_t at; /* bytes; 0: before the first line */
};

enum { POSITION_SIZE = 32 };

void position_write(struct position position, char out[POSITION_SIZE]);

/* Reads what position_write writes, and nothing else; false and *position untouched for any other
 * text. */
bool position_read(const char *text, struct position *position);

/* Below 0, 0 or above, as a is before, at or behind b. */
int position_compare(struct position a, struct position b);

#endif
