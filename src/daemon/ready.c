/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ready: see ready.h.
 */
#include "daemon/ready.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "daemon/queue.h"

/* --- orders ------------------------------------------------------------------------------------- */

static bool task_less(const void *a, const void *b)
{
    const struct task *left = a;
    const struct task *right = b;

    if (left->submitted != right->submitted)
        return left->submitted < right->submitted;
    return left->sequence < right->sequence;
}

static void task_place(void *element, size_t position)
{
    struct task *task = element;

    task->ready_place = position;
}

static bool flow_less(const void *a, const void *b)
{
    const struct flow *left = a;
    const struct flow *right = b;

    if (left->level != right->level)
        return left->level < right->level;
    return left->charged < right->charged;
}

static void flow_place(void *element, size_t position)
{
    struct flow *flow = element;

    flow->place = position;
}

/* --- levels --------------------------------------------------------------------------------------- */

/* Since when a share's jobs of one priority wait without one of them having been sent. */
static int64_t waits_since(const struct flow *flow, int priority)
{
    const struct task *oldest = heap_first(&flow->tasks[priority]);
    int64_t sent_ms = flow->sent_ms[priority];

    return oldest->submitted > sent_ms ? oldest->submitted : sent_ms;
}

/* By how many steps they rose. */
static int64_t steps_risen(const struct flow *flow, int priority, struct wall now)
{
    int64_t waited = now.ms - waits_since(flow, priority);

    return flow->ready->aging_ms > 0 && waited > 0 ? waited / flow->ready->aging_ms : 0;
}

static int level_of(const struct flow *flow, int priority, struct wall now)
{
    int64_t steps = steps_risen(flow, priority, now);

    return steps >= priority ? 0 : priority - (int)steps;
}

/* The priority whose turn it is: the most urgent by now, of equals the one that waits longest; -1:
 * there are no tasks. */
static int flow_priority(const struct flow *flow, struct wall now)
{
    int best = -1;

    for (int priority = 0; priority < READY_PRIORITIES; priority++) {
        int level;

        if (flow->tasks[priority].count == 0)
            continue;
        level = level_of(flow, priority, now);
        if (best < 0 || level < level_of(flow, best, now) ||
            (level == level_of(flow, best, now) &&
             waits_since(flow, priority) < waits_since(flow, best)))
            best = priority;
    }
    return best;
}

/* When the level of one of its priorities changes by time alone. */
static int64_t flow_rises(const struct flow *flow, struct wall now)
{
    int64_t rises_ms = INT64_MAX;

    for (int priority = 0; priority < READY_PRIORITIES; priority++) {
        int64_t next_ms;

        if (flow->tasks[priority].count == 0 || flow->ready->aging_ms == 0 ||
            level_of(flow, priority, now) == 0)
            continue;
        next_ms = waits_since(flow, priority) +
                  (steps_risen(flow, priority, now) + 1) * flow->ready->aging_ms;
        if (next_ms < rises_ms)
            rises_ms = next_ms;
    }
    return rises_ms;
}

/* Puts a flow where it belongs after anything about it changed. */
static void flow_settle(struct flow *flow, struct wall now)
{
    struct ready *ready = flow->ready;
    bool eligible = flow->count > 0 && !share_is_full(flow->share);

    if (!eligible) {
        if (flow->place != HEAP_NOWHERE)
            heap_remove(&ready->flows, flow->place);
        return;
    }
    flow->level = level_of(flow, flow_priority(flow, now), now);
    flow->rises_ms = flow_rises(flow, now);
    if (flow->rises_ms < ready->rises_ms)
        ready->rises_ms = flow->rises_ms;
    if (flow->place == HEAP_NOWHERE)
        heap_insert(&ready->flows, flow);
    else
        heap_update(&ready->flows, flow->place);
}

/* Time went on: levels change. All flows are gone through, but only when one's level changes, which
 * a flow's does every aging_ms at most. */
static void ready_rise(struct ready *ready, struct wall now)
{
    struct flow **flows;
    size_t count = ready->flows.count;

    if (now.ms < ready->rises_ms || count == 0)
        return;
    flows = xcalloc(count, sizeof(struct flow *));
    for (size_t i = 0; i < count; i++)
        flows[i] = ready->flows.slots[i];
    ready->rises_ms = INT64_MAX;
    for (size_t i = 0; i < count; i++)
        flow_settle(flows[i], now);
    free(flows);
}

/* --- flows ------------------------------------------------------------------------------------------ */

void ready_open(struct ready *ready, int64_t aging_ms)
{
    *ready = (struct ready){.rises_ms = INT64_MAX, .aging_ms = aging_ms};
    heap_init(&ready->flows, flow_less, flow_place);
}

static void flow_free(struct flow *flow)
{
    struct flow **link = &flow->share->flows;

    assert(flow->count == 0);
    while (*link != flow)
        link = &(*link)->next_of_share;
    *link = flow->next_of_share;
    for (int priority = 0; priority < READY_PRIORITIES; priority++)
        heap_free(&flow->tasks[priority]);
    free(flow);
}

void ready_close(struct ready *ready, struct shares *shares)
{
    for (struct share *share = shares_first(shares); share != NULL; share = share->hh.next)
        for (struct flow *flow = share->flows, *next; flow != NULL; flow = next) {
            next = flow->next_of_share;
            if (flow->ready == ready)
                flow_free(flow);
        }
    heap_free(&ready->flows);
}

