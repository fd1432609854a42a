/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * making: jobs made of records, one after the other.
 *
 * Floor: client. Above feed (records), filling (their prompts) and draft (jobs).
 */
#ifndef CLIENT_MAKING_H
#define CLIENT_MAKING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/stencil.h"
#include "client/draft.h"
#include "client/feed.h"

/* How. Plain data, borrowed. */
struct making_plan {
    struct feed *feed;
    struct draft *draft;           /* gets a sample number where several are wanted */
    const struct stencil *stencil; /* or NULL */
    bool fields;      /* columns and members are variables of the type that the flags name */
    bool keep_names;  /* jobs get no name of their file's */
    uint64_t samples; /* jobs a record, told apart by `sample` from 1; 0: one, which has none */
};

/* One job. The record is borrowed until the next one. */
struct made {
    struct job *job; /* the caller's */
    const struct feed_record *record;
    uint64_t position; /* among all jobs, from 0 */
    uint64_t sample;   /* 0: none */
};

struct making;

struct making *making_new(const struct making_plan *plan);

/* The next job. Returns 1, 0 at the end, or -1 with an error that names file and line. */
int making_next(struct making *making, struct made *made, struct error *error);

/* Begins again with the first record. Returns 0, or -1 with an error. */
int making_rewind(struct making *making, struct error *error);

/* Frees it; NULL is allowed. */
void making_free(struct making *making);

#endif
