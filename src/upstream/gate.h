/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate: whether one more request may go to an upstream (provider, URL, key, model) now, and if not,
 * why and until when.
 *
 * Floor: upstream. Knows neither files nor connections; time is handed in. Three things hold a
 * request back: the gate is closed (throttled, outage, refused key …), the window of requests in
 * flight is full, or a pace (requests or tokens a minute) forbids it. Window and pace come from the
 * configuration, from the headers of answers, or are found by trying.
 */
#ifndef UPSTREAM_GATE_H
#define UPSTREAM_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/random.h"
#include "job/attempt.h"
#include "provider/ratelimit.h"
#include "spool/layout.h"

struct gate;

enum gate_state {
    GATE_OPEN,
    GATE_CLOSED,  /* until a moment, or until a person releases it */
    GATE_PROBING, /* one request may go, to see whether it can open */
};

/* "open", "closed", "probing". */
const char *gate_state_word(enum gate_state state);

/* Configured; 0: not said. What is said here wins over what headers tell. */
struct gate_limits {
    int64_t rpm, tpm, input_tpm, output_tpm; /* a minute */
    int64_t rpd;                             /* requests a day */
};

struct gate_settings {
    unsigned max_in_flight; /* the window begins there and never passes it; 0: found by trying,
                               from 4 */
    unsigned ceiling;       /* of all requests of the daemon: no window passes it; 0: 4096 */
    unsigned halt_after;    /* failures of class job in a row, with one code; 0: never */
    int64_t probe_ms; /* between probes of a gate closed by class upstream, the first; doubles up to
                         16 times that (default 30 s) */
    int64_t first_byte_ms; /* the time-out for the first byte of an answer; 0: 10 min */
    struct gate_limits limits;
};

/* What a request takes; before it is sent an estimate, after it what the usage says. -1: not known
 * (counts as nothing before, and as estimated after). */
struct gate_cost {
    int64_t input_tokens, output_tokens;
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
    const struct ratelimit *limits; /* that the answer's headers told; NULL: none */
    struct gate_cost cost;          /* real; both -1 where the answer does not say */
    bool before_first_byte;         /* it timed out, and no byte of an answer had come */
};

enum { GATE_TOLD_COUNT = 4 }; /* kinds of limits that headers tell */

/* Which request it was, handed out by gate_sent and given back to gate_ended: an answer to a
 * request that left before the gate last closed says nothing about how the upstream is now, so it
 * neither opens the gate nor closes it again for the same trouble. Plain data; only number and
 * sent_ms are for others to look at. */
struct gate_ticket {
    uint64_t number; /* of the request through this gate, from 1 */
    int64_t sent_ms; /* monotonic */
    struct gate_cost cost;
    double scale;                 /* by which its tokens were charged */
    unsigned window;              /* at that moment */
    bool window_full;             /* it took the last place */
    bool pace_bound;              /* it left as soon as the learnt rate let it */
    double told[GATE_TOLD_COUNT]; /* what the upstream had left by our own books */
};

/* What the gate says to the job whose request ended. */
enum gate_effect {
    GATE_COUNTS,   /* treat the outcome as it is */
    GATE_FREE,     /* an outage, or a queue that was too long: the failure counts no attempt, the
                      job waits for the gate */
    GATE_PUT_BACK, /* the gate halted on this very code: the job goes back to waiting */
};

struct gate *gate_new(const struct gate_settings *settings, struct random *random);
void gate_free(struct gate *gate);

/* New settings after a reload; a gate closed for class upstream (key, URL, model) or because it
 * could not connect is opened for a probe at once. What requests sent before still say of the key,
 * the URL or the model no longer counts. What was learnt is kept, within the new bounds. */
void gate_configure(struct gate *gate, const struct gate_settings *settings, struct mono now);

/* Whether a request of job that takes cost may be sent now. While probing only one probe may be in
 * flight (in an outage one may leave each second; after a throttle more follow, 1, 2, 4 …, when
 * those before were not refused within the time that refusals take: a probe that hangs does not
 * keep the gate shut), and not the job that closed the gate unless alone (no other job waits for
 * this gate). Requests sent before the gate closed still fill the window. A cost above what a pace
 * ever lets through at once passes when the pace has rested. Moves a closed gate whose time has
 * come to probing. O(1). Ask for the job that is next in line: asking for cheaper ones in its place
 * would let them take what it waits for. */
bool gate_ready(struct gate *gate, const struct id *job, const struct gate_cost *cost, bool alone,
                struct mono now);

/* As gate_ready without a job, for the least cost there is: is it worth looking for one? O(1). */
bool gate_open_now(struct gate *gate, struct mono now);

/* A request is leaving, for which gate_ready just said yes. Its cost is charged. */
struct gate_ticket gate_sent(struct gate *gate, const struct gate_cost *cost, struct mono now);

