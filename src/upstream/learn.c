/* SPDX-License-Identifier: GPL-2.0-or-later */
/* learn: what is found by trying of an upstream, a window and a rate beside it. */
#include "upstream/learn.h"

#include <math.h>

enum {
    SECOND_MS = 1000,
    WINDOW_START = 4,
    CEILING_USUAL = 4096,
    FIRST_BYTE_MS = 10 * 60 * SECOND_MS,
    REFUSAL_LEAST_MS = 250,
    WINDOW_BORNE_STEPS = 2,
    SLOW_MS = 5 * SECOND_MS,
    SAME_IN_A_ROW = 2,
    SAME_LEAST = 8,
    STATUS_OVERLOADED = 529, /* Anthropic: the whole service, not this key */
};

static unsigned most_of(const struct gate_settings *settings)
{
    unsigned ceiling = settings->ceiling > 0 ? settings->ceiling : CEILING_USUAL;
    unsigned most = settings->max_in_flight > 0 ? settings->max_in_flight : ceiling;
    return most < ceiling ? most : ceiling;
}

static void start_window(struct learn *learn, const struct gate_settings *settings)
{
    window_init(
        &learn->window, settings->max_in_flight > 0 ? settings->max_in_flight : WINDOW_START,
        most_of(settings), settings->first_byte_ms > 0 ? settings->first_byte_ms : FIRST_BYTE_MS);
}

void learn_init(struct learn *learn, const struct gate_settings *settings)
{
    *learn = (struct learn){0};
    rate_init(&learn->rate);
    start_window(learn, settings);
}

void learn_configure(struct learn *learn, const struct gate_settings *old,
                     const struct gate_settings *settings)
{
    if (old->max_in_flight != settings->max_in_flight) {
        start_window(learn, settings);
    }
    window_bound(&learn->window, most_of(settings));
}

int64_t learn_wait_ms(const struct learn *learn, struct mono now)
{
    int64_t rate_ms = rate_wait_ms(&learn->rate, now);
    int64_t window_ms = window_wait_ms(&learn->window, now);
    return rate_ms > window_ms ? rate_ms : window_ms;
}

void learn_sent(struct learn *learn, struct gate_ticket *ticket, unsigned in_flight,
                struct mono now)
{
    ticket->window = window_size(&learn->window);
    ticket->window_full = window_sent(&learn->window, in_flight, now);
    ticket->pace_bound = rate_sent(&learn->rate, now);
}

void learn_succeeded(struct learn *learn, const struct learn_end *end)
{
    bool full = end->ticket->window_full || end->in_flight + 1 >= window_size(&learn->window);
    learn->in_a_row = 0;
    learn->answered = true;
    window_succeeded(&learn->window, end->ticket->number, end->last, end->ticket->sent_ms, full,
                     end->now);
}

/* Whether the window held requests back, rather than the rate: more than it is known to bear were
 * in flight, or the rate would have let more go. At the first refusal nobody can tell; but a window
 * that was cut a moment ago and has borne nothing since was not what was wrong. */
static bool is_windows(const struct learn *learn, const struct learn_end *end)
{
    const struct gate_ticket *ticket = end->ticket;
    const struct window *window = &learn->window;
    bool beyond = end->in_flight >= window->climb.top || !ticket->pace_bound;
    bool borne = window->doubling || window->climb.steps >= WINDOW_BORNE_STEPS;
    bool used = end->in_flight >= window->size / 2;
    return used && (!learn->rate.known || (ticket->window_full && beyond && borne) ||
                    learn->same >= SAME_IN_A_ROW);
}

/* An upstream that refuses each time that so many are in flight counts them. Of few it says little:
 * a rate makes few come about as well. */
static void note_place(struct learn *learn, unsigned in_flight)
{
    unsigned off = in_flight > learn->refused_at ? in_flight - learn->refused_at
                                                 : learn->refused_at - in_flight;
    bool tells = in_flight >= SAME_LEAST || learn->window.usual_ms >= SLOW_MS;
    unsigned off_most = in_flight / SAME_LEAST;
    learn->same = tells && off <= off_most ? learn->same + 1 : 0;
    learn->refused_at = in_flight;
}

static void cut(struct learn *learn, const struct learn_end *end, enum allowance_word word)
{
    const struct gate_ticket *ticket = end->ticket;
    bool first = !learn->rate.known;
    note_place(learn, end->in_flight);
    bool window = word == ALLOWANCE_ENOUGH || is_windows(learn, end);
    bool rate = word != ALLOWANCE_ENOUGH && (first ? learn->answered : !window);
    double hope = learn->window.size / fmax(1, learn->window.usual_ms);
    bool accepted = !first && learn->rate.cut_sent > learn->rate.cut_refused + 1;
    learn->in_a_row = accepted ? 1 : learn->in_a_row + 1;
    learn->cut_ticket = end->last;
    learn->cut_window = window && !(first && rate && learn->window.usual_ms > SLOW_MS);
    if (learn->cut_window) {
        window_refused(&learn->window, ticket->number, end->last, end->in_flight, end->now);
    }
    if (rate) {
        rate_cut(&learn->rate, hope, end->now);
    }
}

/* A refusal that took as long as an answer came from within: the upstream is overloaded. */
static bool is_overload(const struct learn *learn, int64_t took_ms, int http_status)
{
    bool slow = took_ms > SECOND_MS && (double)took_ms > learn->window.usual_ms / 2;
    return http_status == STATUS_OVERLOADED || slow;
}

void learn_refused(struct learn *learn, const struct learn_end *end, int http_status,
                   enum allowance_word word)
{
    int64_t took_ms = end->now.ms - end->ticket->sent_ms;
    bool fresh = end->ticket->number > learn->cut_ticket;
    rate_refused(&learn->rate, end->ticket->sent_ms);
    if (word == ALLOWANCE_USED_UP) {
        return;
    }
    if (is_overload(learn, took_ms, http_status)) {
        window_overloaded(&learn->window, end->ticket->number, end->last, end->now);
        if (fresh && learn->rate.known && end->ticket->pace_bound) {
            rate_cut(&learn->rate, 0, end->now);
        }
        learn->in_a_row += fresh;
        learn->cut_ticket = fresh ? end->last : learn->cut_ticket;
        return;
    }
    learn->refusal_ms += ((double)took_ms - learn->refusal_ms) / (learn->refusal_ms > 0 ? 8 : 1);
    if (fresh) {
        cut(learn, end, word);
    } else if (learn->cut_window) {
        window_refused(&learn->window, end->ticket->number, end->last, end->in_flight, end->now);
    }
}

void learn_not_sent(struct learn *learn, const struct learn_end *end)
{
    rate_refused(&learn->rate, end->ticket->sent_ms);
}

void learn_timed_out(struct learn *learn, const struct learn_end *end)
{
    window_timed_out(&learn->window, end->ticket->number, end->last, end->now);
}

int64_t learn_refusal_ms(const struct learn *learn)
{
    if (learn->refusal_ms <= 0) {
        return SECOND_MS;
    }
    return (int64_t)fmin(SECOND_MS, fmax(REFUSAL_LEAST_MS, 2 * learn->refusal_ms + 100));
}
