/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * difference: how two answers differ: line by line, or of JSON value by value.
 *
 * Floor: client.
 */
#ifndef CLIENT_DIFFERENCE_H
#define CLIENT_DIFFERENCE_H

#include <jansson.h>
#include <stdbool.h>

#include "client/screen.h"

/* One side of it. */
struct difference_side {
    const char *name; /* ID@vN */
    const json_t *answer;
};

/* Prints how they differ, and nothing where they do not: of texts as diff -u prints it; of values, and
 * of texts that are both JSON objects or arrays, a line for each path. json: a line of JSON for each
 * line or path that was removed, added or changed. Returns whether they differ. */
bool difference_print(const struct screen *screen, const struct difference_side *old_side,
                      const struct difference_side *new_side, bool json);

#endif
