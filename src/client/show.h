/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * show: what commands print of a job: its ID, its answer for a person, its record for a program.
 *
 * Floor: client. Writes to a stream without checking it; cli_finish does that once at the end.
 */
#ifndef CLIENT_SHOW_H
#define CLIENT_SHOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buffer.h"
#include "job/job.h"
#include "spool/layout.h"

/* Writes an ID as it is printed on out: its first 12 digits on a terminal, all 64 elsewhere.
 * Returns text. */
const char *show_id(FILE *out, const struct id *id, char text[ID_TEXT_SIZE]);

/* Prints the ID of a job that is submitted, as show_id writes it, on a line; or a line of JSON with
 * its id, model and name. */
void show_submitted(FILE *out, const struct job *job, bool json);

/* The answer in an output record (ID.vN.json), borrowed from it; where there is none, what the
 * model gave in its place, its refusal or its calls of tools; or null. */
const json_t *show_find(const json_t *output);

/* Prints a value: a text as it is, ended by a newline; any other value as JSON,
 * indented on a terminal and on one line elsewhere. On a terminal, characters that would command it
 * are shown as U+FFFD. */
void show_value(FILE *out, const json_t *value);

/* Prints what show_find finds, as show_value. */
void show_answer(FILE *out, const json_t *output);

/* Prints a record, whatever it is, as one line of JSON. */
void show_json(FILE *out, const json_t *record);

/* Says how a run ended that was not completed, from its output record or its error file, for
 * example "8b31e1edd6d8: failed: Gave up after 3 attempts; …". The caller frees it. record may be
 * NULL: then why is not known, and state is said to be "failed". */
char *show_failure(const struct id *id, const json_t *record);

/* Appends text (UTF-8) as a terminal may see it: control characters but newline, tab and the
 * carriage return of a line's end become U+FFFD. */
void show_visible(struct buffer *out, const char *text, size_t length);

#endif
