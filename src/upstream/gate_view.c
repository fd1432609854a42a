/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate_view: how a gate stands, for status, for spreading load, and for the next start. */
#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "upstream/gate.h"
#include "upstream/gate_parts.h"

enum { MINUTE_MS = 60 * 1000 };

const char *gate_state_word(enum gate_state state)
{
    static const char *const words[] = {
        [GATE_OPEN] = "open", [GATE_CLOSED] = "closed", [GATE_PROBING] = "probing"};
    assert((size_t)state < sizeof words / sizeof *words);
    return words[state];
}

const char *gate_cause_word(int cause)
{
    static const char *const words[] = {
        [OUTAGE - 1] = "outage",
        [THROTTLE - 1] = "throttled",
        [CONNECT - 1] = "unreachable",
        [UPSTREAM - 1] = "refused",
        [HALT - 1] = "halted",
    };
    _Static_assert(sizeof words / sizeof *words == GATE_CAUSES, "each cause has a word");
    assert(cause >= 0 && cause < GATE_CAUSES);
    return words[cause];
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

static enum gate_state state_of(const struct gate *gate)
{
    if (gate->cause == NOTHING) {
        return GATE_OPEN;
    }
    return gate->cause == OUTAGE || gate->ripe || gate->probes > 0 ? GATE_PROBING : GATE_CLOSED;
}

static bool is_loud(const struct gate *gate)
{
    return gate->cause == UPSTREAM || gate->cause == HALT ||
           (gate->cause == CONNECT && gate->steps >= GATE_CONNECT_LOUD_STEPS);
}

/* The learnt rate is the limit of requests where it is the lower one, or the only one. */
static struct gate_limit_view requests_of(const struct gate *gate, struct mono now)
{
    struct gate_limit_view view = allowance_view(&gate->allowance, ALLOWANCE_REQUESTS, now);
    const struct rate *rate = &gate->learn.rate;
    double learnt = rate_per_minute(rate);
    bool lower = view.origin == GATE_NO_LIMIT ||
                 learnt / MINUTE_MS < (double)view.limit / (double)view.period_ms;
    if (rate->known && lower) {
        view = (struct gate_limit_view){GATE_LEARNT, (int64_t)lround(learnt), MINUTE_MS,
                                        (int64_t)floor(pace_left(&rate->pace, now))};
    }
    return view;
}

struct gate_view gate_view(const struct gate *gate, struct mono now)
{
    struct meter_use use = meter_sum(&gate->meter, now);
    const struct allowance *allowance = &gate->allowance;
    return (struct gate_view){
        .state = state_of(gate),
        .cause = (int)gate->cause - 1,
        .reason = gate->cause == NOTHING ? NULL : gate->reason,
        .until_mono_ms = gate->until_ms,
        .since_mono_ms = gate->since_ms,
        .loud = is_loud(gate),
        .in_flight = gate->in_flight,
        .max_in_flight = (unsigned)gate->learn.window.most,
        .window = window_size(&gate->learn.window),
        .requests = requests_of(gate, now),
        .tokens = allowance_view(allowance, ALLOWANCE_TOKENS, now),
        .input_tokens = allowance_view(allowance, ALLOWANCE_INPUT, now),
        .output_tokens = allowance_view(allowance, ALLOWANCE_OUTPUT, now),
        .daily = allowance_view(allowance, ALLOWANCE_DAILY, now),
        .learnt_rpm = (int64_t)lround(rate_per_minute(&gate->learn.rate)),
        .used_requests = use.requests,
        .used_tokens = use.tokens,
        .succeeded = gate->succeeded,
        .failed = gate->failed,
        .throttled = gate->throttled,
        .last_success_mono_ms = gate->last_success_ms,
    };
}

double gate_room(const struct gate *gate, struct mono now)
{
    unsigned window = window_size(&gate->learn.window);
    if (gate->cause != NOTHING || gate->in_flight >= window ||
        learn_wait_ms(&gate->learn, now) > 0) {
        return 0;
    }
    return fmin(1 - (double)gate->in_flight / window, allowance_room(&gate->allowance, now));
}

void gate_remember(const struct gate *gate, struct mono now, struct gate_memory *memory)
{
    const struct allowance *allowance = &gate->allowance;
    bool waits = gate->cause == THROTTLE && gate->until_ms > now.ms;
    *memory = (struct gate_memory){
        .window = gate->learn.window.size,
        .settled = !gate->learn.window.doubling,
        .rate = rate_per_minute(&gate->learn.rate),
        .daily_left = allowance->limits[ALLOWANCE_DAILY] > 0
                          ? pace_left(&allowance->paces[ALLOWANCE_DAILY], now)
                          : -1,
        .wait_ms = waits ? gate->until_ms - now.ms : 0,
    };
    for (size_t i = 0; i < GATE_TOLD_COUNT; i++) {
        told_remember(&allowance->told[i], now, &memory->told[i]);
    }
}

static bool is_sane(double value, double most)
{
    return isfinite(value) && value > 0 && value <= most;
}

void gate_recall(struct gate *gate, const struct gate_memory *memory, struct mono now)
{
    int64_t age_ms = memory->age_ms > 0 ? memory->age_ms : 0;
    struct pace *daily = &gate->allowance.paces[ALLOWANCE_DAILY];
    if (is_sane(memory->window, 1e6)) {
        window_recall(&gate->learn.window, memory->window, memory->settled);
    }
    if (is_sane(memory->rate, 1e9)) {
        rate_recall(&gate->learn.rate, memory->rate, now);
    }
    if (isfinite(memory->daily_left) && memory->daily_left != -1) {
        double left = memory->daily_left + daily->per_ms * (double)age_ms;
        pace_set(daily, fmin(daily->size, left), now);
    }
    for (size_t i = 0; i < GATE_TOLD_COUNT; i++) {
        told_recall(&gate->allowance.told[i], &memory->told[i], age_ms, now);
    }
    if (memory->wait_ms > age_ms) {
        gate->cause = THROTTLE;
        gate->since_ms = now.ms;
        gate->until_ms = now.ms + memory->wait_ms - age_ms;
        snprintf(gate->reason, sizeof gate->reason, "told to wait before the restart");
    }
}
