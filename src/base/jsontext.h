/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jsontext: JSON text in and out. Strict reading of what others wrote, ordinary and canonical
 * writing.
 *
 * Floor: base. Parsing is jansson's; on top come the rules of I-JSON (RFC 7493) for reading, and
 * RFC 8785 (JCS) with ECMAScript's number formatting for writing, because jansson prints numbers
 * and orders keys otherwise.
 */
#ifndef BASE_JSONTEXT_H
#define BASE_JSONTEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

enum {
    JSONTEXT_DEPTH = 64,      /* levels of nesting that jsontext_read accepts */
    JSONTEXT_NUMBER_SIZE = 32 /* bytes that any number needs as text, with its NUL */
};

/* Reads one JSON value that fills the whole text, by the rules of I-JSON: valid UTF-8 and Unicode,
 * no NUL, no duplicate keys, no integer beyond +-(2^53 - 1) (the error advises to write it as a
 * string), no number that overflows a double, at most JSONTEXT_DEPTH levels. Returns a new
 * reference, or NULL with an error of kind ERROR_DATA that names line and column where it is
 * known. */
json_t *jsontext_read(const char *text, size_t length, struct error *error);

/* Reads what a server answered: as jsontext_read, but duplicate keys keep the last value, integers
 * may use all of int64 (where one is beyond it, all of the text's become doubles), and levels may
 * go up to jansson's own bound. */
json_t *jsontext_read_lenient(const char *text, size_t length, struct error *error);

/* Reads the line of one JSON object stored by us; as jsontext_read_lenient, and refuses any value
 * but an object. */
json_t *jsontext_read_object(const char *text, size_t length, struct error *error);

/* Appends the compact text of value, keys in their own order, numbers as ECMAScript prints them
 * (0.1, not 0.10000000000000001), but for whole doubles beyond +-(2^53 - 1), which get a ".0" so
 * that jsontext_read takes them back; integers are printed whole. */
void jsontext_write(struct buffer *out, const json_t *value);

/* As jsontext_write, indented by two spaces a level, for a person. */
void jsontext_write_pretty(struct buffer *out, const json_t *value);

/* Appends the canonical form of RFC 8785: keys ordered by UTF-16 code units, every number printed
 * as the double that it denotes. Keys and values are what jsontext_read let through. */
void jsontext_write_canonical(struct buffer *out, const json_t *value);

/* Writes a finite double as ECMAScript's Number::toString does (ECMA-262, 6.1.6.1.20): the fewest
 * digits that read back as the same double, the closest of those. Returns the length. */
size_t jsontext_number(double number, char out[JSONTEXT_NUMBER_SIZE]);

/* Appends text as a JSON string with its quotes; invalid UTF-8 is written as U+FFFD, so that what
 * comes out always parses. */
void jsontext_write_string(struct buffer *out, const char *text, size_t length);

/* Small conveniences over jansson objects. The text (borrowed) or the default when key is absent,
 * null or no string; likewise for integers (a real is truncated) and booleans. */
const char *jsontext_get_text(const json_t *object, const char *key, const char *otherwise);
json_int_t jsontext_get_int(const json_t *object, const char *key, json_int_t otherwise);
bool jsontext_get_bool(const json_t *object, const char *key, bool otherwise);

#endif
