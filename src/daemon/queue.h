/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * queue: the daemon's memory of cur/: one task a job, found by ID, in order of what is due.
 *
 * Floor: daemon. A cache of the folder, nothing more: it can be thrown away at any instruction.
 * All tasks belong to the queue; a lane's ready tasks borrow them.
 */
#ifndef DAEMON_QUEUE_H
#define DAEMON_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/heap.h"
#include "job/state.h"
#include "spool/layout.h"

struct ages;
struct lane;
struct lanes;
struct flight;
struct backlog;
struct share;
struct afford_reason;

/* Where a task is. Only a WAITING one may be picked, and only at rest (WAITING, RUNNING) can a
 * duplicate widen it. */
enum task_phase {
    TASK_ACCEPTING, /* its file is on the way into cur/ */
    TASK_WAITING,   /* in cur/: ready, delayed or held */
    TASK_RUNNING,   /* marked, its request is in flight */
    TASK_SETTLING,  /* its request ended, what must be remembered is being written */
    TASK_ENDING,    /* its output or error file is being published, then it moves */
};
enum { TASK_PHASES = TASK_ENDING + 1 };

/* Why a waiting task is not ready. */
enum task_rest { REST_READY, REST_DELAYED, REST_HELD };

struct task {
    struct id id;
    UT_hash_handle hh;
    enum task_phase phase;
    enum task_rest rest;
    struct lane *lane;
    struct share *share;   /* whose turn it takes */
    struct backlog *backlog;     /* while READY or in flight: the share's part of the lane */
    struct state *memory;  /* ID.state.json, or NULL while there is nothing to remember */
    struct flight *flight; /* while RUNNING */
    char *name;            /* the job's own name, or NULL */
    char *user;            /* or NULL */
    char *in_run;          /* name of the run it belongs to, or NULL */
    int64_t input_tokens;  /* estimated */
    int64_t output_tokens; /* the most that the answer may have, as far as that is known */
    int64_t charged;       /* tokens that its share was charged for the request in flight */
    struct afford_reason *money_reason; /* while it waits for money: why */
    int64_t money_until;                /* wall ms; 0: it does not */
    bool money_passing;                 /* … which others have only reserved */
    TAILQ_ENTRY(task) money_link;
    int priority;          /* effective: with what duplicates widened */
    int64_t not_before;    /* effective, wall ms; 0: at once */
    int64_t expires;       /* effective, wall ms; JOB_NEVER */
    int64_t submitted;     /* wall ms */
    int64_t accepted;      /* wall ms; 0: by an earlier daemon */
    uint64_t sequence;     /* order of acceptance, for equal times */
    uint64_t throttle_mark; /* successes of the gate at the last of throttle_streak */
    unsigned throttle_streak;
    unsigned throttle_run; /* requests in a row that were throttled */
    bool has_state_file; /* cur/ID.state.json is there */
    bool held_by_order;  /* ctl/hold.ID is there */
    TAILQ_ENTRY(task) alone_link;
    bool alone;          /* in doubt after repeated crashes: is sent with nothing else in flight */
    bool cancel;         /* an order asks for its end */
    bool unwritten;      /* SETTLING, and its state file could not be written: tried again */
    bool stream;         /* its answer is to be seen while it grows */
    bool watched;        /* a batch waits for its end */
    bool has_partial;    /* cur/ID.partial is there */
    bool no_detour;      /* a fallback cannot take it while its gate is closed: it waits */
    struct ages *ages;   /* that count it while it waits */
    int64_t age_minute;  /* as what */
    size_t ready_place;  /* in its backlog's heap of … */
    int ready_priority;  /* … this priority */
    size_t alarm_place;  /* in the queue's alarms */
    int64_t alarm;       /* wall ms: when it becomes due or expires */
};

struct queue;

/* lanes are told which tasks are ready. */
struct queue *queue_open(const struct clock *clock, struct lanes *lanes);
void queue_close(struct queue *queue);

/* The task of an ID, or NULL. */
struct task *queue_find(const struct queue *queue, const struct id *id);

/* A new task in phase ACCEPTING with all else empty; the ID must be unknown. */
struct task *queue_add(struct queue *queue, const struct id *id);

/* Forgets a task and frees it. */
void queue_remove(struct queue *queue, struct task *task);

/* Puts a task into another phase. Waiting ones are put where they belong by their times and holds
 * (queue_place); others are in no heap. */
void queue_phase(struct queue *queue, struct task *task, enum task_phase phase);

/* Puts a waiting task into another lane. */
void queue_move(struct queue *queue, struct task *task, struct lane *lane);

/* Puts a waiting task where it belongs after its priority, times, holds or lane changed. */
void queue_place(struct queue *queue, struct task *task);

/* The next task whose alarm is due, or NULL: expired ones are returned to be ended, those that became
 * due are put among the ready ones by the queue itself. */
struct task *queue_expired(struct queue *queue);

/* Wall ms of the next alarm, or JOB_NEVER. */
int64_t queue_next_alarm(const struct queue *queue);

/* The wall clock was set: moves what was computed from it (next tries) by delta ms. */
void queue_clock_moved(struct queue *queue, int64_t delta_ms);

/* How many tasks there are in a phase, and how many of the waiting ones rest in a way. */
size_t queue_count(const struct queue *queue, enum task_phase phase);
size_t queue_resting(const struct queue *queue, enum task_rest rest);
size_t queue_size(const struct queue *queue);

/* Tasks that must be sent alone and have not ended yet: the first, the next. */
struct task *queue_first_alone(const struct queue *queue);
struct task *queue_next_alone(const struct task *task);

/* Clears the mark that makes a task be sent alone. */
void queue_not_alone(struct queue *queue, struct task *task);
void queue_make_alone(struct queue *queue, struct task *task);

/* The first of all tasks, then the next of one, in no order; the one in hand may be removed. */
struct task *queue_first(const struct queue *queue);
struct task *queue_next(const struct task *task);

#endif
