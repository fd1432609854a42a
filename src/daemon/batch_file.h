/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_file: a list whose lines are those of an OpenAI Batch file: judged as a whole, entered as a run with its
 * record and its input, and its lines as jobs.
 *
 * Floor: daemon. Used by list, which has the file; file work runs in libuv's thread pool.
 */
#ifndef DAEMON_BATCH_FILE_H
#define DAEMON_BATCH_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/core.h"
#include "daemon/manifest.h"
#include "job/job.h"

struct batch_file;

/* Whether the lines of a list are a batch's: the first that is JSON tells. */
bool batch_file_is(const char *text, size_t length);

/* Completes the header of a list that is a batch: without one the run is named as the file is. Returns 0, or -1
 * with an error when it can be no batch's. */
int batch_file_header(const char *list, struct manifest_header *header, struct error *error);

/* Begins a batch of the list of this name. header: borrowed, must outlive it; said: the file begins with it. */
struct batch_file *batch_file_new(struct core *core, const char *list,
                                  const struct manifest_header *header, bool said);

/* The job of a line, with what the header says of all. NULL with an error and *context->reason. */
struct job *batch_file_job(const struct batch_file *batch, const char *text, size_t length,
                           const struct job_context *context, struct error *error);

/* Judges the next line and adds it to the manifest. */
void batch_file_gather(struct batch_file *batch, struct manifest *manifest, size_t number,
                       const char *text, size_t length, const struct job_context *context);

/* Judges the whole, when all lines were gathered. Returns 0, or -1 with *reason and an error: the file is to be
 * refused. */
int batch_file_judge(struct batch_file *batch, const char **reason, struct error *error);

/* Makes runs/NAME with batch.json and input.jsonl, durably: the bytes of fd (duplicated) from an offset on. Then
 * calls done(context, result): 0; -EEXIST when the run is there and is another; or another -errno. */
void batch_file_enter(struct batch_file *batch, int fd, off_t from,
                      void (*done)(void *context, int result), void *context);

/* All lines are accepted or answered: notes it durably before the file leaves new/, as batch_file_enter. */
void batch_file_accepted(struct batch_file *batch, void (*done)(void *context, int result),
                         void *context);

/* Frees it, once work under way has ended, whose done is not called then; NULL is allowed. */
void batch_file_free(struct batch_file *batch);

#endif
