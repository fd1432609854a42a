/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate_parts: what a gate is made of, for gate.c, which decides, gate_use.c, which charges, and
 * gate_view.c and gate_reason.c, which tell.
 *
 * Floor: upstream.
 */
#ifndef UPSTREAM_GATE_PARTS_H
#define UPSTREAM_GATE_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "spool/layout.h"
#include "upstream/allowance.h"
#include "upstream/gate.h"
#include "upstream/learn.h"
#include "upstream/meter.h"
#include "upstream/recent.h"

enum {
    GATE_CONNECT_LOUD_STEPS = 3
}; /* a server that restarts needs nobody; one that stays away
      does */

/* What has closed it. */
enum cause { NOTHING, OUTAGE, THROTTLE, CONNECT, UPSTREAM, HALT, CAUSE_COUNT };

enum { GATE_REFUSED_KEPT = 8 };

/* A job that was throttled. */
struct refused {
    struct id job;
    uint64_t succeeded; /* of the gate, at that time */
    bool used;
};

struct gate {
    struct gate_settings settings;
    struct random *random; /* borrowed */

    enum cause cause;            /* that closed it; NOTHING: open */
    int64_t until_ms;            /* of the next probe; -1: a person's word is needed */
    int64_t since_ms;            /* when it closed; -1: open */
    bool ripe;                   /* a probe may go: until_ms was seen to have come */
    unsigned ramp;               /* after a throttle: probes that may go together */
    unsigned ramp_left;          /* of them, not gone yet */
    bool ramping;                /* until_ms is when more may go if these are not refused */
    unsigned probes;             /* in flight */
    unsigned steps;              /* closings in a row by this cause */
    uint64_t last_ticket;        /* handed out */
    uint64_t shut_ticket;        /* the last one handed out before the gate closed */
    uint64_t acted[CAUSE_COUNT]; /* likewise, for each cause: older requests are no news of it */
    struct id closer;            /* the job whose request closed it */
    char reason[600];            /* a verdict's message and code fit in */

    bool outage;            /* transient failures cost no attempt, until a success */
    uint64_t outage_ticket; /* the last one handed out before the last outage was over */
    struct recent recent;

    struct refused refused[GATE_REFUSED_KEPT]; /* the jobs that were refused last */
    unsigned refused_next;                     /* place of the next one */

    char run_code[64]; /* of the last failure of class job */
    unsigned run;      /* such failures in a row */

    struct learn learn;
    struct allowance allowance;
    struct meter meter;
    int64_t pace_wake_ms; /* when a pace lets pass what it last held back; -1: nothing */

    unsigned in_flight;
    uint64_t succeeded;
    uint64_t failed;
    uint64_t throttled;
    int64_t last_success_ms; /* -1: never */
};

/* Writes why a gate was just closed, by the request that closed it. */
void gate_describe(struct gate *gate, const struct gate_report *report, struct mono now);

/* Charges a request that leaves, and fills what of its ticket is for that; corrects the charge by
 * what it really took, and hears the limits that its answer told. */
void gate_charge(struct gate *gate, struct gate_ticket *ticket, struct mono now);
void gate_settle(struct gate *gate, const struct gate_ticket *ticket,
                 const struct gate_report *report, struct mono now);

#endif
