/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_check: is a file of batch lines one that OpenAI's validation would let through: a custom_id of its own
 * for each line, one endpoint, one model.
 *
 * Floor: job. As there, one bad envelope refuses the whole file, and a bad body its own line alone.
 */
#ifndef JOB_BATCH_CHECK_H
#define JOB_BATCH_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "job/batch_line.h"

enum { BATCH_LINES_LIMIT = 1000000 }; /* OpenAI's is 50,000 */

struct batch_check;

struct batch_check *batch_check_new(void);

/* Judges the next line; number counts all lines of the file from 1. On true *line is filled and *document,
 * which it borrows from, is the caller's. On false the file is refused; what is wrong is remembered. */
bool batch_check_line(struct batch_check *check, size_t number, const char *text, size_t length,
                      struct batch_line *line, json_t **document);

/* Judges the file at its end. Returns 0, or -1 with *refusal: the first bad line and why, by OpenAI's words
 * (invalid_json_line, duplicate_custom_id, url_mismatch, model_mismatch, empty_file, too_many_tasks, and those
 * of batch_line_read), and how many others there are. */
int batch_check_end(struct batch_check *check, struct refusal *refusal);

/* Of the lines so far; NULL before the first good one, and for a model that no line names. */
const struct batch_endpoint *batch_check_endpoint(const struct batch_check *check);
const char *batch_check_model(const struct batch_check *check);

void batch_check_free(struct batch_check *check);

#endif
