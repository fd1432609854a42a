/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lane: see lane.h.
 */
#include "daemon/lane.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timetext.h"
#include "base/xalloc.h"

/* A job rises by one step of priority for each 10 minutes it waited. Because all rise alike, that is
 * the same as a fixed key: the time of submission plus the priority times this. */
enum { AGING_MS = 10 * 60 * 1000 };

struct lanes {
    const struct config *config;
    struct random *random;
    struct lane *first;
};

static bool ready_less(const void *a, const void *b)
{
    const struct task *left = a;
    const struct task *right = b;
    int64_t left_key = left->submitted + (int64_t)left->priority * AGING_MS;
    int64_t right_key = right->submitted + (int64_t)right->priority * AGING_MS;

    if (left_key != right_key)
        return left_key < right_key;
    return left->sequence < right->sequence;
}

static void ready_place(void *element, size_t position)
{
    struct task *task = element;

    task->ready_place = position;
}

struct lanes *lanes_open(const struct config *config, struct random *random)
{
    struct lanes *lanes = xcalloc(1, sizeof *lanes);

    lanes->config = config;
    lanes->random = random;
    return lanes;
}

static void lane_free(struct lane *lane)
{
    heap_free(&lane->ready);
    gate_free(lane->gate);
    free(lane->gate_name);
    free(lane->model);
    free(lane->wanted);
    free(lane);
}

void lanes_close(struct lanes *lanes)
{
    if (lanes == NULL)
        return;
    for (struct lane *lane = lanes->first, *next; lane != NULL; lane = next) {
        next = lane->next;
        lane_free(lane);
    }
    free(lanes);
}

static struct gate_settings gate_settings_of(const struct config *config,
                                             const struct config_provider *route)
{
    return (struct gate_settings){
        .max_in_flight = route->limits.max_in_flight != 0 ? route->limits.max_in_flight
                                                            : config->concurrency,
        .halt_after = config->halt_after,
        .probe_ms = config->probe_ms,
    };
}

/* Finds the lane's way through the configuration. A gate whose provider and URL stay is kept with
 * what it has learnt. */
static void lane_route(struct lanes *lanes, struct lane *lane, struct mono now)
{
    const struct config *config = lanes->config;
    struct gate_settings settings;

    lane->route = config_route(config, lane->model, lane->wanted);
    if (lane->route == NULL) {
        lane->protocol = NULL;
        return;
    }
    lane->protocol = provider_find(lane->route->protocol);
    assert(lane->protocol != NULL); /* config_read refuses unknown protocols */
    free(lane->gate_name);
    lane->gate_name = xasprintf("%s/%s", lane->route->name, lane->model);
    settings = gate_settings_of(config, lane->route);
    if (lane->gate == NULL)
        lane->gate = gate_new(&settings, lanes->random);
    else
        gate_configure(lane->gate, &settings, now);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

struct lane *lanes_get(struct lanes *lanes, const char *model, const char *provider)
{
    struct lane *lane;

    for (lane = lanes->first; lane != NULL; lane = lane->next)
        if (strcmp(lane->model, model) == 0 && same_text(lane->wanted, provider))
            return lane;
    lane = xcalloc(1, sizeof *lane);
    lane->model = xstrdup(model);
    lane->wanted = xstrdup(provider);
    heap_init(&lane->ready, ready_less, ready_place);
    lane_route(lanes, lane, (struct mono){0});
    lane->next = lanes->first;
    lanes->first = lane;
    return lane;
}

struct lane *lanes_first(const struct lanes *lanes)
{
    return lanes->first;
}

void lanes_configure(struct lanes *lanes, const struct config *config, struct mono now)
{
    lanes->config = config;
    for (struct lane *lane = lanes->first; lane != NULL; lane = lane->next)
        lane_route(lanes, lane, now);
}

void lane_ready(struct lane *lane, struct task *task)
{
    heap_insert(&lane->ready, task);
}

void lane_unready(struct lane *lane, struct task *task)
{
    heap_remove(&lane->ready, task->ready_place);
}

/* The first task of a lane that its gate lets pass. A probing gate may not want the very job that
 * closed it: then one of the next two is tried. */
static struct task *lane_pick(struct lane *lane, struct mono now)
{
    bool single = lane->ready.count == 1;

    for (size_t i = 0; i < lane->ready.count && i < 3; i++) {
        struct task *task = lane->ready.slots[i];

        if (gate_ready(lane->gate, &task->id, single, now))
            return task;
    }
    return NULL;
}

static struct task *lane_pick_alone(struct lane *lane, struct mono now)
{
    for (size_t i = 0; i < lane->ready.count; i++) {
        struct task *task = lane->ready.slots[i];

        if (task->alone && gate_ready(lane->gate, &task->id, true, now))
            return task;
    }
    return NULL;
}

struct task *lanes_pick(struct lanes *lanes, bool only_alone, struct mono now)
{
    struct task *best = NULL;

    for (struct lane *lane = lanes->first; lane != NULL; lane = lane->next) {
        struct task *task;

        if (lane->ready.count == 0 || lane->route == NULL || !gate_open_now(lane->gate, now))
            continue;
        task = only_alone ? lane_pick_alone(lane, now) : lane_pick(lane, now);
        if (task != NULL && (best == NULL || ready_less(task, best)))
            best = task;
    }
    return best;
}

int64_t lanes_wake_ms(const struct lanes *lanes)
{
    int64_t wake = -1;

    for (struct lane *lane = lanes->first; lane != NULL; lane = lane->next) {
        int64_t at;

        if (lane->ready.count == 0 || lane->route == NULL)
            continue;
        at = gate_wake_ms(lane->gate);
        if (at >= 0 && (wake < 0 || at < wake))
            wake = at;
    }
    return wake;
}

void lane_reason(const struct lane *lane, struct mono now, struct wall wall, char *out,
                 size_t size)
{
    struct gate_view view;
    char until[TIMETEXT_SIZE];

    out[0] = '\0';
    if (lane->route == NULL) {
        if (lane->wanted != NULL)
            snprintf(out, size, "no provider %s", lane->wanted);
        else
            snprintf(out, size, "no provider for %s", lane->model);
        return;
    }
    view = gate_view(lane->gate);
    if (view.state == GATE_OPEN || view.reason == NULL)
        return;
    if (view.state == GATE_CLOSED && view.until_mono_ms > now.ms) {
        struct wall then = {wall.ms + view.until_mono_ms - now.ms};

        timetext_write_local(then, wall, until);
        snprintf(out, size, "gate: %s until %s", view.reason, until);
    } else {
        snprintf(out, size, "gate: %s", view.reason);
    }
}
