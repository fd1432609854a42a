/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * allowance: the limits of an upstream that are known, requests and tokens a minute and requests a
 * day: configured, or told by the headers of its answers where they are not.
 *
 * Floor: upstream. Plain data, all zero at first; time is handed in.
 */
#ifndef UPSTREAM_ALLOWANCE_H
#define UPSTREAM_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "provider/ratelimit.h"
#include "upstream/gate.h"
#include "upstream/pace.h"
#include "upstream/told.h"

enum allowance_kind {
    ALLOWANCE_REQUESTS,
    ALLOWANCE_TOKENS,
    ALLOWANCE_INPUT,
    ALLOWANCE_OUTPUT,
    ALLOWANCE_DAILY, /* requests; configured only */
    ALLOWANCE_COUNT,
};

struct allowance {
    int64_t limits[ALLOWANCE_COUNT]; /* configured; 0: not */
    struct pace paces[ALLOWANCE_COUNT];
    struct told told[GATE_TOLD_COUNT];
    /* Running means of tokens estimated and used: estimates that are too low are charged by as much
     * more. Those that are too high stay: some upstreams count what might have been used. */
    double estimated, used;
};

/* By what the tokens of an estimate are multiplied, from 1 to 4. */
double allowance_scale(const struct allowance *allowance);

/* Sets what is configured; paces whose limit stays keep what is left. */
void allowance_configure(struct allowance *allowance, const struct gate_limits *limits,
                         struct mono now);

/* How long until a request of that cost may leave, ms; 0: now. */
int64_t allowance_wait_ms(const struct allowance *allowance, const struct gate_cost *cost,
                          struct mono now);

/* A request of ticket's cost leaves; fills what of the ticket is for allowance_ended. */
void allowance_sent(struct allowance *allowance, struct gate_ticket *ticket, struct mono now);

/* What a request that ended really took. */
struct allowance_use {
    double requests; /* 1, or 0 where it never left */
    struct gate_cost cost;
    bool known; /* the answer said so */
};

/* A request ended: corrects what was charged by what it really took, and hears what the answer told
 * (limits, or NULL). */
void allowance_ended(struct allowance *allowance, const struct gate_ticket *ticket,
                     const struct allowance_use *use, const struct ratelimit *limits,
                     struct mono now);

/* A refusal: what its headers say of its cause; our books, where they say nothing. To be asked
 * after allowance_ended. */
enum allowance_word {
    ALLOWANCE_SILENT,  /* nothing */
    ALLOWANCE_USED_UP, /* a limit that we know is used up */
    ALLOWANCE_ENOUGH,  /* none of its limits on requests and tokens is */
};
enum allowance_word allowance_refused(struct allowance *allowance, const struct ratelimit *limits,
                                      const struct gate_cost *cost, struct mono now);

/* How much of the scarcest is left, from 0 (a request must wait) to 1. */
double allowance_room(const struct allowance *allowance, struct mono now);

struct gate_limit_view allowance_view(const struct allowance *allowance, enum allowance_kind kind,
                                      struct mono now);

#endif
