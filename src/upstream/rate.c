/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rate: how many requests a second an upstream accepts, found by trying. */
#include "upstream/rate.h"

#include <math.h>
#include <stddef.h>

enum {
    SECOND_MS = 1000,
    MINUTE_MS = 60 * SECOND_MS,
    SLOT_MS = 500,
    RECENT_SLOTS = 6,
    SPAN_MIN_MS = SECOND_MS, /* shorter measures are noise */
    SPAN_MIN_ACCEPTED = 4,
    BURST_MS = 100, /* what may leave together after a rest */
    LATE_MS = 20,   /* who leaves later was held back by something else */
    STEP_REQUESTS = 3,
};

static const double back_off = 0.9;
static const double back_off_most = 0.5;
static const double slowest = 1.0 / MINUTE_MS;
static const double slowest_part = 1.0 / 16; /* of what was thought to be right */
static const double found_steps = 4;         /* on the plateau */

void rate_init(struct rate *rate)
{
    *rate = (struct rate){.first_ms = -1};
    for (size_t i = 0; i < RATE_SLOTS; i++) {
        rate->slots[i].slot = -1;
    }
}

static void set_pace(struct rate *rate, struct mono now)
{
    double per_ms = climb_height(&rate->climb);
    pace_change(&rate->pace, per_ms, fmax(1, per_ms * BURST_MS), now);
}

int64_t rate_wait_ms(const struct rate *rate, struct mono now)
{
    return rate->known ? pace_wait_ms(&rate->pace, 1, now) : 0;
}

static void count(struct rate *rate, struct mono now)
{
    int64_t slot = now.ms / SLOT_MS;
    size_t place = (size_t)(slot % RATE_SLOTS);
    if (rate->slots[place].slot != slot) {
        rate->slots[place].slot = slot;
        rate->slots[place].accepted = 0;
    }
    rate->slots[place].accepted++;
    rate->accepted++;
    rate->cut_sent++;
}

static void anchor(struct rate *rate, struct mono now)
{
    rate->anchor_ms = now.ms;
    rate->anchor_accepted = rate->accepted;
}

/* Only time under full load makes it climb: the pace is what holds requests back. A step takes a
 * second, or longer where requests are so rare that a second would show nothing. */
static void climb(struct rate *rate, struct mono now)
{
    double step_ms = fmax(SECOND_MS, STEP_REQUESTS / rate->pace.per_ms);
    rate->climb.steps += fmin(1, (double)(now.ms - rate->bound_ms) / step_ms);
    rate->bound_ms = now.ms;
    set_pace(rate, now);
}

/* Whether a request that leaves now leaves as soon as the pace lets it. */
static bool was_held_back(const struct rate *rate, struct mono now)
{
    const struct pace *pace = &rate->pace;
    double free_ms = pace->full_ms - (pace->size - 1) / pace->per_ms;
    return (double)now.ms - free_ms <= fmax(LATE_MS, 0.5 / pace->per_ms);
}

bool rate_sent(struct rate *rate, struct mono now)
{
    if (rate->first_ms < 0) {
        rate->first_ms = now.ms;
    }
    if (!rate->known && (rate->accepted == 0 || now.ms - rate->anchor_ms > MINUTE_MS)) {
        anchor(rate, now);
    }
    count(rate, now);
    if (!rate->known) {
        return false;
    }
    bool bound = was_held_back(rate, now);
    pace_charge(&rate->pace, 1, now);
    if (bound) {
        climb(rate, now);
    }
    return bound;
}

void rate_refused(struct rate *rate, int64_t sent_ms)
{
    int64_t slot = sent_ms / SLOT_MS;
    size_t place = (size_t)(slot % RATE_SLOTS);
    if (rate->slots[place].slot == slot && rate->slots[place].accepted > 0) {
        rate->slots[place].accepted--;
    }
    rate->accepted -= rate->accepted > 0;
    rate->cut_refused++;
}

