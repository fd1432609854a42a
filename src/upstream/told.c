/* SPDX-License-Identifier: GPL-2.0-or-later */
/* told: one limit that an upstream tells of, and our books of how much of it is left. */
#include "upstream/told.h"

#include <math.h>
#include <stddef.h>

enum {
    SECOND_MS = 1000,
    MINUTE_MS = 60 * SECOND_MS,
    HOUR_MS = 60 * MINUTE_MS,
    DAY_MS = 24 * HOUR_MS,
    ROUNDING_MS = 3 * SECOND_MS, /* resets are told in whole seconds, clocks differ */
    OVERTAKING_MS = 250,         /* that requests leaving together arrive apart */
};

static const int64_t limit_max = INT64_C(1000000000000);
static const int64_t reset_max_ms = INT64_C(31) * DAY_MS;
/* Requests that leave together arrive in any order, and the last to leave may be told of less use
 * than there is: good news is believed bit by bit, bad news at once. */
static const double belief_in_more = 0.25;
static const double hold_back = 0.1;
static const double hold_back_most = 0.3;
static const double forgets = 0.998; /* with each answer */
static const double hair = 1e-3;     /* of a unit, or of a ms */

static double per_ms(const struct told *told)
{
    double whole = told->limit > 0 ? (double)told->limit / (double)told->period_ms : 0;
    return told->fixed ? 0 : whole * (1 - told->held_back);
}

double told_left(const struct told *told, struct mono now)
{
    if (told->limit == 0) {
        return told->left;
    }
    if (told->fixed) {
        return now.ms >= told->turn_ms ? told->size : told->left;
    }
    return fmin(told->size, told->left + per_ms(told) * (double)(now.ms - told->at_ms));
}

/* Brings left up to now. */
static void settle(struct told *told, struct mono now)
{
    told->left = told_left(told, now);
    told->at_ms = now.ms;
    if (told->fixed && now.ms >= told->turn_ms) {
        told->turned_ms = told->turn_ms;
        told->turn_ms = now.ms + told->period_ms;
    }
}

double told_charge(struct told *told, double cost, struct mono now)
{
    settle(told, now);
    told->left -= cost;
    return told->left - told->corrected;
}

/* Changes the books, and what requests in flight will be measured by. */
static void shift(struct told *told, double by)
{
    told->left += by;
    told->corrected += by;
    if (told->limit > 0) {
        told->left = fmin(told->left, told->size);
    }
}

void told_correct(struct told *told, double more, struct mono now)
{
    settle(told, now);
    shift(told, -more);
}

/* How a limit grows, as one answer tells it. */
struct shape {
    bool fixed;
    int64_t period_ms;
    double size;
};

static bool near(double value, double wanted)
{
    return value > 0.9 * wanted && value < 1.1 * wanted;
}

/* Whether a limit that would be full again in that time, if it refilled steadily, is an hour's or a
 * day's. A reset within a minute may be that of a window. */
static int64_t period_of(double period_ms, int64_t reset_ms)
{
    static const int64_t periods[] = {HOUR_MS, DAY_MS};
    for (size_t i = 0; i < sizeof periods / sizeof *periods; i++) {
        if (near(period_ms, (double)periods[i]) && reset_ms > MINUTE_MS) {
            return periods[i];
        }
    }
    return -1;
}

static struct shape shape_of(const struct told *told, int64_t limit, int64_t remaining,
                             int64_t reset_ms)
{
    double all = (double)limit;
    double used = (double)(limit - remaining);
    double minute_ms = used / all * MINUTE_MS; /* until full, if it refills within a minute */
    if (reset_ms < 0 || remaining < 0) {
        return (struct shape){false, MINUTE_MS, all};
    }
    if (!told->fixed && (double)reset_ms <= 1.25 * minute_ms + ROUNDING_MS) {
        double grows = all / MINUTE_MS * (double)reset_ms;
        return (struct shape){false, MINUTE_MS, fmax(1, fmin(all, (double)remaining + grows))};
    }
    int64_t period_ms = used > 0 ? period_of((double)reset_ms * all / used, reset_ms) : -1;
    if (period_ms > 0) {
        return (struct shape){false, period_ms, all};
    }
    return (struct shape){true, reset_ms > MINUTE_MS ? reset_ms : MINUTE_MS, all};
}

