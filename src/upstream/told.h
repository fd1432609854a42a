/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * told: one limit that an upstream tells of in the headers of its answers, and our books of how
 * much of it is left.
 *
 * Floor: upstream. Plain data, all zero at first; time is handed in.
 *
 * What a server says is left was true when it took in the request that it answers. What we sent
 * after that it had not seen, so it is ours to subtract: each request carries off what our books
 * said when it left, and the answer corrects the books by the difference.
 */
#ifndef UPSTREAM_TOLD_H
#define UPSTREAM_TOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "provider/ratelimit.h"
#include "upstream/gate.h"

struct told {
    int64_t limit;     /* per period_ms; 0: none was told */
    int64_t period_ms; /* in which the limit grows again: a minute, an hour, a day */
    bool fixed;        /* it does not grow, but is full again at turn_ms */
    int64_t turn_ms;
    int64_t turned_ms; /* when it last was: what was sent before tells of the window before */
    double held_back;  /* part of its speed that is not used, for requests that arrive early */
    double size;       /* units that it holds */
    double left;       /* at at_ms; while no limit was told only changes of it have a meaning */
    int64_t at_ms;     /* of left */
    double corrected;  /* by all answers so far, in all */
};

/* A request takes a cost. Returns what told_hear must be given for its answer. */
double told_charge(struct told *told, double cost, struct mono now);

/* A request turned out to have taken more or less than was charged. */
void told_correct(struct told *told, double more, struct mono now);

/* An answer to a request that left at sent_ms and for which told_charge returned mark tells of this
 * limit. What makes no sense (nothing said, limits below 1 or beyond reason) is passed over. How
 * the limit grows is read off its numbers: full again in used/limit of a minute, an hour or a day
 * is a bucket that refills steadily; later than that a window that turns. */
void told_hear(struct told *told, const struct ratelimit_bucket *bucket, double mark,
               int64_t sent_ms, struct mono now);

/* A request was refused for this limit though it left when our books allowed it: requests
 * that left evenly arrive unevenly, and a small bucket does not bear that. The next ones leave a
 * little more slowly. */
void told_surprise(struct told *told, struct mono now);

/* What is left now. */
double told_left(const struct told *told, struct mono now);

/* How long until a cost passes, ms; 0: now. A little is kept back for requests that overtake each
 * other on their way. */
int64_t told_wait_ms(const struct told *told, double cost, struct mono now);

/* What survives a restart, and back after age_ms. */
void told_remember(const struct told *told, struct mono now, struct gate_memory_limit *memory);
void told_recall(struct told *told, const struct gate_memory_limit *memory, int64_t age_ms,
                 struct mono now);

#endif
