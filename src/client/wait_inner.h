/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wait_inner: what the parts of wait share: wait_set keeps the set, wait looks and sleeps.
 *
 * Floor: client. For these two alone.
 */
#ifndef CLIENT_WAIT_INNER_H
#define CLIENT_WAIT_INNER_H

#include "client/wait.h"

#include "client/stall.h"
#include "client/wake.h"

/* A wait that was started. Times are mono ms. */
struct session {
    struct wait_plan plan;
    struct wake *wake;
    struct stall *stall;
    int64_t deadline;
    int64_t next_look, look_every;
    int64_t rest_until; /* not before it is everything looked at again when changes were missed: half
                           of the time at most goes into that */
    int64_t next_tick;
    int64_t next_missing; /* INT64_MAX: none is missing */
    size_t open_at_tick;
    unsigned stuck_ticks;
    bool interrupted;
};

struct wait {
    const struct spool *spool;
    const struct clock *clock;
    struct awaited *by_id; /* uthash; other versions of a job hang on its first one */
    struct asks *asks;
    struct awaited **rest; /* those that go on, as they were added; some may have ended since it was
                              last tidied, and were perhaps forgotten */
    size_t rest_count, rest_room;
    size_t added;          /* so many of the last of rest were not looked at yet */
    size_t count, open;
    struct session *session; /* NULL: none is started */
};

/* The first of a job's versions in the set, or NULL. */
struct awaited *wait_find_first(const struct wait *wait, const struct id *id);

/* Takes those that have ended out of the rest, and frees those of them that were forgotten. */
void wait_tidy(struct wait *wait);

#endif
