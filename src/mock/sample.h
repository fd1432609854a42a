/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sample: a JSON value that fits a JSON Schema, with a given text where it asks for one.
 *
 * Floor: mock. Knows type, enum, const, properties, required, items, minItems, anyOf, oneOf, allOf,
 * local $ref, the bounds of numbers and of string lengths, and the common formats.
 */
#ifndef MOCK_SAMPLE_H
#define MOCK_SAMPLE_H

#include <jansson.h>

/* A new value. text goes into strings; evidence chooses among the strings of an enum. */
json_t *sample_make(const json_t *schema, const char *text, const char *evidence);

#endif
