/* SPDX-License-Identifier: GPL-2.0-or-later */
/* allowance: the limits of an upstream that are known, configured or told. */
#include "upstream/allowance.h"

#include <math.h>
#include <stddef.h>

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS, DAY_MS = 24 * 60 * MINUTE_MS };

static const int64_t periods_ms[ALLOWANCE_COUNT] = {MINUTE_MS, MINUTE_MS, MINUTE_MS, MINUTE_MS,
                                                    DAY_MS};

static const double scale_most = 4;
static const double remembered = 32; /* requests */

double allowance_scale(const struct allowance *allowance)
{
    double scale = allowance->estimated > 0 ? allowance->used / allowance->estimated : 1;
    return fmax(1, fmin(scale, scale_most));
}

static void learn_scale(struct allowance *allowance, const struct gate_cost *estimated,
                        const struct gate_cost *used)
{
    double before =
        fmax(0, (double)estimated->input_tokens) + fmax(0, (double)estimated->output_tokens);
    double after = fmax(0, (double)used->input_tokens) + fmax(0, (double)used->output_tokens);
    double part = allowance->estimated > 0 ? 1 / remembered : 1;
    if (before > 0) {
        allowance->estimated += (before - allowance->estimated) * part;
        allowance->used += (after - allowance->used) * part;
    }
}

/* What a request takes of each. */
static void spread(const struct gate_cost *cost, double scale, double requests,
                   double amounts[ALLOWANCE_COUNT])
{
    double input = scale * fmax(0, (double)cost->input_tokens);
    double output = scale * fmax(0, (double)cost->output_tokens);
    amounts[ALLOWANCE_REQUESTS] = requests;
    amounts[ALLOWANCE_TOKENS] = input + output;
    amounts[ALLOWANCE_INPUT] = input;
    amounts[ALLOWANCE_OUTPUT] = output;
    amounts[ALLOWANCE_DAILY] = requests;
}

/* A minute's limit lets a second's worth through at once: servers that count by windows, or whose
 * buckets are small, see no burst. A day's may be used whenever it is wanted. */
static void set_pace(struct allowance *allowance, size_t kind, int64_t limit, struct mono now)
{
    struct pace *pace = &allowance->paces[kind];
    double per_ms = (double)limit / (double)periods_ms[kind];
    if (limit == allowance->limits[kind]) {
        return;
    }
    allowance->limits[kind] = limit;
    if (limit <= 0) {
        *pace = (struct pace){0};
    } else {
        pace_change(pace, per_ms,
                    kind == ALLOWANCE_DAILY ? (double)limit : fmax(1, per_ms * SECOND_MS), now);
    }
}

void allowance_configure(struct allowance *allowance, const struct gate_limits *limits,
                         struct mono now)
{
    set_pace(allowance, ALLOWANCE_REQUESTS, limits->rpm, now);
    set_pace(allowance, ALLOWANCE_TOKENS, limits->tpm, now);
    set_pace(allowance, ALLOWANCE_INPUT, limits->input_tpm, now);
    set_pace(allowance, ALLOWANCE_OUTPUT, limits->output_tpm, now);
    set_pace(allowance, ALLOWANCE_DAILY, limits->rpd, now);
}

static bool is_told(const struct allowance *allowance, size_t kind)
{
    return kind < GATE_TOLD_COUNT && allowance->limits[kind] <= 0 &&
           allowance->told[kind].limit > 0;
}

int64_t allowance_wait_ms(const struct allowance *allowance, const struct gate_cost *cost,
                          struct mono now)
{
    double amounts[ALLOWANCE_COUNT];
    int64_t longest_ms = 0;
    spread(cost, allowance_scale(allowance), 1, amounts);
    for (size_t i = 0; i < ALLOWANCE_COUNT; i++) {
        double amount = fmax(1, amounts[i]); /* even one that costs nothing waits for a debt */
        int64_t wait_ms = is_told(allowance, i) ? told_wait_ms(&allowance->told[i], amount, now)
                                                : pace_wait_ms(&allowance->paces[i], amount, now);
        longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
    }
    return longest_ms;
}

