/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * window: how many requests may be in flight at an upstream, found by trying.
 *
 * Floor: upstream. Plain data, made by window_init; time is handed in.
 *
 * It doubles each round trip until the first push-back: a refusal, a time-out, or answers that take
 * longer without more of them coming (a queue that says nothing). After that it climbs (see
 * climb.h). Only a window that is in use grows.
 */
#ifndef UPSTREAM_WINDOW_H
#define UPSTREAM_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "upstream/climb.h"
#include "upstream/pace.h"

struct window {
    double size;
    double most;          /* it never passes this */
    double first_byte_ms; /* the time-out that no answer must come near */
    bool doubling;
    struct pace spread; /* while doubling: what a larger window lets go is not sent all at once, so
                           that the first refusal stops the rest */
    struct climb climb; /* a step is a round trip, at least a second, under full load */
    int64_t grown_ms;
    double rests;        /* steps that it rests after the next queue that was found */
    uint64_t cut_ticket; /* requests up to this one say nothing new */

    uint64_t storm_ticket; /* refusals of requests up to this one belong to the last cut */
    double storm_floor;    /* below which they do not bring it */

    bool spoiled;    /* cut by time-outs, and no success since */
    double unspoilt; /* the size before */

    /* A stage: requests sent since the window last had another size, and how long they took. */
    bool checking; /* it climbed far enough to see whether that was of use */
    bool filled;   /* the window was full in this stage */
    uint64_t stage_ticket;
    unsigned stage_ended;
    double stage_ms;
    double best_ms;   /* the shortest mean of any stage; 0: none yet */
    double best_size; /* of that stage */
    double usual_ms;  /* a running mean */
};

void window_init(struct window *window, unsigned start, unsigned most, int64_t first_byte_ms);

/* Another bound. */
void window_bound(struct window *window, unsigned most);

/* The requests that may be in flight, at least 1. */
unsigned window_size(const struct window *window);

/* How long until a request may leave into a window that is not full, ms; 0: now. */
int64_t window_wait_ms(const struct window *window, struct mono now);

/* A request leaves; in_flight counts it. Returns whether it took the last place. */
bool window_sent(struct window *window, unsigned in_flight, struct mono now);

/* A request (its ticket; last: of the last one that left) was answered well. full: the window was
 * in use. */
void window_succeeded(struct window *window, uint64_t ticket, uint64_t last, int64_t sent_ms,
                      bool full, struct mono now);

/* A request was refused at once because too many were in flight; in_flight are still accepted, or
 * will be refused too. At most halves the window in one round trip. */
void window_refused(struct window *window, uint64_t ticket, uint64_t last, unsigned in_flight,
                    struct mono now);

/* The upstream is overloaded, or a request timed out waiting for its answer: halves the window, at
 * most once a round trip. */
void window_overloaded(struct window *window, uint64_t ticket, uint64_t last, struct mono now);
void window_timed_out(struct window *window, uint64_t ticket, uint64_t last, struct mono now);

/* An outage is over: the time-outs that belonged to it say nothing about the window. */
void window_unspoil(struct window *window);

/* Begins with a size that was found earlier. */
void window_recall(struct window *window, double size, bool settled);

#endif
