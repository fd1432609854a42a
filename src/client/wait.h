/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wait: waiting until jobs have ended: a set of them, each found by its ID, whatever tells of an
 * end.
 *
 * Floor: client. inotify only wakes early: all jobs are looked at every 60 s, every 5 s on a
 * network or FUSE file system, and from 0.1 s growing to 1 s where no inotify is to be had. An
 * event costs one look-up, however many jobs are waited for. Jobs may be added while it waits and
 * forgotten when they have ended, so that an endless set needs no more memory than its open jobs.
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

/* Frees it, after wait_stop; NULL is allowed. */
void wait_free(struct wait *wait);

/* Adds a job, or with a version other than 0 that output of it. What is there already is returned
 * as it is, ended or not. It lives until it is forgotten. */
struct awaited *wait_add(struct wait *wait, const struct id *id, unsigned version);

/* The same without adding: NULL when it is not in the set. */
struct awaited *wait_find(const struct wait *wait, const struct id *id, unsigned version);

/* Says that a job of the set was just dropped as new/NAME, or by that line of a list (from 1; 0: it
 * is no list): its end counts when that file was taken. The output that answers it, if it runs now,
 * is of that run (0: any) or a later one. */
void wait_expect(struct wait *wait, struct awaited *awaited, const char *name, unsigned line,
                 unsigned run);

/* Takes a job that has ended out of the set; it is freed some time later, but not before the call
 * of `ended` for it has returned. */
void wait_forget(struct wait *wait, struct awaited *awaited);

/* How many were added, and how many of them go on. */
size_t wait_count(const struct wait *wait);
size_t wait_open(const struct wait *wait);

/* Calls visit for each job that goes on, in the order in which they were added, until it returns
 * not 0; returns that, or 0. */
int wait_each_open(const struct wait *wait,
                   int (*visit)(void *context, const struct awaited *awaited), void *context);

/* How to wait, and whom to tell. */
struct wait_plan {
    int64_t timeout_ms; /* -1: as long as it takes */
    bool any;           /* one is enough */
    bool fail_fast;     /* leave when nothing can move */

    /* Told of each job once, when it has ended. */
    void (*ended)(void *context, struct awaited *awaited);

    /* Told within 2 s why jobs do not move, once a reason. */
    void (*stalled)(void *context, const char *reason);
    void *context;
};

/* Why waiting ended. */
enum wait_result {
    WAIT_ENDED, /* all, or any, did */
    WAIT_TIMED_OUT,
    WAIT_STUCK,       /* with fail_fast */
    WAIT_INTERRUPTED, /* by SIGINT, SIGTERM or SIGHUP */
    WAIT_HALTED,      /* said by harvest: so many have failed */
    WAIT_CLOSED,      /* said by harvest: nobody reads what is printed */
};

/* Waits. Jobs that had ended before are told first. SIGINT, SIGTERM and SIGHUP, unless they are
 * ignored, end the wait and not the process. Returns 0 with *result, or -1 with an error when the
 * spool was taken away. */
int wait_run(struct wait *wait, const struct wait_plan *plan, enum wait_result *result,
             struct error *error);

/* The same in turns, with jobs added between them. wait_start begins (the plan is copied; the time
 * that timeout_ms means begins, too), and from then to wait_stop signals belong to it. */
void wait_start(struct wait *wait, const struct wait_plan *plan);
void wait_stop(struct wait *wait); /* nothing where nothing was started */

/* Turns until all (or any) have ended. Returns as wait_run. */
int wait_all(struct wait *wait, enum wait_result *result, struct error *error);

/* One turn: looks at what was added and at what happened, and where nothing did, sleeps until
 * something does, input (-1: none) can be read, or ms have gone by. Returns 0 to go on; 1 when it
 * is over before all have ended, with *result; or -1 with an error. *readable, unless NULL, tells
 * whether input is what ended the sleep. */
int wait_turn(struct wait *wait, int64_t ms, int input, bool *readable, enum wait_result *result,
              struct error *error);

/* What the spool or its archive holds of a job's end: its output record, the error file, that of
 * its refusal; NULL where there is none. The caller owns it. */
json_t *wait_record(const struct wait *wait, const struct awaited *awaited);

/* Why a job was not completed, as a sentence that begins with its ID, from its record (NULL: there
 * is none). The caller frees it. */
char *wait_failure(const struct awaited *awaited, const json_t *record);

/* The word of the state in which a job ended, from its record: completed, failed, cancelled,
 * expired, refused, or unknown. */
const char *wait_word(const struct awaited *awaited, const json_t *record);

#endif
