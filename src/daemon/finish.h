/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * finish: a job's end, in the order that makes a crash harmless: record durable with its debts, event,
 * move, clearing away.
 *
 * Floor: daemon. What was paid for is never thrown away: a record that cannot be written (no room, an
 * I/O error) stays in memory and is tried again each second.
 */
#ifndef DAEMON_FINISH_H
#define DAEMON_FINISH_H

#include "daemon/core.h"
#include "job/job.h"
#include "job/record.h"

/* How a job ended. Texts are copied. */
struct end {
    const char *status;  /* completed, failed, cancelled, expired */
    const char *reason;  /* machine word, NULL for completed */
    const char *message; /* sentence, NULL for completed */
    const char *model; /* that was asked last; NULL: the job's own */
    const char *provider;
    const char *request_id;
    const char *raw; /* an answer that could not be read, or NULL */
    size_t raw_length;
    bool mock;
    int64_t started;     /* wall ms of the last request; 0: none was sent */
    int64_t first_token; /* wall ms; 0: not known */
    int64_t latency_ms;  /* of the last request */
    int64_t cost_nano;   /* of the last request; -1: not known */
};

struct finish *finish_open(struct core *core);
void finish_close(struct finish *finish);

/* Ends a task that is in no other phase's hands. job is taken over, or NULL: it is read from cur/.
 * answer is taken over and cleared; NULL unless completed. */
void finish_job(struct core *core, struct task *task, struct job *job, struct answer *answer,
                const struct end *end);

/* Goes on with an end that a crash cut short: the record, with this status, lies in folder
 * (done/ID.v{run}.json or failed/ID.error.json) already, or, with unpublished, the whole output lies as
 * cur/ID.out.v{run}. job is taken over. */
void finish_resume(struct core *core, struct task *task, struct job *job, enum folder folder,
                   const char *status, bool unpublished);

/* Ends whose record waits for room. */
size_t finish_stuck(const struct finish *finish);

#endif
