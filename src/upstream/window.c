/* SPDX-License-Identifier: GPL-2.0-or-later */
/* window: how many requests may be in flight at an upstream, found by trying. */
#include "upstream/window.h"

#include <math.h>

enum {
    SECOND_MS = 1000,
    STAGE_MIN = 8,    /* answers that tell how long they take */
    STAGE_LARGE = 16, /* larger windows are judged by half their answers, within a round trip */
    SPREAD_FROM = 4,  /* requests that may leave together all the same */
    SPREAD_MS = 10,
    CHECK_MIN = 16, /* likewise, where nothing presses */
    RESTS_MAX = 64, /* steps */
};

static const double check_growth = 1.5;     /* so much larger, a window must have been of use */
static const double queue_exponent = 0.6;   /* between no longer at all and as much longer */
static const double first_byte_share = 0.5; /* of the time-out that answers may take to come */

void window_init(struct window *window, unsigned start, unsigned most, int64_t first_byte_ms)
{
    *window = (struct window){
        .size = start < most ? start : most,
        .most = most,
        .first_byte_ms = (double)first_byte_ms,
        .doubling = true,
        .rests = 4,
    };
}

void window_bound(struct window *window, unsigned most)
{
    window->most = most;
    window->size = fmin(window->size, most);
}

unsigned window_size(const struct window *window)
{
    return window->size < 1 ? 1 : (unsigned)(window->size + 1e-9);
}

int64_t window_wait_ms(const struct window *window, struct mono now)
{
    return window->doubling ? pace_wait_ms(&window->spread, 1, now) : 0;
}

bool window_sent(struct window *window, unsigned in_flight, struct mono now)
{
    pace_charge(&window->spread, 1, now);
    bool full = in_flight >= window_size(window);
    window->filled = window->filled || full;
    return full;
}

static void begin_stage(struct window *window, uint64_t last)
{
    window->stage_ticket = last;
    window->stage_ended = 0;
    window->stage_ms = 0;
    window->filled = false;
}

static void set_size(struct window *window, double size, uint64_t last)
{
    window->size = fmax(1, fmin(size, window->most));
    begin_stage(window, last);
}

/* From here on it climbs: from size by way of top. */
static void settle(struct window *window, double size, double top, uint64_t last, struct mono now)
{
    window->doubling = false;
    window->checking = false;
    window->climb = (struct climb){.low = fmax(1, size), .top = fmax(1, top)};
    window->grown_ms = now.ms;
    set_size(window, size, last);
}

/* Whether answers took so much longer than at best that the larger window made them wait, rather
 * than bringing more of them. */
static bool is_queue(const struct window *window, double mean_ms)
{
    double larger = window->size / window->best_size;
    return window->best_ms > 0 && larger > 1.2 &&
           mean_ms > window->best_ms * pow(larger, queue_exponent);
}

static void found_queue(struct window *window, double mean_ms, uint64_t last, struct mono now)
{
    double served = window->size * window->best_ms / mean_ms; /* at once, by Little's law */
    double size = fmin(ceil(served - 0.25) + 1, window->size);
    if (!window->doubling) {
        size = window->climb.top; /* it was right before */
        window->rests = fmin(window->rests * 2, RESTS_MAX);
    }
    settle(window, size, size, last, now);
    window->climb.steps = -window->rests;
}

/* The new places of a window are taken within half a round trip. */
static void spread(struct window *window, double mean_ms, struct mono now)
{
    double per_ms = 2 * window->size / mean_ms;
    window->spread = (struct pace){0};
    pace_change(&window->spread, per_ms, fmax(SPREAD_FROM, per_ms * SPREAD_MS), now);
}

static void double_it(struct window *window, double mean_ms, uint64_t last, struct mono now)
{
    bool too_long = 2 * mean_ms > first_byte_share * window->first_byte_ms;
    window->checking = false;
    if (too_long || window->size >= window->most) {
        settle(window, window->size, window->size, last, now);
    } else {
        window->doubling = true;
        set_size(window, window->size * 2, last);
        spread(window, mean_ms, now);
    }
}