void allowance_sent(struct allowance *allowance, struct gate_ticket *ticket, struct mono now)
{
    double amounts[ALLOWANCE_COUNT];
    ticket->scale = allowance_scale(allowance);
    spread(&ticket->cost, ticket->scale, 1, amounts);
    for (size_t i = 0; i < ALLOWANCE_COUNT; i++) {
        pace_charge(&allowance->paces[i], amounts[i], now);
    }
    for (size_t i = 0; i < GATE_TOLD_COUNT; i++) {
        ticket->told[i] = told_charge(&allowance->told[i], amounts[i], now);
    }
}

static const struct ratelimit_bucket *bucket_of(const struct ratelimit *limits, size_t kind)
{
    const struct ratelimit_bucket *buckets[GATE_TOLD_COUNT] = {
        &limits->requests, &limits->tokens, &limits->input_tokens, &limits->output_tokens};
    return buckets[kind];
}

void allowance_ended(struct allowance *allowance, const struct gate_ticket *ticket,
                     const struct allowance_use *use, const struct ratelimit *limits,
                     struct mono now)
{
    double charged[ALLOWANCE_COUNT];
    double real[ALLOWANCE_COUNT];
    spread(&ticket->cost, ticket->scale, 1, charged);
    spread(&use->cost, use->known ? 1 : ticket->scale, use->requests, real);
    if (use->known) {
        learn_scale(allowance, &ticket->cost, &use->cost);
    }
    for (size_t i = 0; i < ALLOWANCE_COUNT; i++) {
        pace_charge(&allowance->paces[i], real[i] - charged[i], now);
    }
    for (size_t i = 0; i < GATE_TOLD_COUNT; i++) {
        struct told *told = &allowance->told[i];
        if (limits != NULL && bucket_of(limits, i)->limit > 0) {
            told_hear(told, bucket_of(limits, i), ticket->told[i], ticket->sent_ms, now);
        } else {
            told_correct(told, real[i] - charged[i], now);
        }
    }
}

enum allowance_word allowance_refused(struct allowance *allowance, const struct ratelimit *limits,
                                      const struct gate_cost *cost, struct mono now)
{
    double amounts[ALLOWANCE_COUNT];
    enum allowance_word word = ALLOWANCE_SILENT;
    spread(cost, 1, 1, amounts);
    for (size_t i = 0; i < GATE_TOLD_COUNT; i++) {
        const struct ratelimit_bucket *bucket = limits != NULL ? bucket_of(limits, i) : NULL;
        double wanted = fmax(1, amounts[i]);
        if (!is_told(allowance, i)) {
            continue;
        }
        bool said = bucket != NULL && bucket->limit > 0 && bucket->remaining >= 0;
        if (said && (double)bucket->remaining < wanted) {
            told_surprise(&allowance->told[i], now);
            return ALLOWANCE_USED_UP;
        }
        if (said || told_left(&allowance->told[i], now) >= wanted) {
            word = ALLOWANCE_ENOUGH;
        }
    }
    return word;
}

static double left_of(const struct allowance *allowance, size_t kind, struct mono now)
{
    return is_told(allowance, kind) ? told_left(&allowance->told[kind], now)
                                    : pace_left(&allowance->paces[kind], now);
}

double allowance_room(const struct allowance *allowance, struct mono now)
{
    static const struct gate_cost least = {-1, -1};
    double room = 1;
    if (allowance_wait_ms(allowance, &least, now) > 0) {
        return 0;
    }
    for (size_t i = 0; i < ALLOWANCE_COUNT; i++) {
        double size = is_told(allowance, i) ? allowance->told[i].size : allowance->paces[i].size;
        if (size > 0 && (is_told(allowance, i) || allowance->limits[i] > 0)) {
            room = fmin(room, left_of(allowance, i, now) / size);
        }
    }
    return fmax(0, room);
}

struct gate_limit_view allowance_view(const struct allowance *allowance, enum allowance_kind kind,
                                      struct mono now)
{
    struct gate_limit_view view = {.origin = GATE_NO_LIMIT, .period_ms = periods_ms[kind]};
    if (is_told(allowance, kind)) {
        view.origin = GATE_TOLD;
        view.limit = allowance->told[kind].limit;
        view.period_ms = allowance->told[kind].period_ms;
    } else if (allowance->limits[kind] > 0) {
        view.origin = GATE_CONFIGURED;
        view.limit = allowance->limits[kind];
    } else {
        return view;
    }
    view.left = (int64_t)floor(left_of(allowance, kind, now));
    return view;
}
