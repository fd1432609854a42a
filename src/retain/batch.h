/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch: runs/NAME/batch.json: what kind of a batch a run is and how far it came, in the words of OpenAI's
 * Batch object (schema batch).
 *
 * Floor: retain. The daemon alone writes it.
 */
#ifndef RETAIN_BATCH_H
#define RETAIN_BATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/sha256.h"
#include "spool/spool.h"

#define BATCH_RECORD "batch.json"
#define BATCH_INPUT  "input.jsonl"
#define BATCH_OUTPUT "output.jsonl"
#define BATCH_ERRORS "errors.jsonl"

enum batch_status {
    BATCH_VALIDATING,  /* its file is still in new/ */
    BATCH_IN_PROGRESS, /* all of its jobs are accepted or answered */
    BATCH_COMPLETED,   /* all have ended, and its results are written */
    BATCH_CANCELLED,   /* as completed, and some were cancelled */
    BATCH_EXPIRED,     /* as completed, and some were not answered in time */
};

/* Plain data; made by batch_read, emptied by batch_clear. */
struct batch {
    enum batch_status status;
    char list[NAME_LIMIT];        /* name of its file in new/ */
    char endpoint[64];            /* "/v1/chat/completions" */
    char sha256[SHA256_HEX_SIZE]; /* of input.jsonl as it was dropped */
    char *model;                  /* NULL: the spool's default */
    bool header;                  /* the file in new/ had a line of ours before those of the batch */
    int64_t created_ms;
    int64_t ended_ms; /* 0: not yet */
    uint64_t total;   /* requests */
    uint64_t completed;
    uint64_t failed;
};

/* OpenAI's word for it. */
const char *batch_status_word(enum batch_status status);

/* Whether all is done: the results are there. */
bool batch_has_ended(const struct batch *batch);

/* Reads the record in the folder of a run. Returns 0; -ENOENT when there is none (it is another run); -EINVAL
 * when it cannot be understood; or another -errno. */
int batch_read(int dir, struct batch *batch);

/* Replaces it, durably: the folder of the run is dir. Returns 0 or -errno. */
int batch_write(const struct spool *spool, int dir, const char *run, const struct batch *batch);

/* Opens the folder of a run. Returns its descriptor or -errno. */
int batch_open_run(const struct spool *spool, const char *run);

void batch_clear(struct batch *batch);

#endif