static void end_stage(struct window *window, uint64_t last, struct mono now)
{
    double mean_ms = fmax(1, window->stage_ms / window->stage_ended);
    if (!window->filled) {
        begin_stage(window, last);
        return;
    }
    if (is_queue(window, mean_ms)) {
        found_queue(window, mean_ms, last, now);
        return;
    }
    if (window->best_ms <= 0 || mean_ms < window->best_ms || window->checking) {
        window->best_ms = mean_ms;
        window->best_size = window->size;
    }
    double_it(window, mean_ms, last, now);
}

static void climb(struct window *window, bool full, uint64_t last, struct mono now)
{
    double step_ms = fmax(SECOND_MS, window->usual_ms);
    double passed = fmin((double)(now.ms - window->grown_ms) / step_ms, 1);
    window->grown_ms = now.ms;
    if (!full) {
        return;
    }
    window->climb.steps += passed;
    window->size = fmax(1, fmin(climb_height(&window->climb), window->most));
    if (window->size >= fmax(check_growth * window->climb.top, window->climb.top + 1)) {
        window->checking = true;
        begin_stage(window, last);
    }
}

/* What was long ago usual is forgotten: answers may have become longer for reasons of their own. */
static void remember_usual(struct window *window, double took_ms)
{
    window->usual_ms += (took_ms - window->usual_ms) / (window->usual_ms > 0 ? 16 : 1);
    if (!window->doubling && !window->checking && window->best_ms > 0 &&
        window->size < 1.2 * window->climb.top) {
        window->best_ms += (took_ms - window->best_ms) / 64;
        window->best_size += (window->size - window->best_size) / 64;
    }
}

void window_succeeded(struct window *window, uint64_t ticket, uint64_t last, int64_t sent_ms,
                      bool full, struct mono now)
{
    double took_ms = (double)(now.ms - sent_ms);
    window->spoiled = false;
    remember_usual(window, took_ms);
    if (!window->doubling && !window->checking) {
        climb(window, full, last, now);
        return;
    }
    if (ticket <= window->stage_ticket) {
        return;
    }
    window->stage_ended++;
    window->stage_ms += took_ms;
    double wanted = window->size < STAGE_LARGE ? window->size : window->size / 2;
    wanted = fmax(wanted, window->checking ? CHECK_MIN : STAGE_MIN);
    if (window->stage_ended >= wanted) {
        end_stage(window, last, now);
    }
}

void window_refused(struct window *window, uint64_t ticket, uint64_t last, unsigned in_flight,
                    struct mono now)
{
    if (ticket > window->cut_ticket) {
        if (in_flight < window->size / 2) {
            settle(window, window->size, window->size, last, now); /* it was not in use */
            return;
        }
        window->cut_ticket = last;
        window->storm_ticket = last;
        window->storm_floor = fmax(1, window->size / 2);
    } else if (ticket > window->storm_ticket) {
        return;
    }
    double size = fmin(window->size, fmax(in_flight, window->storm_floor));
    settle(window, size, size, last, now);
}

static void halve(struct window *window, double top, uint64_t last, struct mono now)
{
    window->cut_ticket = last;
    window->storm_ticket = 0;
    settle(window, window->size / 2, top, last, now);
}

void window_overloaded(struct window *window, uint64_t ticket, uint64_t last, struct mono now)
{
    if (ticket > window->cut_ticket) {
        halve(window, window->size, last, now);
    }
}

void window_timed_out(struct window *window, uint64_t ticket, uint64_t last, struct mono now)
{
    if (ticket <= window->cut_ticket) {
        return;
    }
    if (!window->spoiled) {
        window->spoiled = true;
        window->unspoilt = window->size;
    }
    halve(window, fmax(1, window->size / 2), last, now);
}

void window_unspoil(struct window *window)
{
    if (window->spoiled) {
        window->spoiled = false;
        window->size = fmin(window->unspoilt, window->most);
        window->climb.low = window->climb.top = window->size;
    }
}

void window_recall(struct window *window, double size, bool settled)
{
    window->size = fmax(1, fmin(size, window->most));
    window->doubling = !settled;
    window->climb = (struct climb){.low = window->size, .top = window->size};
}
