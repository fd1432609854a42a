/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * idempotency: the header Idempotency-Key of submissions, remembered over restarts.
 *
 * Floor: httpd. Keys lie as digests in a file that is appended to, durably, after the jobs and before the
 * answer: whoever was answered is known, and who was not may ask again, as the same jobs are the same work.
 */
#ifndef HTTPD_IDEMPOTENCY_H
#define HTTPD_IDEMPOTENCY_H

#include <stdbool.h>

#include "httpd/jobs.h"
#include "httpd/keys.h"

struct idempotency;

/* Reads what is remembered in httpd-keys, in the folder that systemd gives (STATE_DIRECTORY), else in the
 * spool's state/. Where that cannot be written, or another server has it, keys are
 * remembered while this process runs; the log says so. */
struct idempotency *idempotency_new(struct jobs *jobs);
void idempotency_free(struct idempotency *idempotency);

/* What the header of a request says. */
enum idempotency_begin {
    IDEMPOTENCY_NONE,     /* there is none, or it is new: go on, and end it */
    IDEMPOTENCY_REPEATED, /* it was done before: answer as *answer tells, and do nothing */
    IDEMPOTENCY_ANSWERED, /* it cannot be done: the request is answered */
};

/* A request's key while it is being served. A zeroed one is none. */
struct idempotency_use {
    bool used;
    struct key_use use;
};

enum idempotency_begin idempotency_begin(struct request *request, struct idempotency_use *use,
                                         struct key_answer *answer);

/* The request will be answered so; done is called on the loop when that is remembered, at once where there is no
 * key. */
void idempotency_end(struct idempotency *idempotency, struct idempotency_use *use,
                     const struct key_answer *answer, void (*done)(void *context), void *context);

/* It came to nothing. */
void idempotency_abandon(struct idempotency *idempotency, struct idempotency_use *use);

#endif
