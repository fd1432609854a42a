/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flight: one request for a task, from the building of its bytes to what its answer means.
 *
 * Floor: daemon. dispatch decides which task flies; what its end does to the job is outcome's.
 */
#ifndef DAEMON_FLIGHT_H
#define DAEMON_FLIGHT_H

#include <stdbool.h>
#include <sys/queue.h>

#include "daemon/core.h"
#include "daemon/partial.h"
#include "provider/provider.h"
#include "provider/stream.h"

/* A request on its way. */
struct flight {
    struct core *core;
    struct flight *next; /* in dispatch's list of those about to leave */
    struct task *task;
    struct job *job;
    struct lane *via;          /* whose model it asks: the task's lane, or that of a fallback */
    struct upstream *upstream; /* where it goes */
    const struct provider *protocol; /* that it left with: a reload may change the lane's */
    struct provider_request request;
    struct transfer *transfer; /* NULL until it left */
    struct gate_ticket ticket;
    struct gate_cost cost; /* estimated */
    uint64_t reservation;  /* of money */
    int64_t attached;      /* bytes of the job's attachments */
    unsigned waits;        /* for so many things to be durable before it may leave */
    struct wall started;
    int64_t first_token; /* wall ms of the first text of a stream; 0: none came */
    char *key;           /* that it was sent with, to conceal it; wiped */
    struct stream *stream;   /* when it asked for a stream of events */
    struct partial *partial; /* the answer so far, for others to read */
    LIST_ENTRY(flight) link;    /* in the core's list of those whose answer grows */
    bool unpaid; /* its money cannot be recorded: it must not leave */
    /* Both tell dispatch: it landed, and is freed afterwards; more of its answer came. */
    void (*landed)(struct flight *flight);
    void (*listened)(struct flight *flight);
    void *context;
};

/* How a task's request through a pick is to be built. */
struct provider_ask flight_ask(struct core *core, const struct task *task, const struct job *job,
                               const struct pick *pick);

/* The bound of tokens that a request for a job has after so many of its answers were cut: doubled each
 * time, but not above what is known of the model. 0: none. */
int64_t flight_bound(const struct core *core, const struct lane *via, const struct job *job,
                     unsigned cut);

/* What a request may cost at most, nano; -1: no price is known. */
int64_t flight_cost_nano(struct core *core, const struct job *job, const struct pick *pick);

/* A flight for a pick: the gate and the share are charged. job and request are taken over. */
struct flight *flight_new(struct core *core, const struct pick *pick, struct job *job,
                          struct provider_request *request);

/* Frees it without a word to anybody. */
void flight_free(struct flight *flight);

/* Sends it. One that cannot even begin lands at once, as not sent. */
void flight_start(struct flight *flight);

/* Ends it before it left, as if it had never been: its job waits again, or ends if it is cancelled. */
void flight_withdraw(struct flight *flight);

/* Shows in cur/ID.partial what came of its text. Returns in how many ms it is to be called again though
 * no more text comes; -1: not at all. */
int64_t flight_show(struct flight *flight, struct mono now);

#endif
