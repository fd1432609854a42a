/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answers: what llmspool-result prints of a job: its answer or something else of its record.
 *
 * Floor: client. What was asked for goes to stdout; why it is not there, to stderr.
 */
#ifndef CLIENT_ANSWERS_H
#define CLIENT_ANSWERS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "client/locate.h"
#include "client/shelf.h"
#include "spool/spool.h"

enum answers_kind {
    ANSWERS_TEXT,    /* as a person reads it */
    ANSWERS_EXACT,   /* every byte, and no newline behind it */
    ANSWERS_RAW,     /* the provider's whole answer */
    ANSWERS_FIELD,   /* a field of the record */
    ANSWERS_HISTORY, /* its versions */
    ANSWERS_REQUEST, /* the job as it was asked */
};

/* What is wanted, and how it went so far. Plain data. */
struct answers {
    const char *program; /* before what goes to stderr */
    const struct spool *spool;
    enum answers_kind kind;
    const char *field; /* of ANSWERS_FIELD: for jsonpath_find */
    unsigned version;  /* of jobs that are named without one; 0: the latest good one */
    bool json;
    struct shelf *shelf; /* for jobs that are archived; borrowed */
    int result;          /* exit code: the gravest so far */
};

/* Prints what is wanted of a job. word is how it was called. */
void answers_print(struct answers *answers, const struct reference *reference, const char *word);

/* The job of a word; false when there is none, which is told. */
bool answers_find(struct answers *answers, const char *word, struct reference *reference);

/* Prints how two answers differ. */
void answers_diff(struct answers *answers, const struct reference *old_one,
                  const struct reference *new_one);

/* Notes an exit code: a job that cannot be had outweighs one that is not finished, and that one
 * which failed. */
void answers_note(struct answers *answers, int result);

#endif
