/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jsondiff: where two JSON values differ.
 *
 * Floor: base.
 */
#ifndef BASE_JSONDIFF_H
#define BASE_JSONDIFF_H

#include <jansson.h>

/* Calls visit for each difference: path is for jsonpath_find ("" of the whole values), old_value is
 * NULL for what was added, new_value for what was removed. Objects are compared by keys, in the order
 * of the old one and then of what is new, arrays by positions; numbers are the same where they are
 * equal, 1 and 1.0 too. */
void jsondiff_each(const json_t *old_value, const json_t *new_value,
                   void (*visit)(void *context, const char *path, const json_t *old_value,
                                 const json_t *new_value),
                   void *context);

#endif
