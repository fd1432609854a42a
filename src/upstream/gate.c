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
#include "upstream/gate_parts.h"

enum {
    SECOND_MS = 1000,
    BACKOFF_FIRST_MS = SECOND_MS,
    BACKOFF_LIMIT_MS = 60 * SECOND_MS,
    CONNECT_LIMIT_MS = 5 * SECOND_MS, /* a refused connection costs nobody anything */
    JITTER_LIMIT_MS = 10 * SECOND_MS, /* a day's Retry-After needs no hours of jitter */
    PROBE_GROWTH = 16,                /* probe_ms grows to so many times itself */
    REFUSALS_IN_A_ROW = 4,            /* with nothing accepted between, that close it */
    OWN_REFUSAL_OTHERS = 4,           /* answered well between two refusals of one job */
};

/* How grave a cause is: an old request's trouble replaces only a lesser one. */
static const int gravity[CAUSE_COUNT] = {
    [NOTHING] = 0, [OUTAGE] = 1, [THROTTLE] = 2, [CONNECT] = 2, [UPSTREAM] = 3, [HALT] = 4,
};

/* A request that ended. */
struct ending {
    uint64_t ticket; /* its number */
    const struct gate_ticket *carried;
    bool probe;
    const struct gate_report *report;
    struct mono now;
};

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static struct learn_end learn_end_of(const struct gate *gate, const struct ending *ending)
{
    return (struct learn_end){
        .ticket = ending->carried,
        .last = gate->last_ticket,
        .in_flight = gate->in_flight,
        .now = ending->now,
    };
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

/* From here on no request in flight is a probe. */
static void disown_requests(struct gate *gate)
{
    gate->shut_ticket = gate->last_ticket;
    gate->probes = 0;
    gate->ramping = false;
}

static void shut(struct gate *gate, enum cause cause, const struct ending *ending)
{
    gate->steps = gate->cause == cause ? gate->steps + 1 : 1;
    gate->since_ms = gate->cause == NOTHING ? ending->now.ms : gate->since_ms;
    gate->cause = cause;
    gate->acted[cause] = gate->last_ticket;
    gate->ripe = false;
    gate->closer = ending->report->job;
    disown_requests(gate);
    gate->until_ms = closed_until(gate, ending);
    gate_describe(gate, ending->report, ending->now);
}

static void unshut(struct gate *gate)
{
    gate->cause = NOTHING;
    gate->since_ms = -1;
    gate->ripe = false;
    gate->steps = 0;
    disown_requests(gate);
    if (gate->outage) {
        window_unspoil(&gate->learn.window);
        gate->outage = false;
        gate->outage_ticket = gate->last_ticket;
        recent_forget(&gate->recent);
    }
}

static void probe_at_once(struct gate *gate, struct mono now)
{
    gate->until_ms = now.ms;
    gate->ripe = true;
    gate->ramp = gate->ramp_left = 1;
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
    struct learn_end end = learn_end_of(gate, ending);
    gate->last_success_ms = ending->now.ms;
    gate->run = 0;
    recent_add(&gate->recent, false, ending->now);
    if (ending->probe) {
        unshut(gate);
    }
    learn_succeeded(&gate->learn, &end);
}

static enum gate_effect end_well(struct gate *gate, const struct ending *ending)
{
    gate->succeeded++;
    answered_well(gate, ending);
    return GATE_COUNTS;
}

static enum gate_effect end_not_sent(struct gate *gate, const struct ending *ending)
{
    struct learn_end end = learn_end_of(gate, ending);
    gate->failed++;
    learn_not_sent(&gate->learn, &end);
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
    struct learn_end end = learn_end_of(gate, ending);
    bool queued = ending->report->before_first_byte && ending->carried->window > 1;
    gate->failed++;
    if (ending->report->before_first_byte) {
        learn_timed_out(&gate->learn, &end);
    }
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
    return gate->outage || queued ? GATE_FREE : GATE_COUNTS;
}

static enum gate_effect end_unusable(struct gate *gate, const struct ending *ending)
{
    if (strcmp(ending->report->code, PROVIDER_INVALID_JSON) != 0 &&
        strcmp(ending->report->code, PROVIDER_NO_LABEL) != 0) {
        return end_transient(gate, ending);
    }
    gate->failed++;
    answered_well(gate, ending);
    return GATE_COUNTS;
}

static void shut_throttled(struct gate *gate, const struct ending *ending)
{
    if (ending->probe && gate->ramp > 1) {
        gate->steps = 0; /* those before it were accepted */
    }
    gate->learn.in_a_row = 0;
    shut_if_news(gate, THROTTLE, ending);
}

/* Whether this refusal is the job's own: it was refused before, and others got through since. Such a
 * job is too large for the limit or of a kind that is refused, and says nothing of the rate. */
static bool is_own_refusal(struct gate *gate, const struct id *job)
{
    struct refused *place = &gate->refused[gate->refused_next];
    bool own = false;
    for (size_t i = 0; i < GATE_REFUSED_KEPT; i++) {
        if (gate->refused[i].used && id_equal(&gate->refused[i].job, job)) {
            place = &gate->refused[i];
            own = gate->succeeded >= place->succeeded + OWN_REFUSAL_OTHERS;
        }
    }
    if (place == &gate->refused[gate->refused_next]) {
        gate->refused_next = (gate->refused_next + 1) % GATE_REFUSED_KEPT;
    }
    *place = (struct refused){.job = *job, .succeeded = gate->succeeded, .used = true};
    return own;
}

static enum gate_effect end_throttled(struct gate *gate, const struct ending *ending)
{
    const struct gate_report *report = ending->report;
    bool own = is_own_refusal(gate, &report->job);
    struct learn_end end = learn_end_of(gate, ending);
    enum allowance_word word =
        allowance_refused(&gate->allowance, report->limits, &ending->carried->cost, ending->now);
    int64_t asked_ms = ending->now.ms + report->wait_ms;
    gate->throttled++;
    recent_add(&gate->recent, false, ending->now);
    if (!own) {
        learn_refused(&gate->learn, &end, report->http_status, word);
    }
    bool unlearnt = word == ALLOWANCE_SILENT && !gate->learn.rate.known;
    if ((unlearnt && !own) || gate->learn.in_a_row >= REFUSALS_IN_A_ROW || ending->probe ||
        report->wait_ms > 0) {
        shut_throttled(gate, ending);
    }
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
    gate->since_ms = -1;
    gate->pace_wake_ms = -1;
    recent_forget(&gate->recent);
    learn_init(&gate->learn, settings);
    allowance_configure(&gate->allowance, &settings->limits, (struct mono){0});
    return gate;
}

void gate_free(struct gate *gate)
{
    free(gate);
}

void gate_configure(struct gate *gate, const struct gate_settings *settings, struct mono now)
{
    learn_configure(&gate->learn, &gate->settings, settings);
    allowance_configure(&gate->allowance, &settings->limits, now);
    gate->settings = *settings;
    gate->pace_wake_ms = -1;
    gate->acted[UPSTREAM] = gate->last_ticket;
    gate->acted[CONNECT] = gate->last_ticket;
    if (gate->cause == UPSTREAM || gate->cause == CONNECT) {
        gate->steps = 0;
        disown_requests(gate);
        probe_at_once(gate, now);
    }
}

/* Whether probes may leave while others are in flight. */
static bool probes_by_the_clock(const struct gate *gate)
{
    return gate->cause == OUTAGE || gate->cause == THROTTLE;
}

/* The time of the next probe may have come. After a throttle that is also a moment when those
 * before it were not refused: twice as many may go, up to all. */
static void ripen(struct gate *gate, struct mono now)
{
    if (gate->cause == NOTHING || gate->ripe || gate->until_ms < 0 || now.ms < gate->until_ms ||
        (gate->probes > 0 && !probes_by_the_clock(gate))) {
        return;
    }
    gate->ramp = gate->ramping && gate->probes > 0 ? gate->ramp * 2 : 1;
    gate->ramp_left = gate->ramp;
    gate->ripe = true;
    if (gate->ramp >= window_size(&gate->learn.window) && gate->ramp > 1) {
        unshut(gate);
    }
}

/* Whether the paces let a cost pass; notes when they will. */
static bool paces_allow(struct gate *gate, const struct gate_cost *cost, struct mono now)
{
    int64_t wait_ms = allowance_wait_ms(&gate->allowance, cost, now);
    wait_ms = larger(wait_ms, learn_wait_ms(&gate->learn, now));
    int64_t wake_ms = now.ms + wait_ms;
    if (wait_ms > 0 && (gate->pace_wake_ms <= now.ms || wake_ms < gate->pace_wake_ms)) {
        gate->pace_wake_ms = wake_ms;
    }
    return wait_ms == 0;
}

/* Whether anything but the paces lets a request leave. */
static bool is_passable(struct gate *gate, struct mono now)
{
    ripen(gate, now);
    return gate->in_flight < window_size(&gate->learn.window) &&
           (gate->cause == NOTHING || gate->ripe);
}

bool gate_open_now(struct gate *gate, struct mono now)
{
    static const struct gate_cost least = {-1, -1};
    bool allowed = paces_allow(gate, &least, now);
    return is_passable(gate, now) && allowed;
}

bool gate_ready(struct gate *gate, const struct id *job, const struct gate_cost *cost, bool alone,
                struct mono now)
{
    bool allowed = paces_allow(gate, cost, now);
    if (!is_passable(gate, now) || !allowed) {
        return false;
    }
    return gate->cause == NOTHING || alone || !id_equal(job, &gate->closer);
}

static void send_probe(struct gate *gate, struct mono now)
{
    assert(gate->ripe);
    gate->probes++;
    if (gate->cause == THROTTLE && --gate->ramp_left > 0) {
        return;
    }
    gate->ripe = false;
    gate->ramping = gate->cause == THROTTLE;
    /* Once this probe has ended the next may go, unless its end says otherwise; in an outage and
     * after a throttle it need not have ended. */
    gate->until_ms = now.ms;
    if (gate->cause == OUTAGE) {
        gate->until_ms += SECOND_MS;
    } else if (gate->cause == THROTTLE) {
        gate->until_ms += learn_refusal_ms(&gate->learn);
    }
}

struct gate_ticket gate_sent(struct gate *gate, const struct gate_cost *cost, struct mono now)
{
    struct gate_ticket ticket = {.number = ++gate->last_ticket, .sent_ms = now.ms, .cost = *cost};
    gate->in_flight++;
    gate->pace_wake_ms = -1;
    learn_sent(&gate->learn, &ticket, gate->in_flight, now);
    gate_charge(gate, &ticket, now);
    if (gate->cause != NOTHING) {
        send_probe(gate, now);
    }
    return ticket;
}

enum gate_effect gate_ended(struct gate *gate, struct gate_ticket ticket,
                            const struct gate_report *report, struct mono now)
{
    struct ending ending = {
        .ticket = ticket.number,
        .carried = &ticket,
        .probe = gate->cause != NOTHING && ticket.number > gate->shut_ticket,
        .report = report,
        .now = now,
    };
    assert(gate->in_flight > 0);
    gate->in_flight--;
    gate_settle(gate, &ticket, report, now);
    if (ending.probe) {
        assert(gate->probes > 0);
        gate->probes--;
        if (gate->probes == 0 && gate->ramping) {
            gate->until_ms = now.ms; /* the next may go, unless its end says otherwise */
        }
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
    bool waits_for_end = gate->in_flight >= window_size(&gate->learn.window) ||
                         (gate->probes > 0 && !gate->ripe && !probes_by_the_clock(gate));
    if (waits_for_end) {
        return -1;
    }
    if (gate->cause == NOTHING || gate->ripe) {
        return gate->pace_wake_ms;
    }
    return gate->until_ms < 0 ? -1 : larger(gate->until_ms, gate->pace_wake_ms);
}
