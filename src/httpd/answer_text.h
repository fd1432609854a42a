/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer_text: the text of a job's answer as it grows, piece by piece: from cur/ID.partial, at the
 * end from the output.
 *
 * Floor: httpd. A request that is sent again begins its text anew: then the next piece has a
 * smaller offset, and what was told from there on does not count any more.
 */
#ifndef HTTPD_ANSWER_TEXT_H
#define HTTPD_ANSWER_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "spool/spool.h"

struct answer_text;

/* Begins behind the bytes that the client has. The spool must outlive it. */
struct answer_text *answer_text_open(const struct spool *spool, const struct id *id,
                                     uint64_t offset);

/* The job is asked again: what the file has may be another text soon. */
void answer_text_doubt(struct answer_text *text);

/* Appends the next piece, whole characters (UTF-8), to the empty out; *offset is where it begins.
 * False when there is none. */
bool answer_text_next(struct answer_text *text, struct buffer *out, uint64_t *offset);

/* As answer_text_next, of the output of a job that is completed. What is no string is told as JSON.
 */
bool answer_text_rest(struct answer_text *text, struct buffer *out, uint64_t *offset);

/* NULL is allowed. */
void answer_text_close(struct answer_text *text);

#endif
