/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jsonpath: a value inside a JSON document, by the path that a person writes.
 *
 * Floor: base.
 */
#ifndef BASE_JSONPATH_H
#define BASE_JSONPATH_H

#include <jansson.h>

/* The value at path, borrowed, or NULL when there is none. A path that begins with a slash is a JSON
 * Pointer (RFC 6901); any other is keys and, in arrays, numbers from 0 with dots between them:
 * usage.output_tokens, attempts.0.outcome. */
const json_t *jsonpath_find(const json_t *document, const char *path);

#endif
