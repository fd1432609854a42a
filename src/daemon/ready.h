/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ready: the ready tasks of one lane, and which of them goes next.
 *
 * Floor: daemon. Priority first (0 … 9). Within a priority the shares take turns by start-time fair
 * queueing (Goyal, Vin and Cheng, 1996): each is charged the tokens of what it sent, and the one
 * that was charged least goes next, so that all get equal tokens in the long run and a newcomer
 * waits for one dispatch of each other, not for a round. Within a share the oldest goes first.
 *
 * Aging: a share's jobs of one priority, taken together, rise by one step for each aging_ms in
 * which none of them was sent. So of a share's jobs with priority p one is sent at least each
 * p * aging_ms for as long as the gate is open, and a long batch gets nothing from its age as long
 * as it moves.
 *
 * Choosing costs O(log n) in the number of tasks and of shares.
 */
#ifndef DAEMON_READY_H
#define DAEMON_READY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/heap.h"
#include "daemon/share.h"

enum { READY_PRIORITIES = 10 };

struct task;
struct ready;

/* A share's tasks in one lane. */
struct backlog {
    struct ready *ready;
    struct share *share;
    struct backlog *next_of_share;
    struct heap tasks[READY_PRIORITIES]; /* oldest first */
    int64_t sent_ms[READY_PRIORITIES];   /* wall: when one of them was sent last; 0: never */
    int64_t charged;                     /* tokens, on the lane's virtual clock */
    int64_t rises_ms;                    /* wall: when its level changes by time; INT64_MAX: never */
    int level;
    unsigned in_flight;
    size_t count; /* of tasks */
    size_t place; /* among the lane's backlogs; HEAP_NOWHERE: empty, or its share is full */
};

struct ready {
    struct heap backlogs;  /* that have tasks and whose share is not full; the next first */
    size_t count;       /* of tasks, of all backlogs */
    int64_t charged;    /* virtual clock: where the backlog that went last began */
    int64_t rises_ms;   /* no backlog's level changes before; INT64_MAX: none does */
    int64_t aging_ms;   /* 0: off */
};

void ready_open(struct ready *ready, int64_t aging_ms);

/* Frees all backlogs; no task may be left in it. */
void ready_close(struct ready *ready, struct shares *shares);

/* Puts a task in, or takes it out. Its time of submission must not change in between. */
void ready_add(struct ready *ready, struct task *task, struct wall now);
void ready_remove(struct ready *ready, struct task *task);

/* How urgent its next task is: 0 first … 9; -1 when nothing may go. */
int ready_level(struct ready *ready, struct wall now);

/* The nth choice for what goes next, from 0 to 2, or NULL. The second and third are for a gate that
 * does not want the first. */
struct task *ready_choice(struct ready *ready, size_t nth, struct wall now);

/* The oldest task, or NULL; O(shares). */
const struct task *ready_oldest(const struct ready *ready);

/* A task leaves: it was removed, its share is charged. Remembers in task->backlog where. */
void ready_sent(struct task *task, struct backlog *backlog, struct wall now);

/* Its request ended: real_tokens is what it took, -1 when that is not known. */
void ready_landed(struct task *task, int64_t real_tokens);

/* The backlog that a task is or would be in. */
struct backlog *ready_backlog(struct ready *ready, struct share *share);

/* A share's bound changed. */
void ready_share_changed(struct share *share);

#endif
