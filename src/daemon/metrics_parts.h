/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics_parts: what metrics counts, and the tables of families that tell it: for metrics.c, which
 * counts and writes, and the files of each topic.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_METRICS_PARTS_H
#define DAEMON_METRICS_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buckets.h"
#include "base/promtext.h"
#include "daemon/metrics.h"
#include "daemon/metrics_series.h"
#include "daemon/room.h"

enum {
    METRICS_NAMES = 50, /* gates, models: so many by name; budgets: so many of a scope */
    METRICS_OUTCOMES = OUTCOME_CANCELLED + 1,
    METRICS_EVENTS = 64, /* room for the kinds of events, the last is for others */
};

#define METRICS_OTHER "other"

struct metrics {
    struct core *core;
    uv_timer_t timer;
    struct wall started;
    struct mono written;
    bool ever;
    bool state_fails, file_fails; /* told */
    uint64_t events[METRICS_EVENTS];
    uint64_t retries[METRICS_OUTCOMES];
    struct metrics_series series;
    struct buckets waits;            /* ms */
    struct buckets batches;          /* publications */
    struct buckets publishing;       /* us */
    struct buckets turns;            /* ms */
    struct publish_counts published; /* as the last commit left them */
};

/* Gates as they stand; those beyond METRICS_NAMES are one row. */
struct gate_row {
    const char *name;
    unsigned count;     /* of gates in it */
    unsigned states[3]; /* by enum gate_state */
    unsigned causes[GATE_CAUSES];
    double since; /* when the first of them stopped being open, Unix seconds; NAN */
    double window;
    double in_flight;
    double per_minute; /* requests; NAN: no limit known */
};

/* What a rendering looks at, gathered once. */
struct metrics_look {
    const struct metrics *metrics;
    struct core *core;
    struct wall wall;
    struct room room;
    bool room_known;
    struct gate_row gates[METRICS_NAMES + 1];
    size_t gate_count;
    struct budget_view *budgets;
    size_t budget_count;
    json_t *debts; /* as in status.json */
};

/* A family: either one sample, or what samples writes. */
struct metrics_family {
    const char *name;
    enum promtext_kind kind;
    const char *help;
    double (*value)(const struct metrics_look *look); /* NAN: no sample */
    void (*samples)(const struct metrics_look *look, const struct metrics_family *family,
                    struct buffer *out);
    double (*of)(const void *row); /* for samples: the number of a row; NAN: none */
    size_t field;                  /* for samples: where in a row */
};

/* The tables, each ended by a row without a name. */
extern const struct metrics_family metrics_process[], metrics_jobs[], metrics_requests[],
    metrics_gates[], metrics_money[], metrics_debts[], metrics_disk[];

/* Gathers the gates for the rendering. */
void metrics_look_at_gates(struct metrics_look *look);

/* The kinds of events that have a counter of their own, in the order of metrics.events; NULL behind
 * the last. */
extern const char *const metrics_event_kinds[];

extern const struct buckets_scale metrics_request_scale, metrics_wait_scale, metrics_batch_scale,
    metrics_publish_scale, metrics_turn_scale;

#endif
