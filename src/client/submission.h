/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * submission: the jobs of one command: looked at, asked about, dropped in lists, as they come.
 *
 * Floor: client. Nothing is dropped before as much was found good as can be known: all of what can be read
 * twice, of a stream the first list. From then on an error leaves what was dropped.
 */
#ifndef CLIENT_SUBMISSION_H
#define CLIENT_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "client/bulk.h"
#include "client/estimate.h"
#include "client/feed.h"
#include "client/making.h"
#include "spool/spool.h"

/* How. Plain data, borrowed. */
struct submission_plan {
    const struct spool *spool;
    struct feed *feed;
    struct making *making;
    struct draft *draft; /* which made them: files that jobs attach */
    struct estimate *estimate; /* nothing added yet, or all jobs (estimated) */
    bool estimated;
    const char *run;      /* as it was named, or NULL: one is made where there are several jobs */
    const char *input;    /* for its name: a file, "-" or NULL */
    const char *max_cost; /* of the run, as text, or NULL */
    json_t *mail;         /* who is sent a mail at its end, or NULL */
    bool yes;             /* do not ask about money */
    uint64_t max_waiting; /* jobs in the spool; 0: however many */

    /* Told of each job before it is dropped. Returns 0, or -1 with an error. */
    int (*made)(void *context, const struct job *job, struct error *error);

    /* Told when jobs are durable: bulk has them and the name of their file. Returns 0, or -1 with an
     * error. */
    int (*dropped)(void *context, const struct bulk *bulk, struct error *error);

    /* Lets so much time pass at most (-1: any), or until input (-1: none) can be read. Called after each
     * drop, too, with no time. Returns 0, 1 when nothing more is to be submitted, or -1 with an
     * error. */
    int (*pass)(void *context, int64_t timeout_ms, int input, struct error *error);

    /* Told before the first drop of several jobs, what the run is called. */
    void (*named)(void *context, const char *run);

    /* Told when it has to wait for room, with how many jobs wait. */
    void (*full)(void *context, uint64_t waiting);
    void *context;
};

/* Submits all, or until pass says to stop. Returns how many jobs there were, or -1 with an error: ERROR_LATER when a person said no,
 * ERROR_USAGE when nobody could be asked. */
int64_t submission_run(const struct submission_plan *plan, struct error *error);

#endif
