/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate: whether one more request may go to an upstream now.
 *
 * What has closed the gate is one of enum cause. While it is closed every request that leaves is a
 * probe, so a ticket above shut_ticket is a probe's, and only a probe's success opens the gate. A
 * request that left earlier may still close it, but only for a cause that was not acted on since it
 * left, and only for a graver one than what holds the gate now: 64 requests that run into one rate
 * limit close it once.
 */
#include "upstream/gate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "provider/provider.h"
#include "upstream/recent.h"

enum {
    SECOND_MS = 1000,
    BACKOFF_FIRST_MS = SECOND_MS,
    BACKOFF_LIMIT_MS = 60 * SECOND_MS,
    CONNECT_LIMIT_MS = 5 * SECOND_MS, /* a refused connection costs nobody anything */
    JITTER_LIMIT_MS = 10 * SECOND_MS, /* a day's Retry-After needs no hours of jitter */
    PROBE_GROWTH = 16,                /* probe_ms grows to so many times itself */
    CONNECT_LOUD_STEPS = 3, /* a server that restarts needs nobody; one that stays away does */
};

enum cause { NOTHING, OUTAGE, THROTTLE, CONNECT, UPSTREAM, HALT, CAUSE_COUNT };

/* How grave a cause is: an old request's trouble replaces only a lesser one. */
static const int gravity[CAUSE_COUNT] = {
    [NOTHING] = 0, [OUTAGE] = 1, [THROTTLE] = 2, [CONNECT] = 2, [UPSTREAM] = 3, [HALT] = 4,
};

struct gate {
    struct gate_settings settings;
    struct random *random; /* borrowed */

    enum cause cause;            /* that closed it; NOTHING: open */
    int64_t until_ms;            /* of the next probe; -1: a person's word is needed */
    bool ripe;                   /* a probe may go: until_ms was seen to have come */
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

    char run_code[64]; /* of the last failure of class job */
    unsigned run;      /* such failures in a row */

    unsigned in_flight;
    uint64_t succeeded;
    uint64_t failed;
    uint64_t throttled;
    int64_t last_success_ms; /* -1: never */
};

/* A request that ended. */
struct ending {
    uint64_t ticket;
    bool probe;
    const struct gate_report *report;
    struct mono now;
};

