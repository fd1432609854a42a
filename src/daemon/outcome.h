/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outcome: what becomes of a job when its request ended: done, later, never, held.
 *
 * Floor: daemon. The one place that turns outcomes into transitions; backoff and the number of
 * attempts are decided here.
 */
#ifndef DAEMON_OUTCOME_H
#define DAEMON_OUTCOME_H

#include "daemon/core.h"
#include "job/job.h"
#include "job/record.h"
#include "provider/provider.h"

/* The code of an attempt whose answer was cut at its bound and is asked for again with a higher one. */
#define OUTCOME_TRUNCATED "truncated"

/* A request that ended. */
struct request_end {
    struct verdict verdict;
    enum gate_effect effect;
    struct answer *answer; /* filled when the verdict is OUTCOME_OK; taken over */
    int64_t started;       /* wall ms */
    int64_t ended;
    int64_t first_token; /* wall ms, of a stream; 0: not known */
    int64_t latency_ms;
    int64_t cost_nano; /* -1: not known */
    int http_status;
    const char *raw; /* the body of an answer that could not be read, or NULL */
    size_t raw_length;
    struct lane *via;          /* whose model was asked */
    struct upstream *upstream; /* where */
};

/* The task's request ended: records the attempt and moves on. job is taken over. */
void outcome_settle(struct core *core, struct task *task, struct job *job,
                    struct request_end *end);

#endif
