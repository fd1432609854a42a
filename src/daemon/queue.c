/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue: see queue.h.
 */
#include "daemon/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "daemon/afford.h"
#include "daemon/lane.h"

struct queue {
    const struct clock *clock;
    struct lanes *lanes;
    struct task *tasks; /* uthash by id */
    struct heap alarms; /* by alarm */
    size_t phases[TASK_PHASES];
    size_t rests[REST_HELD + 1];
    TAILQ_HEAD(, task) alone_tasks;
    uint64_t sequence;
};

static bool alarm_less(const void *a, const void *b)
{
    const struct task *left = a;
    const struct task *right = b;

    return left->alarm < right->alarm;
}

static void alarm_place(void *element, size_t position)
{
    struct task *task = element;

    task->alarm_place = position;
}

struct queue *queue_open(const struct clock *clock, struct lanes *lanes)
{
    struct queue *queue = xcalloc(1, sizeof *queue);

    queue->clock = clock;
    queue->lanes = lanes;
    TAILQ_INIT(&queue->alone_tasks);
    heap_init(&queue->alarms, alarm_less, alarm_place);
    return queue;
}

void queue_close(struct queue *queue)
{
    if (queue == NULL)
        return;
    while (queue->tasks != NULL)
        queue_remove(queue, queue->tasks);
    heap_free(&queue->alarms);
    free(queue);
}

struct task *queue_find(const struct queue *queue, const struct id *id)
{
    struct task *task;

    HASH_FIND(hh, queue->tasks, id, sizeof *id, task);
    return task;
}

struct task *queue_add(struct queue *queue, const struct id *id)
{
    struct task *task = xcalloc(1, sizeof *task);

    task->id = *id;
    task->phase = TASK_ACCEPTING;
    task->expires = JOB_NEVER;
    task->priority = JOB_PRIORITY_DEFAULT;
    task->sequence = queue->sequence++;
    task->ready_place = HEAP_NOWHERE;
    task->alarm_place = HEAP_NOWHERE;
    HASH_ADD(hh, queue->tasks, id, sizeof task->id, task);
    queue->phases[TASK_ACCEPTING]++;
    return task;
}

/* Takes a task out of the heaps and, if it waits, out of the counts of those that do. */
static void queue_lift(struct queue *queue, struct task *task)
{
    if (task->ready_place != HEAP_NOWHERE)
        lane_unready(queue->lanes, task);
    if (task->alarm_place != HEAP_NOWHERE)
        heap_remove(&queue->alarms, task->alarm_place);
    if (task->phase == TASK_WAITING) {
        queue->rests[task->rest]--;
        ages_remove(task->ages, task->age_minute);
    }
}

static void queue_alarm(struct queue *queue, struct task *task, int64_t when)
{
    if (when == JOB_NEVER)
        return;
    task->alarm = when;
    heap_insert(&queue->alarms, task);
}

/* When it may be tried: the later of not_before and the next try. */
static int64_t task_due(const struct task *task)
{
    int64_t next_try = task->memory != NULL ? task->memory->next_try : 0;

    return task->not_before > next_try ? task->not_before : next_try;
}

static bool task_held(const struct task *task)
{
    return task->held_by_order || (task->memory != NULL && task->memory->hold != HOLD_NONE);
}

/* Decides how a task that waits rests, enters it into the heaps, and counts it. */
static void queue_settle(struct queue *queue, struct task *task)
{
    int64_t due = task_due(task);

    if (task->money_until <= clock_wall(queue->clock).ms)
        afford_forget(task);
    if (task->money_until > 0) {
        task->rest = REST_HELD;
        queue_alarm(queue, task,
                    task->money_until < task->expires ? task->money_until : task->expires);
    } else if (task_held(task)) {
        task->rest = REST_HELD;
        queue_alarm(queue, task, task->expires);
    } else if (due > clock_wall(queue->clock).ms) {
        task->rest = REST_DELAYED;
        queue_alarm(queue, task, due < task->expires ? due : task->expires);
    } else {
        task->rest = REST_READY;
        queue_alarm(queue, task, task->expires);
        lane_ready(queue->lanes, task, clock_wall(queue->clock));
    }
    queue->rests[task->rest]++;
    task->ages = &task->lane->ages;
    task->age_minute = ages_add(task->ages, task->submitted, clock_wall(queue->clock));
}

void queue_phase(struct queue *queue, struct task *task, enum task_phase phase)
{
    queue_lift(queue, task);
    if (phase != TASK_WAITING)
        afford_forget(task);
    queue->phases[task->phase]--;
    queue->phases[phase]++;
    task->phase = phase;
    if (phase == TASK_WAITING)
        queue_settle(queue, task);
}

void queue_place(struct queue *queue, struct task *task)
{
    assert(task->phase == TASK_WAITING);
    queue_phase(queue, task, TASK_WAITING);
}

void queue_move(struct queue *queue, struct task *task, struct lane *lane)
{
    assert(task->phase == TASK_WAITING);
    queue_lift(queue, task);
    task->lane = lane;
    queue_settle(queue, task);
}

void queue_remove(struct queue *queue, struct task *task)
{
    queue_lift(queue, task);
    queue_not_alone(queue, task);
    afford_forget(task);
    if (task->share != NULL)
        task->share->tasks--;
    queue->phases[task->phase]--;
    HASH_DELETE(hh, queue->tasks, task);
    state_free(task->memory);
    free(task->name);
    free(task->user);
    free(task->in_run);
    free(task);
}

struct task *queue_expired(struct queue *queue)
{
    int64_t now = clock_wall(queue->clock).ms;

    for (;;) {
        struct task *task = heap_first(&queue->alarms);

        if (task == NULL || task->alarm > now)
            return NULL;
        if (task->expires <= now)
            return task;
        queue_place(queue, task);
    }
}

int64_t queue_next_alarm(const struct queue *queue)
{
    const struct task *task = heap_first(&queue->alarms);

    return task != NULL ? task->alarm : JOB_NEVER;
}

void queue_clock_moved(struct queue *queue, int64_t delta_ms)
{
    for (struct task *task = queue_first(queue); task != NULL; task = queue_next(task)) {
        if (task->memory == NULL || task->memory->next_try == 0)
            continue;
        task->memory->next_try += delta_ms;
        if (task->phase == TASK_WAITING)
            queue_place(queue, task);
    }
}

size_t queue_count(const struct queue *queue, enum task_phase phase)
{
    return queue->phases[phase];
}

size_t queue_resting(const struct queue *queue, enum task_rest rest)
{
    return queue->rests[rest];
}

size_t queue_size(const struct queue *queue)
{
    return HASH_COUNT(queue->tasks);
}

struct task *queue_first_alone(const struct queue *queue)
{
    return TAILQ_FIRST(&queue->alone_tasks);
}

struct task *queue_next_alone(const struct task *task)
{
    return TAILQ_NEXT(task, alone_link);
}

void queue_make_alone(struct queue *queue, struct task *task)
{
    if (task->alone)
        return;
    TAILQ_INSERT_TAIL(&queue->alone_tasks, task, alone_link);
    task->alone = true;
}

void queue_not_alone(struct queue *queue, struct task *task)
{
    if (!task->alone)
        return;
    TAILQ_REMOVE(&queue->alone_tasks, task, alone_link);
    task->alone = false;
}

struct task *queue_first(const struct queue *queue)
{
    return queue->tasks;
}

struct task *queue_next(const struct task *task)
{
    return task->hh.next;
}
