/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * field: members of the JSON records that we write and read back: texts that may be invalid UTF-8,
 * times, counts.
 *
 * Floor: job. Used by attempt, state and record; the formats themselves are theirs.
 */
#ifndef JOB_FIELD_H
#define JOB_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A JSON string of length bytes, cut before limit bytes at the end of a character. What is invalid
 * UTF-8, and NUL, which many programs cannot read in JSON, become U+FFFD. */
json_t *field_string(const char *text, size_t length, size_t limit);

/* Set a member of object: a text of any bytes (null for NULL) and a time in wall ms. */
void field_text(json_t *object, const char *key, const char *text);
void field_time(json_t *object, const char *key, int64_t ms);

/* As field_time, null for 0: it did not happen. */
void field_time_or_null(json_t *object, const char *key, int64_t ms);

/* As field_text, but NULL sets nothing. */
void field_text_if(json_t *object, const char *key, const char *text);

void field_count(json_t *object, const char *key, int64_t count);

/* Read a member of object into *number, *count, *ms, *text (owned). One that is absent or null
 * leaves it alone. Return false when it is there and is no integer of 0 or more, RFC 3339 time, or
 * text. */
bool field_read_count(const json_t *object, const char *key, unsigned *count);
bool field_read_number(const json_t *object, const char *key, int64_t *number);
bool field_read_time(const json_t *object, const char *key, int64_t *ms);
bool field_read_text(const json_t *object, const char *key, char **text);

#endif
