/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rate: how many requests a second an upstream accepts, found by trying.
 *
 * Floor: upstream. Plain data, made by rate_init; time is handed in.
 *
 * None is known until the first refusal. From then on requests leave at a pace that climbs (see
 * climb.h) until the next refusal. Between two refusals under full load an upstream accepted just
 * what it allows, whatever its bucket held before the first: that is measured, and the pace begins
 * anew a little below it.
 */
#ifndef UPSTREAM_RATE_H
#define UPSTREAM_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "upstream/climb.h"
#include "upstream/pace.h"

enum { RATE_SLOTS = 8 };

struct rate {
    bool known;
    struct pace pace;   /* of requests; only when known */
    struct climb climb; /* requests a ms; a step is a second under full load */
    int64_t bound_ms;   /* when the pace last held a request back */
    double after_cut;   /* the rate right after the last cut */

    uint64_t accepted; /* requests sent and not refused, ever */
    int64_t anchor_ms; /* a refusal since which is measured */
    uint64_t anchor_accepted;
    uint64_t cut_sent; /* since the last cut */
    uint64_t cut_refused;
    int64_t first_ms; /* of the first request; -1: none yet */
    struct {
        int64_t slot;
        unsigned accepted;
    } slots[RATE_SLOTS]; /* the last seconds */
};

void rate_init(struct rate *rate);

/* How long until a request may leave, ms; 0: now. */
int64_t rate_wait_ms(const struct rate *rate, struct mono now);

/* A request leaves. Returns whether it was the pace that held it back until now. */
bool rate_sent(struct rate *rate, struct mono now);

/* A request that left at sent_ms was refused, or never left: it was not accepted. */
void rate_refused(struct rate *rate, int64_t sent_ms);

/* The upstream accepts less than was sent: slows down. To be called for the first refusal of a
 * request that left after the last cut, after rate_refused. hope: requests a ms that it may accept
 * all the same, for all that is known when the first cut is made. */
void rate_cut(struct rate *rate, double hope, struct mono now);

/* The rate now, requests a minute; 0: none is known. */
double rate_per_minute(const struct rate *rate);

/* Begins with a rate (requests a minute) that was found earlier. */
void rate_recall(struct rate *rate, double per_minute, struct mono now);

#endif
