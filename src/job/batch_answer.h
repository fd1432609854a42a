/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_answer: a line of a batch's output.jsonl or errors.jsonl, in the form of OpenAI's Batch API.
 *
 * Floor: job. Pure.
 */
#ifndef JOB_BATCH_ANSWER_H
#define JOB_BATCH_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "job/batch_line.h"
#include "spool/layout.h"

/* Whose line it is. The line's "id" is made of job and position, so that it can be found again. */
struct batch_place {
    const char *custom_id;
    const struct id *id; /* NULL: its line was no job */
    uint64_t position;
};

/* The whereabouts that an output line's "id" tells. Returns false for another's line. */
bool batch_answer_place(const char *text, size_t length, struct id *id, uint64_t *position);

/* Appends the line of an answer: body is what batch_body made of it, request_id the provider's name for the
 * request or NULL. */
void batch_answer_write(struct buffer *out, const struct batch_place *place, json_t *body,
                        const char *request_id);

/* Appends the line of a failure, as the record (an error file) tells it; or of a line of the batch that was no
 * job, whose record has status "refused". A record of NULL: nothing is known of the job any more. */
void batch_answer_write_error(struct buffer *out, const struct batch_place *place,
                              const json_t *record);

#endif
