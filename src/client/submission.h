/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * submission: the jobs of one command line, in its order: named, read and checked all, then
 * dropped.
 *
 * Floor: client. Nothing is dropped before everything was read and found good.
 */
#ifndef CLIENT_SUBMISSION_H
#define CLIENT_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "client/draft.h"
#include "spool/spool.h"

/* What a word of the command line stands for. */
enum source {
    SOURCE_TEXT,   /* the prompt itself */
    SOURCE_PROMPT, /* a file (or "-") that is the prompt */
    SOURCE_WHOLE,  /* a file (or "-") that is a job */
};

/* One job. Plain data. */
struct submitted {
    enum source source;
    const char *word;      /* of the command line, borrowed */
    struct job *job;       /* once read */
    unsigned run;          /* of the output that answers it if it runs now */
    char drop[NAME_LIMIT]; /* its file in new/, once dropped */
};

struct submission {
    struct submitted *jobs;
    size_t count;
};

/* Adds a job, which is not looked at yet. */
void submission_add(struct submission *submission, enum source source, const char *word);

/* Reads, completes and checks all. Returns 0, or -1 with an error that says which one is no good.
 */
int submission_read(struct submission *submission, struct draft *draft, struct error *error);

/* Drops the job durably. Returns 0, or -1 with an error. */
int submission_drop(const struct spool *spool, struct submitted *submitted, struct error *error);

/* Frees what it holds. */
void submission_clear(struct submission *submission);

#endif