/* A request ended. Corrects what was charged by what it really took, learns window and rate, and
 * closes or opens the gate by the rules of design section 3:
 * - throttled with a wait told: closed until then (a floor) with jitter upward; then probing with
 *   one request and a ramp; a success opens it. Without: the rate or the window is made smaller;
 *   only where too little was accepted to tell a rate, or when refusals come in a row with nothing
 *   accepted between, is it closed, for a backoff from 1 s doubling to 60 s;
 * - not_sent: closed with a backoff from 1 s to 5 s, with jitter upward;
 * - upstream: closed with the reason, probed each probe_ms (doubling), not before wait_ms;
 * - transient in an outage (of at least 8 requests that ended in the last 10 s most failed
 *   transiently, the last 8 in a row, so that random faults are none): probing at most once a
 *   second, GATE_FREE, until one succeeds;
 * - a time-out before the first byte halves the window and is GATE_FREE, unless the window was 1;
 * - job, halt_after times in a row with one code and no success between: closed until gate_release.
 * A probe that fails for its job's own reason lets the next one go at once; one that fails
 * transiently, in a second. */
enum gate_effect gate_ended(struct gate *gate, struct gate_ticket ticket,
                            const struct gate_report *report, struct mono now);

/* A person opens it (an order `release GATE` or `flush`): it probes at once. */
void gate_release(struct gate *gate, struct mono now);

/* When gate_open_now, or gate_ready for the cost last asked for, that said no, turns yes by time
 * alone, monotonic ms; -1: not by time. Ask right after them. */
int64_t gate_wake_ms(const struct gate *gate);

/* How much room there is, to spread load over several upstreams: 0 closed, full or paced, up to 1
 * idle. */
double gate_room(const struct gate *gate, struct mono now);

/* Where a limit in force comes from. */
enum gate_origin { GATE_NO_LIMIT, GATE_CONFIGURED, GATE_TOLD, GATE_LEARNT };

/* "none", "configured", "told", "learnt". */
const char *gate_origin_word(enum gate_origin origin);

struct gate_limit_view {
    enum gate_origin origin;
    int64_t limit;     /* per period_ms */
    int64_t period_ms; /* a minute, but for limits of another period */
    int64_t left;      /* that may be used at once; below 0: overdrawn */
};

/* What can close a gate, in a word: "outage", "throttled", "unreachable", "refused" (key, quota, URL,
 * model), "halted". */
enum { GATE_CAUSES = 5 };
const char *gate_cause_word(int cause);

/* How it stands, for status. reason is borrowed until the gate is next changed. */
struct gate_view {
    enum gate_state state;
    int cause;             /* below GATE_CAUSES; -1: open */
    const char *reason;    /* "429", "key refused (401)", "halted: …"; NULL when open */
    int64_t until_mono_ms; /* closed: until; -1: until released */
    int64_t since_mono_ms; /* when it stopped being open (a probe that failed is no opening); -1:
                              open */
    bool loud;             /* a person must do something: key, quota, URL, model, halt */
    unsigned in_flight;
    unsigned max_in_flight; /* the most that the window may become */
    unsigned window;        /* now */
    struct gate_limit_view requests, tokens, input_tokens, output_tokens, daily;
    int64_t learnt_rpm;    /* the learnt rate now, requests a minute; 0: none */
    int64_t used_requests; /* in the last minute: sent */
    int64_t used_tokens;   /* estimated, corrected by the real usage once it is known */
    uint64_t succeeded;
    uint64_t failed;
    uint64_t throttled;
    int64_t last_success_mono_ms; /* -1: never */
};
struct gate_view gate_view(const struct gate *gate, struct mono now);

/* What a gate knows that should survive a restart; plain numbers, for the caller to store. */
struct gate_memory_limit {
    int64_t limit; /* 0: none told */
    int64_t period_ms;
    double left;
    double size;     /* of the bucket */
    int64_t turn_ms; /* until its window turns; -1: it refills steadily */
};
struct gate_memory {
    int64_t age_ms;    /* gate_remember: 0; the caller says at gate_recall how old this is */
    double window;     /* 0: nothing remembered */
    bool settled;      /* the window was found; else it was still growing by factors */
    double rate;       /* learnt, requests a minute; 0: none */
    double daily_left; /* of the configured requests a day; -1: not configured */
    int64_t wait_ms;   /* that a server told us to wait and are not over; 0: none */
    struct gate_memory_limit told[GATE_TOLD_COUNT];
};

/* Takes down what is known. */
void gate_remember(const struct gate *gate, struct mono now, struct gate_memory *memory);

/* Starts a new gate with what was known; silly values are ignored. Before the first request. */
void gate_recall(struct gate *gate, const struct gate_memory *memory, struct mono now);

#endif
