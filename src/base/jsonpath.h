/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jsonpath: a value inside a JSON document, by the path that a person writes.
 *
 * Floor: base.
 */
#ifndef BASE_JSONPATH_H
#define BASE_JSONPATH_H

#include <jansson.h>
#include <stdbool.h>

/* The value at path, borrowed, or NULL when there is none. A path that begins with a slash is a JSON
 * Pointer (RFC 6901); any other is keys and, in arrays, numbers from 0 with dots between them:
 * usage.output_tokens, attempts.0.outcome. */
const json_t *jsonpath_find(const json_t *document, const char *path);

/* Puts value, which it takes over, at path; NULL takes away what is there. Objects that are missing on
 * the way are made; an array's element must be there, or be the next one. Returns false, and changes
 * nothing of what the document said, where the way leads through something else. */
bool jsonpath_set(json_t *document, const char *path, json_t *value);

#endif
