/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate: whether one more request may go to an upstream (provider, URL, key, model) now, and if not,
 * why and until when.
 *
 * Floor: upstream. Knows neither files nor connections; time is handed in. Rates and adaptive
 * windows are not here yet: the window is the configured max_in_flight.
 */
#ifndef UPSTREAM_GATE_H
#define UPSTREAM_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/random.h"
#include "job/attempt.h"
#include "spool/layout.h"

struct gate;

enum gate_state {
    GATE_OPEN,
    GATE_CLOSED,  /* until a moment, or until a person releases it */
    GATE_PROBING, /* one request may go, to see whether it can open */
};

/* "open", "closed", "probing". */
const char *gate_state_word(enum gate_state state);

struct gate_settings {
    unsigned max_in_flight; /* the window */
    unsigned halt_after;    /* failures of class job in a row, with one code; 0: never */
    int64_t probe_ms; /* between probes of a gate closed by class upstream, the first; doubles up to
                         16 times that (default 30 s) */
};

/* What a request that ended tells the gate. */
struct gate_report {
    enum outcome outcome;
    const char *code;    /* machine word */
    const char *message; /* sentence, for the reason */
    const char *trouble; /* OUTCOME_UPSTREAM: the verdict's, for the reason; NULL: refused */
    int http_status;
    int64_t wait_ms; /* that the server asked for; -1: none */
    struct id job;
};

/* Which request it was, handed out by gate_sent and given back to gate_ended: an answer to a
 * request that left before the gate last closed says nothing about how the upstream is now, so it
 * neither opens the gate nor closes it again for the same trouble. Plain data. */
struct gate_ticket {
    uint64_t number; /* of the request through this gate, from 1 */
};

/* What the gate says to the job whose request ended. */
enum gate_effect {
    GATE_COUNTS,   /* treat the outcome as it is */
    GATE_FREE,     /* an outage: the failure counts no attempt, the job waits for the gate */
    GATE_PUT_BACK, /* the gate halted on this very code: the job goes back to waiting */
};

struct gate *gate_new(const struct gate_settings *settings, struct random *random);
void gate_free(struct gate *gate);

/* New settings after a reload; a gate closed for class upstream (key, URL, model) or because it
 * could not connect is opened for a probe at once. What requests sent before still say of the key,
 * the URL or the model no longer counts. */
void gate_configure(struct gate *gate, const struct gate_settings *settings, struct mono now);

/* Whether a request of job may be sent now. While probing only one probe may be in flight (in an
 * outage one may leave each second, so that a probe that hangs does not keep the gate shut), and
 * not the job that closed the gate unless alone (no other job waits for this gate). Requests sent
 * before the gate closed still fill the window. Moves a closed gate whose time has come to probing.
 */
bool gate_ready(struct gate *gate, const struct id *job, bool alone, struct mono now);

/* As gate_ready without a job: is it worth looking for one? */
bool gate_open_now(struct gate *gate, struct mono now);

/* A request is leaving, for which gate_ready just said yes. */
struct gate_ticket gate_sent(struct gate *gate, struct mono now);

/* A request ended. Closes or opens the gate by the rules of design section 3:
 * - throttled: closed until wait_ms (a floor), or for a backoff from 1 s doubling to 60 s, with
 * jitter upward; then probing with one request; a success opens it;
 * - not_sent: closed with a backoff from 1 s to 5 s, with jitter upward;
 * - upstream: closed with the reason, probed each probe_ms (doubling), not before wait_ms;
 * - transient in an outage (of at least 8 requests that ended in the last 10 s most failed
 *   transiently, the last 8 in a row, so that random faults are none): probing at most once a
 *   second, GATE_FREE, until one succeeds;
 * - job, halt_after times in a row with one code and no success between: closed until gate_release.
 * A probe that fails for its job's own reason lets the next one go at once; one that fails
 * transiently, in a second. */
enum gate_effect gate_ended(struct gate *gate, struct gate_ticket ticket,
                            const struct gate_report *report, struct mono now);

/* A person opens it (an order `release GATE` or `flush`): it probes at once. */
void gate_release(struct gate *gate, struct mono now);

/* When gate_open_now, false now, turns true by time alone, monotonic ms; -1: not by time. */
int64_t gate_wake_ms(const struct gate *gate);

/* How it stands, for status. reason is borrowed until the gate is next changed. */
struct gate_view {
    enum gate_state state;
    const char *reason;    /* "429", "key refused (401)", "halted: …"; NULL when open */
    int64_t until_mono_ms; /* closed: until; -1: until released */
    bool loud;             /* a person must do something: key, quota, URL, model, halt */
    unsigned in_flight;
    unsigned max_in_flight;
    uint64_t succeeded;
    uint64_t failed;
    uint64_t throttled;
    int64_t last_success_mono_ms; /* -1: never */
};
struct gate_view gate_view(const struct gate *gate);

#endif
