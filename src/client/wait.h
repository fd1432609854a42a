/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wait: waiting until jobs have ended: a set of them, each found by its ID, whatever tells of an
 * end.
 *
 * Floor: client. inotify only wakes early: all jobs are looked at every 60 s, every 5 s on a
 * network or FUSE file system, and from 0.1 s growing to 1 s where no inotify is to be had. An
 * event costs one look-up, however many jobs are waited for.
 */
#ifndef CLIENT_WAIT_H
#define CLIENT_WAIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "client/awaited.h"
#include "spool/spool.h"

struct wait;

/* An empty set; spool and clock outlive it. */
struct wait *wait_new(const struct spool *spool, const struct clock *clock);

/* Frees it; NULL is allowed. */
void wait_free(struct wait *wait);

/* Adds a job, or with a version other than 0 that output of it. Returns its number, from 0; what is
 * there already keeps its number. Numbers count up by one. */
size_t wait_add(struct wait *wait, const struct id *id, unsigned version);

/* Says that a job of the set was just dropped as new/NAME: its end counts when that file was taken.
 * The output that answers it, if it runs now, is of that run or a later one. */
void wait_expect(struct wait *wait, size_t number, const char *name, unsigned run);

/* A job of the set. */
const struct awaited *wait_job(const struct wait *wait, size_t number);

/* How many there are, and how many of them go on. */
size_t wait_count(const struct wait *wait);
size_t wait_open(const struct wait *wait);

/* How to wait, and whom to tell. */
struct wait_plan {
    int64_t timeout_ms; /* -1: as long as it takes */
    bool any;           /* one is enough */
    bool fail_fast;     /* leave when nothing can move */

    /* Told of each job once, when it has ended. */
    void (*ended)(void *context, size_t number);

    /* Told within 2 s why jobs do not move, once a reason. */
    void (*stalled)(void *context, const char *reason);
    void *context;
};

/* Why waiting ended. */
enum wait_result {
    WAIT_ENDED, /* all, or any, did */
    WAIT_TIMED_OUT,
    WAIT_STUCK,       /* with fail_fast */
    WAIT_INTERRUPTED, /* by SIGINT or SIGTERM */
};

/* Waits. Jobs that had ended before are told first. SIGINT and SIGTERM, unless they are ignored,
 * end the wait and not the process. Returns 0 with *result, or -1 with an error when the spool was
 * taken away. */
int wait_run(struct wait *wait, const struct wait_plan *plan, enum wait_result *result,
             struct error *error);

/* What the spool holds of a job's end: its output record, the error file, that of its refusal; NULL
 * where there is none. The caller owns it. */
json_t *wait_record(const struct wait *wait, size_t number);

/* Why a job was not completed, as a sentence that begins with its ID, from its record (NULL: there
 * is none). The caller frees it. */
char *wait_failure(const struct wait *wait, size_t number, const json_t *record);

/* The word of the state in which a job ended, from its record: completed, failed, cancelled,
 * expired, refused, or unknown. */
const char *wait_word(const struct wait *wait, size_t number, const json_t *record);

#endif
