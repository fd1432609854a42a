/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics_gates: metrics of the gates; see metrics_parts.h. */
#include <math.h>

#include "daemon/metrics_parts.h"

enum { MINUTE_MS = 60 * 1000 };

/* Of several, those that are known. */
static double add_known(double sum, double more)
{
    return isnan(sum) ? more : isnan(more) ? sum : sum + more;
}

static double per_minute(const struct gate_limit_view *limit)
{
    if (limit->origin == GATE_NO_LIMIT || limit->period_ms <= 0)
        return NAN;
    return (double)limit->limit * MINUTE_MS / (double)limit->period_ms;
}

static void add_gate(struct metrics_look *look, const struct upstream *upstream)
{
    struct mono now = clock_mono(look->core->clock);
    struct gate_view view = gate_view(upstream->gate, now);
    size_t i = look->gate_count < METRICS_NAMES ? look->gate_count : METRICS_NAMES;
    struct gate_row *row = &look->gates[i];

    if (row->count++ == 0) {
        row->name = i < METRICS_NAMES ? upstream->name : METRICS_OTHER;
        row->since = row->per_minute = NAN;
        look->gate_count++;
    }
    row->states[view.state]++;
    if (view.cause >= 0)
        row->causes[view.cause]++;
    if (view.since_mono_ms >= 0)
        row->since = fmin(row->since, (double)(look->wall.ms + view.since_mono_ms - now.ms) / 1000);
    row->window += view.window;
    row->in_flight += view.in_flight;
    row->per_minute = add_known(row->per_minute, per_minute(&view.requests));
}

void metrics_look_at_gates(struct metrics_look *look)
{
    for (const struct upstream *upstream = upstreams_first(look->core->upstreams); upstream != NULL;
         upstream = upstream->next)
        if (upstream->route != NULL)
            add_gate(look, upstream);
}

static void state_samples(const struct metrics_look *look, const struct metrics_family *family,
                          struct buffer *out)
{
    for (size_t i = 0; i < look->gate_count; i++)
        for (size_t state = GATE_OPEN; state <= GATE_PROBING; state++) {
            const struct promtext_label labels[] = {
                {"gate", look->gates[i].name},
                {"state", gate_state_word((enum gate_state)state)},
                {NULL, NULL}};

            promtext_sample(out, family->name, labels, look->gates[i].states[state]);
        }
}

static void cause_samples(const struct metrics_look *look, const struct metrics_family *family,
                          struct buffer *out)
{
    for (size_t i = 0; i < look->gate_count; i++)
        for (int cause = 0; cause < GATE_CAUSES; cause++) {
            const struct promtext_label labels[] = {
                {"gate", look->gates[i].name}, {"reason", gate_cause_word(cause)}, {NULL, NULL}};

            promtext_sample(out, family->name, labels, look->gates[i].causes[cause]);
        }
}

static void row_samples(const struct metrics_look *look, const struct metrics_family *family,
                        struct buffer *out)
{
    for (size_t i = 0; i < look->gate_count; i++) {
        const struct promtext_label labels[] = {{"gate", look->gates[i].name}, {NULL, NULL}};
        double value = family->of(&look->gates[i]);

        if (!isnan(value))
            promtext_sample(out, family->name, labels, value);
    }
}

static double since(const void *row)
{
    return ((const struct gate_row *)row)->since;
}

static double window(const void *row)
{
    return ((const struct gate_row *)row)->window;
}

static double in_flight(const void *row)
{
    return ((const struct gate_row *)row)->in_flight;
}

static double limit(const void *row)
{
    return ((const struct gate_row *)row)->per_minute;
}

const struct metrics_family metrics_gates[] = {
    {.name = "llmspool_gate_state",
     .kind = PROMTEXT_GAUGE,
     .help = "How many gates of this name are in this state: 1 of open, closed and probing, where "
             "the name is not other.",
     .samples = state_samples},
    {.name = "llmspool_gate_closed",
     .kind = PROMTEXT_GAUGE,
     .help = "How many gates of this name are not open for this reason: outage, throttled, "
             "unreachable, refused (key, quota, URL or model), halted (a person must release it).",
     .samples = cause_samples},
    {.name = "llmspool_gate_closed_timestamp_seconds",
     .kind = PROMTEXT_GAUGE,
     .help = "Since when a gate is not open, in seconds since 1970; absent while it is.",
     .samples = row_samples,
     .of = since},
    {.name = "llmspool_gate_window",
     .kind = PROMTEXT_GAUGE,
     .help = "Requests that may be in flight through a gate now.",
     .samples = row_samples,
     .of = window},
    {.name = "llmspool_gate_in_flight",
     .kind = PROMTEXT_GAUGE,
     .help = "Requests that are in flight through a gate.",
     .samples = row_samples,
     .of = in_flight},
    {.name = "llmspool_gate_requests_per_minute_limit",
     .kind = PROMTEXT_GAUGE,
     .help = "Requests a minute that a gate lets through, configured, told or learnt; absent while "
             "no limit is known.",
     .samples = row_samples,
     .of = limit},
    {0},
};
