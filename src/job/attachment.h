/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attachment: content parts that name a file of blobs/:
 * {"type": "file", "blob": SHA256, "media_type": …, "filename": …}.
 *
 * Floor: job. Knows no file: who has the bytes hands them in. A part without "blob" that is of type
 * file is OpenAI's own ("file": {…}) and none of these.
 */
#ifndef JOB_ATTACHMENT_H
#define JOB_ATTACHMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/media.h"
#include "job/job.h"
#include "job/refusal.h"
#include "spool/layout.h"

/* One such part; texts are borrowed from it. */
struct attachment {
    struct id blob;
    const char *media_type;
    enum media media;
    const char *filename; /* or NULL */
};

/* Reads a part. Returns false when it is none of these. */
bool attachment_read(const json_t *part, struct attachment *attachment);

/* Checks a part of type file: that it names a blob whole, or is OpenAI's own. place is what a sentence
 * calls it. Returns 0, or -1 with *refusal. */
int attachment_check(const json_t *part, const char *role, const char *place,
                     struct refusal *refusal);

/* How many such parts a job's document has. */
unsigned attachments_count(const json_t *document);

/* Calls visit for each such part of a job, in their order, until it returns not 0; returns that, or
 * 0. */
int attachments_each(const struct job *job,
                     int (*visit)(void *context, const struct attachment *attachment),
                     void *context);

/* Notes in the job what its attachments come to; size says how many bytes a blob has, negative when
 * that is not known. Cheap for a job that has none. */
void attachments_measure(struct job *job, int64_t (*size)(void *context, const struct id *blob),
                         void *context);

/* A job's document with the bytes in place of the names: each such part becomes
 * {"type": "file", "media_type", "filename", "text" or (in base64) "data"}, which providers build
 * requests of. load appends the bytes of one; it returns 0, or -1 with an error of its own. What is
 * no attachment is shared with the document, which stays as it is. Returns a new reference, or NULL
 * with load's error, or one of kind ERROR_DATA when the bytes are not of the media type that the
 * part says. */
json_t *attachments_expand(const json_t *document,
                           int (*load)(void *context, const struct attachment *attachment,
                                       struct buffer *bytes, struct error *error),
                           void *context, struct error *error);

#endif