struct flow *ready_flow(struct ready *ready, struct share *share)
{
    struct flow *flow = share->flows;

    while (flow != NULL && flow->ready != ready)
        flow = flow->next_of_share;
    if (flow != NULL)
        return flow;
    flow = xcalloc(1, sizeof *flow);
    flow->ready = ready;
    flow->share = share;
    flow->charged = ready->charged;
    flow->place = HEAP_NOWHERE;
    for (int priority = 0; priority < READY_PRIORITIES; priority++)
        heap_init(&flow->tasks[priority], task_less, task_place);
    flow->next_of_share = share->flows;
    share->flows = flow;
    return flow;
}

void ready_add(struct ready *ready, struct task *task, struct wall now)
{
    struct flow *flow = ready_flow(ready, task->share);

    /* Who had nothing to send gets no credit for that time. */
    if (flow->count == 0 && flow->charged < ready->charged)
        flow->charged = ready->charged;
    task->flow = flow;
    task->ready_priority = task->priority;
    heap_insert(&flow->tasks[task->priority], task);
    flow->count++;
    ready->count++;
    flow_settle(flow, now);
}

void ready_remove(struct ready *ready, struct task *task)
{
    struct flow *flow = task->flow;

    heap_remove(&flow->tasks[task->ready_priority], task->ready_place);
    flow->count--;
    ready->count--;
    if (flow->count == 0 && flow->place != HEAP_NOWHERE)
        heap_remove(&ready->flows, flow->place);
    /* A level that is too urgent now is found out when it is looked at. */
}

/* --- choosing ---------------------------------------------------------------------------------------- */

/* The flow that goes first, with a level that is true: removals may have left it too urgent. */
static struct flow *first_flow(struct ready *ready, struct wall now)
{
    struct flow *flow;

    ready_rise(ready, now);
    while ((flow = heap_first(&ready->flows)) != NULL) {
        int level = flow->level;

        flow_settle(flow, now);
        if (flow->level == level)
            return flow;
    }
    return NULL;
}

int ready_level(struct ready *ready, struct wall now)
{
    const struct flow *flow = first_flow(ready, now);

    return flow != NULL ? flow->level : -1;
}

/* The nth in the order of a heap's array: not always the nth in order, but one of the next. What the
 * priority whose turn it is does not have is taken from the others. */
static struct task *flow_choice(const struct flow *flow, size_t nth, struct wall now)
{
    int turn = flow_priority(flow, now);

    if (nth < flow->tasks[turn].count)
        return flow->tasks[turn].slots[nth];
    nth -= flow->tasks[turn].count;
    for (int priority = 0; priority < READY_PRIORITIES; priority++) {
        const struct heap *tasks = &flow->tasks[priority];

        if (priority == turn)
            continue;
        if (nth < tasks->count)
            return tasks->slots[nth];
        nth -= tasks->count;
    }
    return NULL;
}

struct task *ready_choice(struct ready *ready, size_t nth, struct wall now)
{
    const struct flow *first = first_flow(ready, now);

    if (first == NULL)
        return NULL;
    if (nth > 0 && nth < ready->flows.count)
        return flow_choice(ready->flows.slots[nth], 0, now);
    return flow_choice(first, nth, now);
}

const struct task *ready_oldest(const struct ready *ready)
{
    const struct task *oldest = NULL;

    for (size_t i = 0; i < ready->flows.count; i++) {
        const struct flow *flow = ready->flows.slots[i];

        for (int priority = 0; priority < READY_PRIORITIES; priority++) {
            const struct task *task = heap_first(&flow->tasks[priority]);

            if (task != NULL && (oldest == NULL || task_less(task, oldest)))
                oldest = task;
        }
    }
    return oldest;
}

/* --- charging ---------------------------------------------------------------------------------------- */

void ready_sent(struct task *task, struct flow *flow, struct wall now)
{
    struct ready *ready = flow->ready;

    if (flow->charged > ready->charged)
        ready->charged = flow->charged;
    task->flow = flow;
    task->charged = task->input_tokens + task->output_tokens;
    flow->charged += task->charged;
    flow->sent_ms[task->ready_priority] = now.ms;
    flow->in_flight++;
    flow->share->in_flight++;
    if (share_is_full(flow->share))
        ready_share_changed(flow->share);
    else
        flow_settle(flow, now);
}

void ready_landed(struct task *task, int64_t real_tokens)
{
    struct flow *flow = task->flow;
    bool was_full = share_is_full(flow->share);

    assert(flow->in_flight > 0 && flow->share->in_flight > 0);
    if (real_tokens >= 0)
        flow->charged += real_tokens - task->charged;
    flow->in_flight--;
    flow->share->in_flight--;
    if (was_full)
        ready_share_changed(flow->share);
    else if (flow->place != HEAP_NOWHERE)
        heap_update(&flow->ready->flows, flow->place);
}

void ready_share_changed(struct share *share)
{
    for (struct flow *flow = share->flows; flow != NULL; flow = flow->next_of_share) {
        if (share_is_full(share) && flow->place != HEAP_NOWHERE) {
            heap_remove(&flow->ready->flows, flow->place);
        } else if (!share_is_full(share) && flow->place == HEAP_NOWHERE && flow->count > 0) {
            flow->level = 0; /* at most: found out when it is looked at */
            heap_insert(&flow->ready->flows, flow);
        }
    }
}