/* Accepted a ms within the last three seconds. */
static double recent_rate(const struct rate *rate, struct mono now)
{
    int64_t slot = now.ms / SLOT_MS;
    double sum = 0;
    for (size_t i = 0; i < RATE_SLOTS; i++) {
        sum += rate->slots[i].slot >= slot - RECENT_SLOTS ? rate->slots[i].accepted : 0;
    }
    int64_t begin_ms = (slot - RECENT_SLOTS) * SLOT_MS;
    int64_t span_ms = now.ms - (begin_ms > rate->first_ms ? begin_ms : rate->first_ms);
    return sum / fmax(SLOT_MS, (double)span_ms);
}

static void start_at(struct rate *rate, double low, double top, struct mono now)
{
    rate->climb = (struct climb){.low = fmax(low, slowest), .top = fmax(top, slowest)};
    set_pace(rate, now);
    pace_set(&rate->pace, 0, now);
    rate->bound_ms = now.ms;
    rate->after_cut = rate->climb.low;
    rate->cut_sent = 0;
    rate->cut_refused = 0;
}

/* By how much to slow down when nothing better is known: to what was accepted of the few that left
 * since the last cut. */
static double fraction(const struct rate *rate)
{
    double sent = (double)rate->cut_sent;
    double refused = fmin(sent, (double)rate->cut_refused);
    return sent > 0 ? fmin(back_off, fmax(back_off_most, (sent - refused) / sent)) : back_off_most;
}

/* A cut without a measure. Where nothing at all was accepted since the last one, the upstream is
 * closed for a while rather than slower: what was thought to be right is kept in mind. */
static void slow_down(struct rate *rate, struct mono now)
{
    double rate_now = climb_height(&rate->climb);
    bool closed = rate->cut_sent > 0 && rate->cut_refused >= rate->cut_sent;
    double top = closed ? fmax(rate->climb.top, rate_now) : rate_now;
    start_at(rate, fmax(rate_now * fraction(rate), top * slowest_part), top, now);
}

/* A cut after a span that is long enough to have measured what is accepted. */
static void cut_by_measure(struct rate *rate, double measured, struct mono now)
{
    double rate_now = climb_height(&rate->climb);
    double recent = recent_rate(rate, now);
    if (recent > 1.5 * measured) { /* it accepts more than for most of the span */
        measured = recent;
    } else if (measured < 0.8 * rate->after_cut) { /* or less; or there was little to do */
        slow_down(rate, now);
        return;
    }
    measured = fmin(measured, rate_now);
    start_at(rate, back_off * measured, measured, now);
}

/* The first cut. Part of what was accepted may have been what the upstream had saved up: then the
 * last minute is a better measure than the last seconds. Of a few requests nothing is learnt. */
static void cut_first(struct rate *rate, double hope, struct mono now)
{
    double span_ms = fmax(SLOT_MS, (double)(now.ms - rate->anchor_ms));
    uint64_t count = rate->accepted - rate->anchor_accepted;
    double low = (double)count / span_ms;
    if (count < SPAN_MIN_ACCEPTED) {
        return;
    }
    rate->known = true;
    start_at(rate, back_off * low, fmax(fmax(low, recent_rate(rate, now)), hope), now);
    anchor(rate, now);
}

void rate_cut(struct rate *rate, double hope, struct mono now)
{
    int64_t span_ms = now.ms - rate->anchor_ms;
    uint64_t accepted = rate->accepted - rate->anchor_accepted;
    if (!rate->known) {
        cut_first(rate, hope, now);
    } else if (span_ms >= SPAN_MIN_MS && accepted >= SPAN_MIN_ACCEPTED) {
        cut_by_measure(rate, (double)accepted / (double)span_ms, now);
        anchor(rate, now);
    } else {
        slow_down(rate, now);
    }
}

double rate_per_minute(const struct rate *rate)
{
    return rate->known ? climb_height(&rate->climb) * MINUTE_MS : 0;
}

void rate_recall(struct rate *rate, double per_minute, struct mono now)
{
    rate->known = true;
    start_at(rate, per_minute / MINUTE_MS, per_minute / MINUTE_MS, now);
    rate->climb.steps = found_steps;
    anchor(rate, now);
}
