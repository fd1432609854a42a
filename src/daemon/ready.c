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

static bool backlog_less(const void *a, const void *b)
{
    const struct backlog *left = a;
    const struct backlog *right = b;

    if (left->level != right->level)
        return left->level < right->level;
    return left->charged < right->charged;
}

static void backlog_place(void *element, size_t position)
{
    struct backlog *backlog = element;

    backlog->place = position;
}

/* --- levels --------------------------------------------------------------------------------------- */

/* Since when a share's jobs of one priority wait without one of them having been sent. */
static int64_t waits_since(const struct backlog *backlog, int priority)
{
    const struct task *oldest = heap_first(&backlog->tasks[priority]);
    int64_t sent_ms = backlog->sent_ms[priority];

    return oldest->submitted > sent_ms ? oldest->submitted : sent_ms;
}

/* By how many steps they rose. */
static int64_t steps_risen(const struct backlog *backlog, int priority, struct wall now)
{
    int64_t waited = now.ms - waits_since(backlog, priority);

    return backlog->ready->aging_ms > 0 && waited > 0 ? waited / backlog->ready->aging_ms : 0;
}

static int level_of(const struct backlog *backlog, int priority, struct wall now)
{
    int64_t steps = steps_risen(backlog, priority, now);

    return steps >= priority ? 0 : priority - (int)steps;
}

/* The priority whose turn it is: the most urgent by now, of equals the one that waits longest; -1:
 * there are no tasks. */
static int backlog_priority(const struct backlog *backlog, struct wall now)
{
    int best = -1;

    for (int priority = 0; priority < READY_PRIORITIES; priority++) {
        int level;

        if (backlog->tasks[priority].count == 0)
            continue;
        level = level_of(backlog, priority, now);
        if (best < 0 || level < level_of(backlog, best, now) ||
            (level == level_of(backlog, best, now) &&
             waits_since(backlog, priority) < waits_since(backlog, best)))
            best = priority;
    }
    return best;
}

/* When the level of one of its priorities changes by time alone. */
static int64_t backlog_rises(const struct backlog *backlog, struct wall now)
{
    int64_t rises_ms = INT64_MAX;

    for (int priority = 0; priority < READY_PRIORITIES; priority++) {
        int64_t next_ms;

        if (backlog->tasks[priority].count == 0 || backlog->ready->aging_ms == 0 ||
            level_of(backlog, priority, now) == 0)
            continue;
        next_ms = waits_since(backlog, priority) +
                  (steps_risen(backlog, priority, now) + 1) * backlog->ready->aging_ms;
        if (next_ms < rises_ms)
            rises_ms = next_ms;
    }
    return rises_ms;
}

/* Puts a backlog where it belongs after anything about it changed. */
static void backlog_settle(struct backlog *backlog, struct wall now)
{
    struct ready *ready = backlog->ready;
    bool eligible = backlog->count > 0 && !share_is_full(backlog->share);

    if (!eligible) {
        if (backlog->place != HEAP_NOWHERE)
            heap_remove(&ready->backlogs, backlog->place);
        return;
    }
    backlog->level = level_of(backlog, backlog_priority(backlog, now), now);
    backlog->rises_ms = backlog_rises(backlog, now);
    if (backlog->rises_ms < ready->rises_ms)
        ready->rises_ms = backlog->rises_ms;
    if (backlog->place == HEAP_NOWHERE)
        heap_insert(&ready->backlogs, backlog);
    else
        heap_update(&ready->backlogs, backlog->place);
}

/* Time went on: levels change. All backlogs are gone through, but only when one's level changes,
 * which a backlog's does every aging_ms at most. */
static void ready_rise(struct ready *ready, struct wall now)
{
    struct backlog **backlogs;
    size_t count = ready->backlogs.count;

    if (now.ms < ready->rises_ms || count == 0)
        return;
    backlogs = xcalloc(count, sizeof(struct backlog *));
    for (size_t i = 0; i < count; i++)
        backlogs[i] = ready->backlogs.slots[i];
    ready->rises_ms = INT64_MAX;
    for (size_t i = 0; i < count; i++)
        backlog_settle(backlogs[i], now);
    free(backlogs);
}

/* --- backlogs --------------------------------------------------------------------------------------- */

void ready_open(struct ready *ready, int64_t aging_ms)
{
    *ready = (struct ready){.rises_ms = INT64_MAX, .aging_ms = aging_ms};
    heap_init(&ready->backlogs, backlog_less, backlog_place);
}

static void backlog_free(struct backlog *backlog)
{
    struct backlog **link = &backlog->share->backlogs;

    assert(backlog->count == 0);
    while (*link != backlog)
        link = &(*link)->next_of_share;
    *link = backlog->next_of_share;
    for (int priority = 0; priority < READY_PRIORITIES; priority++)
        heap_free(&backlog->tasks[priority]);
    free(backlog);
}

void ready_close(struct ready *ready, struct shares *shares)
{
    for (struct share *share = shares_first(shares); share != NULL; share = share->hh.next)
        for (struct backlog *backlog = share->backlogs, *next; backlog != NULL; backlog = next) {
            next = backlog->next_of_share;
            if (backlog->ready == ready)
                backlog_free(backlog);
        }
    heap_free(&ready->backlogs);
}

struct backlog *ready_backlog(struct ready *ready, struct share *share)
{
    struct backlog *backlog = share->backlogs;

