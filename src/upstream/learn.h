/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * learn: what is found by trying of an upstream, a window and a rate beside it, and which of them
 * is to blame when it refuses a request.
 *
 * Floor: upstream. Plain data, made by learn_init; time is handed in.
 */
#ifndef UPSTREAM_LEARN_H
#define UPSTREAM_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "upstream/allowance.h"
#include "upstream/gate.h"
#include "upstream/rate.h"
#include "upstream/window.h"

struct learn {
    struct window window;
    struct rate rate;
    uint64_t cut_ticket; /* refusals of requests up to this one are no news */
    bool cut_window;     /* the last cut was one of the window */
    unsigned in_a_row;   /* cuts with nothing accepted between */
    bool answered;       /* it ever answered well: without that no rate is learnt */
    unsigned refused_at; /* requests accepted when one was refused, the last time */
    unsigned same;       /* times in a row that it was about the same number */
    double refusal_ms;   /* that a refusal usually takes; 0: none yet */
};

void learn_init(struct learn *learn, const struct gate_settings *settings);

/* The window begins anew where another was configured. */
void learn_configure(struct learn *learn, const struct gate_settings *old,
                     const struct gate_settings *settings);

/* How long until what was learnt lets a request leave into a window that is not full, ms; 0: now.
 */
int64_t learn_wait_ms(const struct learn *learn, struct mono now);

/* A request leaves; in_flight counts it. Fills the ticket's window, window_full and pace_bound. */
void learn_sent(struct learn *learn, struct gate_ticket *ticket, unsigned in_flight,
                struct mono now);

/* How a request ended, for those below. */
struct learn_end {
    const struct gate_ticket *ticket;
    uint64_t last;      /* number of the last request that left */
    unsigned in_flight; /* without this one */
    struct mono now;
};

void learn_succeeded(struct learn *learn, const struct learn_end *end);

/* A refusal (429, 503, 529). word: what its headers say of the cause. */
void learn_refused(struct learn *learn, const struct learn_end *end, int http_status,
                   enum allowance_word word);

/* A request never left. */
void learn_not_sent(struct learn *learn, const struct learn_end *end);

/* A time-out before the first byte. */
void learn_timed_out(struct learn *learn, const struct learn_end *end);

/* Requests that are not refused after this time are accepted, ms. */
int64_t learn_refusal_ms(const struct learn *learn);

#endif