/* In a window that turns nothing grows: more left than our books say, well within it, is a bucket
 * that refills after all. */
static bool grows_after_all(const struct told *told, double error, int64_t sent_ms)
{
    return told->fixed && error > fmax(3, told->size / 20) && sent_ms < told->turn_ms;
}

/* The end of the window, which no answer tells too early: it may be old by the time that its
 * request took. */
static int64_t turn_of(const struct told *told, int64_t reset_ms, int64_t sent_ms, struct mono now)
{
    int64_t turn_ms = now.ms + reset_ms;
    if (told->fixed && told->turn_ms < turn_ms && told->turn_ms >= sent_ms + reset_ms) {
        return told->turn_ms;
    }
    return turn_ms;
}

void told_hear(struct told *told, const struct ratelimit_bucket *bucket, double mark,
               int64_t sent_ms, struct mono now)
{
    int64_t remaining = bucket->remaining < bucket->limit ? bucket->remaining : bucket->limit;
    int64_t reset_ms = bucket->reset_ms <= reset_max_ms ? bucket->reset_ms : -1;
    bool first = told->limit == 0;
    if (bucket->limit <= 0 || bucket->limit > limit_max) {
        return;
    }
    settle(told, now);
    if (told->fixed && sent_ms < told->turned_ms) {
        return;
    }
    double error = remaining < 0 ? 0 : (double)remaining - (mark + told->corrected);
    if (grows_after_all(told, error, sent_ms)) {
        told->fixed = false;
    }
    struct shape shape = shape_of(told, bucket->limit, remaining, reset_ms);
    told->limit = bucket->limit;
    if (shape.fixed) {
        told->turn_ms = turn_of(told, reset_ms, sent_ms, now);
    }
    told->fixed = shape.fixed;
    told->period_ms = shape.period_ms;
    told->size = shape.size;
    if (first && remaining < 0) {
        error = shape.size - told->left;
    } else if (first) { /* what grew meanwhile is no news for others that are in flight */
        told->left += per_ms(told) * (double)(now.ms - sent_ms);
    } else if (error > 0) {
        error *= belief_in_more;
    }
    shift(told, error);
    told->held_back *= forgets;
}

void told_surprise(struct told *told, struct mono now)
{
    settle(told, now);
    told->held_back = fmin(hold_back_most, told->held_back + hold_back);
}

int64_t told_wait_ms(const struct told *told, double cost, struct mono now)
{
    if (told->limit == 0) {
        return 0;
    }
    double grows = per_ms(told);
    double kept = fmin(told->size / 5, grows * OVERTAKING_MS);
    double wanted = fmin(cost, told->size - kept) + kept;
    double missing = wanted - told_left(told, now);
    if (missing <= 0 || (told->fixed && missing < hair)) {
        return 0;
    }
    double wait_ms = told->fixed ? (double)(told->turn_ms - now.ms) : ceil(missing / grows - hair);
    return wait_ms > 0 ? (int64_t)wait_ms : 0;
}

void told_remember(const struct told *told, struct mono now, struct gate_memory_limit *memory)
{
    *memory = (struct gate_memory_limit){
        .limit = told->limit,
        .period_ms = told->period_ms,
        .left = told_left(told, now),
        .size = told->size,
        .turn_ms = told->fixed && told->turn_ms > now.ms ? told->turn_ms - now.ms : -1,
    };
}

void told_recall(struct told *told, const struct gate_memory_limit *memory, int64_t age_ms,
                 struct mono now)
{
    bool turned = memory->turn_ms >= 0 && memory->turn_ms <= age_ms;
    if (memory->limit <= 0 || memory->limit > limit_max || memory->period_ms <= 0 ||
        memory->period_ms > reset_max_ms || !isfinite(memory->left) || !isfinite(memory->size) ||
        memory->size <= 0 || turned) {
        return;
    }
    *told = (struct told){
        .limit = memory->limit,
        .period_ms = memory->period_ms,
        .fixed = memory->turn_ms >= 0,
        .turn_ms = now.ms + memory->turn_ms - age_ms,
        .size = memory->size,
        .at_ms = now.ms,
    };
    told->left = fmin(memory->size, memory->left + per_ms(told) * (double)age_ms);
}