    while (backlog != NULL && backlog->ready != ready)
        backlog = backlog->next_of_share;
    if (backlog != NULL)
        return backlog;
    backlog = xcalloc(1, sizeof *backlog);
    backlog->ready = ready;
    backlog->share = share;
    backlog->charged = ready->charged;
    backlog->place = HEAP_NOWHERE;
    for (int priority = 0; priority < READY_PRIORITIES; priority++)
        heap_init(&backlog->tasks[priority], task_less, task_place);
    backlog->next_of_share = share->backlogs;
    share->backlogs = backlog;
    return backlog;
}

void ready_add(struct ready *ready, struct task *task, struct wall now)
{
    struct backlog *backlog = ready_backlog(ready, task->share);

    /* Who had nothing to send gets no credit for that time. */
    if (backlog->count == 0 && backlog->charged < ready->charged)
        backlog->charged = ready->charged;
    task->backlog = backlog;
    task->ready_priority = task->priority;
    heap_insert(&backlog->tasks[task->priority], task);
    backlog->count++;
    ready->count++;
    backlog_settle(backlog, now);
}

void ready_remove(struct ready *ready, struct task *task)
{
    struct backlog *backlog = task->backlog;

    heap_remove(&backlog->tasks[task->ready_priority], task->ready_place);
    backlog->count--;
    ready->count--;
    if (backlog->count == 0 && backlog->place != HEAP_NOWHERE)
        heap_remove(&ready->backlogs, backlog->place);
    /* A level that is too urgent now is found out when it is looked at. */
}

/* --- choosing ---------------------------------------------------------------------------------------- */

/* The backlog that goes first, with a level that is true: removals may have left it too urgent. */
static struct backlog *first_backlog(struct ready *ready, struct wall now)
{
    struct backlog *backlog;

    ready_rise(ready, now);
    while ((backlog = heap_first(&ready->backlogs)) != NULL) {
        int level = backlog->level;

        backlog_settle(backlog, now);
        if (backlog->level == level)
            return backlog;
    }
    return NULL;
}

int ready_level(struct ready *ready, struct wall now)
{
    const struct backlog *backlog = first_backlog(ready, now);

    return backlog != NULL ? backlog->level : -1;
}

/* The nth in the order of a heap's array: not always the nth in order, but one of the next. What the
 * priority whose turn it is does not have is taken from the others. */
static struct task *backlog_choice(const struct backlog *backlog, size_t nth, struct wall now)
{
    int turn = backlog_priority(backlog, now);

    if (nth < backlog->tasks[turn].count)
        return backlog->tasks[turn].slots[nth];
    nth -= backlog->tasks[turn].count;
    for (int priority = 0; priority < READY_PRIORITIES; priority++) {
        const struct heap *tasks = &backlog->tasks[priority];

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
    const struct backlog *first = first_backlog(ready, now);

    if (first == NULL)
        return NULL;
    if (nth > 0 && nth < ready->backlogs.count)
        return backlog_choice(ready->backlogs.slots[nth], 0, now);
    return backlog_choice(first, nth, now);
}

const struct task *ready_oldest(const struct ready *ready)
{
    const struct task *oldest = NULL;

    for (size_t i = 0; i < ready->backlogs.count; i++) {
        const struct backlog *backlog = ready->backlogs.slots[i];

        for (int priority = 0; priority < READY_PRIORITIES; priority++) {
            const struct task *task = heap_first(&backlog->tasks[priority]);

            if (task != NULL && (oldest == NULL || task_less(task, oldest)))
                oldest = task;
        }
    }
    return oldest;
}

/* --- charging ---------------------------------------------------------------------------------------- */

void ready_sent(struct task *task, struct backlog *backlog, struct wall now)
{
    struct ready *ready = backlog->ready;

    if (backlog->charged > ready->charged)
        ready->charged = backlog->charged;
    task->backlog = backlog;
    task->charged = task->input_tokens + task->output_tokens;
    backlog->charged += task->charged;
    backlog->sent_ms[task->ready_priority] = now.ms;
    backlog->in_flight++;
    backlog->share->in_flight++;
    if (share_is_full(backlog->share))
        ready_share_changed(backlog->share);
    else
        backlog_settle(backlog, now);
}

void ready_landed(struct task *task, int64_t real_tokens)
{
    struct backlog *backlog = task->backlog;
    bool was_full = share_is_full(backlog->share);

    assert(backlog->in_flight > 0 && backlog->share->in_flight > 0);
    if (real_tokens >= 0)
        backlog->charged += real_tokens - task->charged;
    backlog->in_flight--;
    backlog->share->in_flight--;
    if (was_full)
        ready_share_changed(backlog->share);
    else if (backlog->place != HEAP_NOWHERE)
        heap_update(&backlog->ready->backlogs, backlog->place);
}

void ready_share_changed(struct share *share)
{
    for (struct backlog *backlog = share->backlogs; backlog != NULL;
         backlog = backlog->next_of_share) {
        if (share_is_full(share) && backlog->place != HEAP_NOWHERE) {
            heap_remove(&backlog->ready->backlogs, backlog->place);
        } else if (!share_is_full(share) && backlog->place == HEAP_NOWHERE && backlog->count > 0) {
            backlog->level = 0; /* at most: found out when it is looked at */
            heap_insert(&backlog->ready->backlogs, backlog);
        }
    }
}