const char *gate_state_word(enum gate_state state)
{
    static const char *const words[] = {
        [GATE_OPEN] = "open", [GATE_CLOSED] = "closed", [GATE_PROBING] = "probing"};
    assert((size_t)state < sizeof words / sizeof *words);
    return words[state];
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static unsigned window_of(const struct gate *gate)
{
    return gate->settings.max_in_flight > 0 ? gate->settings.max_in_flight : 4;
}

/* Closing and opening */

static int64_t backoff(unsigned steps, int64_t first_ms, int64_t limit_ms)
{
    int64_t delay_ms = first_ms;
    for (unsigned i = 1; i < steps && delay_ms < limit_ms; i++) {
        delay_ms *= 2;
    }
    return smaller(delay_ms, limit_ms);
}

/* Upward only: a server's word is a floor. */
static int64_t with_jitter(const struct gate *gate, int64_t delay_ms)
{
    int64_t bound_ms = smaller(delay_ms / 4, JITTER_LIMIT_MS);
    return delay_ms + (int64_t)random_below(gate->random, (uint64_t)bound_ms + 1);
}

static int64_t closed_until(const struct gate *gate, const struct ending *ending)
{
    int64_t now_ms = ending->now.ms;
    int64_t wait_ms = ending->report->wait_ms;
    int64_t limit_ms = gate->cause == CONNECT ? CONNECT_LIMIT_MS : BACKOFF_LIMIT_MS;
    int64_t backoff_ms = backoff(gate->steps, BACKOFF_FIRST_MS, limit_ms);
    int64_t probe_ms = gate->settings.probe_ms;
    switch (gate->cause) {
    case THROTTLE:
        return now_ms + with_jitter(gate, wait_ms > 0 ? wait_ms : backoff_ms);
    case CONNECT:
        return now_ms + with_jitter(gate, backoff_ms);
    case UPSTREAM:
        return now_ms + larger(wait_ms, backoff(gate->steps, probe_ms, probe_ms * PROBE_GROWTH));
    case OUTAGE:
        return now_ms + SECOND_MS;
    default:
        return -1;
    }
}

/* A status between 401 and 405 says it all; elsewhere the code tells one 429 from another. */
static void describe_upstream(struct gate *gate, const struct gate_report *report)
{
    const char *trouble = report->trouble != NULL ? report->trouble : "refused";
    int status = report->http_status;
    if (status >= 401 && status <= 405) {
        snprintf(gate->reason, sizeof gate->reason, "%s (%d)", trouble, status);
    } else {
        snprintf(gate->reason, sizeof gate->reason, "%s (%d %s)", trouble, status, report->code);
    }
}

static void describe(struct gate *gate, const struct ending *ending)
{
    const struct gate_report *report = ending->report;
    char *reason = gate->reason;
    size_t size = sizeof gate->reason;
    struct bucket sum;
    switch (gate->cause) {
    case THROTTLE:
        if (report->http_status >= 400) {
            snprintf(reason, size, "%d", report->http_status);
        } else {
            snprintf(reason, size, "%s", report->code);
        }
        break;
    case CONNECT:
        snprintf(reason, size, "cannot connect: %s", report->message);
        break;
    case UPSTREAM:
        describe_upstream(gate, report);
        break;
    case OUTAGE:
        sum = recent_sum(&gate->recent, ending->now);
        snprintf(reason, size, "outage: %u of %u requests in %d s failed, the last with %s",
                 sum.failed, sum.ended, RECENT_SECONDS, report->code);
        break;
    default:
        snprintf(reason, size, "halted: %u jobs in a row failed with %s", gate->run, report->code);
        break;
    }
}

/* From here on no request in flight is a probe. */
static void disown_requests(struct gate *gate)
{
    gate->shut_ticket = gate->last_ticket;
    gate->probes = 0;
}

static void shut(struct gate *gate, enum cause cause, const struct ending *ending)
{
    gate->steps = gate->cause == cause ? gate->steps + 1 : 1;
    gate->cause = cause;
    gate->acted[cause] = gate->last_ticket;
    gate->ripe = false;
    gate->closer = ending->report->job;
    disown_requests(gate);
    gate->until_ms = closed_until(gate, ending);
    describe(gate, ending);
}

static void unshut(struct gate *gate)
{
    gate->cause = NOTHING;
    gate->ripe = false;
    gate->steps = 0;
    disown_requests(gate);
    if (gate->outage) {
        gate->outage = false;
        gate->outage_ticket = gate->last_ticket;
        recent_forget(&gate->recent);
    }
}

static void probe_at_once(struct gate *gate, struct mono now)
{
    gate->until_ms = now.ms;
    gate->ripe = true;
}

/* Closes the gate for a cause, if this request's trouble is news. */
static void shut_if_news(struct gate *gate, enum cause cause, const struct ending *ending)
{
    bool graver = gravity[cause] > gravity[gate->cause];
    if (ending->ticket > gate->acted[cause] && (ending->probe || graver)) {
        shut(gate, cause, ending);
    }
}

/* What each outcome does */

/* The upstream did what it is for. */
static void answered_well(struct gate *gate, const struct ending *ending)
{
    gate->last_success_ms = ending->now.ms;
    gate->run = 0;
    recent_add(&gate->recent, false, ending->now);
    if (ending->probe) {
        unshut(gate);
    }
}

static enum gate_effect end_well(struct gate *gate, const struct ending *ending)
{
    gate->succeeded++;
    answered_well(gate, ending);
    return GATE_COUNTS;
}

static enum gate_effect end_not_sent(struct gate *gate, const struct ending *ending)
{
    gate->failed++;
    shut_if_news(gate, CONNECT, ending);
    return GATE_COUNTS;
}

static bool is_halted(const struct gate *gate)
{
    return gate->cause == HALT && gate->until_ms < 0;
}

static enum gate_effect end_job(struct gate *gate, const struct ending *ending)
{
    bool same = strncmp(gate->run_code, ending->report->code, sizeof gate->run_code - 1) == 0;
    gate->failed++;
    recent_add(&gate->recent, false, ending->now);
    if (is_halted(gate)) {
        return same ? GATE_PUT_BACK : GATE_COUNTS;
    }
    if (ending->ticket <= gate->acted[HALT]) {
        return GATE_COUNTS;
    }
    gate->run = same ? gate->run + 1 : 1;
    snprintf(gate->run_code, sizeof gate->run_code, "%s", ending->report->code);
    if (gate->settings.halt_after > 0 && gate->run >= gate->settings.halt_after) {
        shut_if_news(gate, HALT, ending);
    }
    return GATE_COUNTS;
}

/* A probe failed transiently: the next one goes in a second, with another job where there is one.
 */
static void fail_probe(struct gate *gate, const struct ending *ending)
{
    gate->closer = ending->report->job;
    if (gate->cause == OUTAGE) {
        return; /* its probes leave by the clock */
    }
    if (gate->outage) {
        shut(gate, OUTAGE, ending);
    } else {
        gate->until_ms = ending->now.ms + SECOND_MS;
        gate->ripe = false;
    }
}

static enum gate_effect end_transient(struct gate *gate, const struct ending *ending)
{
    gate->failed++;
    if (ending->ticket <= gate->outage_ticket) {
        return GATE_FREE; /* it left before the last outage was over */
    }
    recent_add(&gate->recent, true, ending->now);
    gate->outage = gate->outage || recent_is_outage(&gate->recent, ending->now);
    if (ending->probe) {
        fail_probe(gate, ending);
    } else if (gate->outage && gate->cause == NOTHING) {
        shut(gate, OUTAGE, ending);
    }
    return gate->outage ? GATE_FREE : GATE_COUNTS;
}

static enum gate_effect end_unusable(struct gate *gate, const struct ending *ending)
{
    if (strcmp(ending->report->code, PROVIDER_INVALID_JSON) != 0) {
        return end_transient(gate, ending);
    }
    gate->failed++;
    answered_well(gate, ending);
    return GATE_COUNTS;
}

static enum gate_effect end_throttled(struct gate *gate, const struct ending *ending)
{
    int64_t asked_ms = ending->now.ms + ending->report->wait_ms;
    gate->throttled++;
    recent_add(&gate->recent, false, ending->now);
    shut_if_news(gate, THROTTLE, ending);
    /* An older request's answer is no new trouble, but a longer wait that it asks for still holds;
     * it comes too late for a probe that is due. */
    if (gate->cause == THROTTLE) {
        gate->until_ms = larger(gate->until_ms, asked_ms);
    }
    return GATE_COUNTS;
}

static enum gate_effect end_upstream(struct gate *gate, const struct ending *ending)
{
    gate->failed++;
    recent_add(&gate->recent, false, ending->now);
    shut_if_news(gate, UPSTREAM, ending);
    return GATE_COUNTS;
}

static enum gate_effect end_without_news(struct gate *gate, const struct ending *ending)
{
    (void)gate;
    (void)ending;
    return GATE_COUNTS;
}

static enum gate_effect (*const ends[])(struct gate *gate, const struct ending *ending) = {
    [OUTCOME_OK] = end_well,
    [OUTCOME_NOT_SENT] = end_not_sent,
    [OUTCOME_JOB] = end_job,
    [OUTCOME_TRANSIENT] = end_transient,
    [OUTCOME_THROTTLED] = end_throttled,
    [OUTCOME_UPSTREAM] = end_upstream,
    [OUTCOME_UNKNOWN] = end_transient,
    [OUTCOME_UNUSABLE] = end_unusable,
    [OUTCOME_IN_DOUBT] = end_without_news,
    [OUTCOME_CANCELLED] = end_without_news,
};

/* What others call */

struct gate *gate_new(const struct gate_settings *settings, struct random *random)
{
    struct gate *gate = xcalloc(1, sizeof *gate);
    gate->settings = *settings;
    gate->random = random;
    gate->last_success_ms = -1;
    recent_forget(&gate->recent);
    return gate;
}

void gate_free(struct gate *gate)
{
    free(gate);
}

void gate_configure(struct gate *gate, const struct gate_settings *settings, struct mono now)
{
    gate->settings = *settings;
    gate->acted[UPSTREAM] = gate->last_ticket;
    gate->acted[CONNECT] = gate->last_ticket;
    if (gate->cause == UPSTREAM || gate->cause == CONNECT) {
        gate->steps = 0;
        disown_requests(gate);
        probe_at_once(gate, now);
    }
}

bool gate_open_now(struct gate *gate, struct mono now)
{
    if (gate->cause != NOTHING && gate->until_ms >= 0 && now.ms >= gate->until_ms &&
        (gate->probes == 0 || gate->cause == OUTAGE)) {
        gate->ripe = true;
    }
    return gate->in_flight < window_of(gate) && (gate->cause == NOTHING || gate->ripe);
}

bool gate_ready(struct gate *gate, const struct id *job, const struct gate_cost *cost, bool alone,
                struct mono now)
{
    (void)cost;
    if (!gate_open_now(gate, now)) {
        return false;
    }
    return gate->cause == NOTHING || alone || !id_equal(job, &gate->closer);
}

struct gate_ticket gate_sent(struct gate *gate, const struct gate_cost *cost, struct mono now)
{
    gate->last_ticket++;
    gate->in_flight++;
    if (gate->cause != NOTHING) {
        assert(gate->ripe);
        gate->ripe = false;
        gate->probes++;
        /* Once this probe has ended the next may go, unless its end says otherwise; in an outage
         * it need not have ended. */
        gate->until_ms = now.ms + (gate->cause == OUTAGE ? SECOND_MS : 0);
    }
    return (struct gate_ticket){
        .number = gate->last_ticket, .sent_ms = now.ms, .cost = *cost, .window = window_of(gate)};
}

enum gate_effect gate_ended(struct gate *gate, struct gate_ticket ticket,
                            const struct gate_report *report, struct mono now)
{
    struct ending ending = {
        .ticket = ticket.number,
        .probe = gate->cause != NOTHING && ticket.number > gate->shut_ticket,
        .report = report,
        .now = now,
    };
    assert(gate->in_flight > 0);
    gate->in_flight--;
    if (ending.probe) {
        assert(gate->probes > 0);
        gate->probes--;
    }
    return ends[report->outcome](gate, &ending);
}

void gate_release(struct gate *gate, struct mono now)
{
    if (gate->cause == NOTHING) {
        return;
    }
    gate->steps = 0;
    gate->run = 0;
    for (size_t i = 0; i < CAUSE_COUNT; i++) {
        gate->acted[i] = gate->last_ticket;
    }
    disown_requests(gate);
    probe_at_once(gate, now);
}

int64_t gate_wake_ms(const struct gate *gate)
{
    bool waits_for_end = gate->in_flight >= window_of(gate) ||
                         (gate->probes > 0 && gate->cause != OUTAGE);
    return gate->cause == NOTHING || gate->ripe || waits_for_end ? -1 : gate->until_ms;
}

static enum gate_state gate_state(const struct gate *gate)
{
    if (gate->cause == NOTHING) {
        return GATE_OPEN;
    }
    return gate->cause == OUTAGE || gate->ripe || gate->probes > 0 ? GATE_PROBING : GATE_CLOSED;
}

static bool gate_loud(const struct gate *gate)
{
    return gate->cause == UPSTREAM || gate->cause == HALT ||
           (gate->cause == CONNECT && gate->steps >= CONNECT_LOUD_STEPS);
}

double gate_room(const struct gate *gate, struct mono now)
{
    (void)now;
    return gate->cause == NOTHING && gate->in_flight < window_of(gate)
               ? 1 - (double)gate->in_flight / window_of(gate)
               : 0;
}

const char *gate_origin_word(enum gate_origin origin)
{
    static const char *const words[] = {
        [GATE_NO_LIMIT] = "none",
        [GATE_CONFIGURED] = "configured",
        [GATE_TOLD] = "told",
        [GATE_LEARNT] = "learnt",
    };
    assert((size_t)origin < sizeof words / sizeof *words);
    return words[origin];
}

void gate_remember(const struct gate *gate, struct mono now, struct gate_memory *memory)
{
    (void)now;
    *memory = (struct gate_memory){.window = window_of(gate), .daily_left = -1};
}

void gate_recall(struct gate *gate, const struct gate_memory *memory, struct mono now)
{
    (void)gate;
    (void)memory;
    (void)now;
}

struct gate_view gate_view(const struct gate *gate, struct mono now)
{
    (void)now;
    return (struct gate_view){
        .state = gate_state(gate),
        .reason = gate->cause == NOTHING ? NULL : gate->reason,
        .until_mono_ms = gate->until_ms,
        .loud = gate_loud(gate),
        .in_flight = gate->in_flight,
        .max_in_flight = window_of(gate),
        .window = window_of(gate),
        .since_mono_ms = -1,
        .succeeded = gate->succeeded,
        .failed = gate->failed,
        .throttled = gate->throttled,
        .last_success_mono_ms = gate->last_success_ms,
    };
}
