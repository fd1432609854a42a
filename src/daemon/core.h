/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core: what the parts of the daemon share: the loop, the spool and what is open on it.
 *
 * Floor: daemon. One struct, made by daemon.c and handed to every part; each part has its own
 * opaque struct in it and calls the others through their headers.
 */
#ifndef DAEMON_CORE_H
#define DAEMON_CORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "daemon/afford.h"
#include "daemon/config.h"
#include "daemon/lane.h"
#include "daemon/money.h"
#include "daemon/queue.h"
#include "spool/events.h"
#include "spool/publish.h"
#include "spool/spool.h"
#include "upstream/transfer.h"

struct intake;
struct orders;
struct dispatch;
struct finish;
struct marks;
struct crash;
struct status;
struct metrics;
struct archived_jobs;
struct attach;
struct batches;
struct flows;
struct hooks;
struct run_ends;
struct outbox;
struct webhooks;

/* Jobs that ended since the daemon started. */
struct totals {
    uint64_t completed;
    uint64_t failed;
    uint64_t cancelled;
    uint64_t expired;
    uint64_t refused;
};

struct core {
    uv_loop_t *loop;
    struct spool *spool;
    const struct config *config;
    const struct clock *clock;
    struct random random;
    struct log log;
    struct events *events;
    struct publish *publish;
    struct transfers *transfers;
    struct queue *queue;
    struct upstreams *upstreams;
    struct shares *shares;
    struct lanes *lanes;
    struct money *money;
    struct price_table *prices; /* or NULL: there is none */
    struct afford *afford;
    struct intake *intake;
    struct orders *orders;
    struct dispatch *dispatch;
    struct finish *finish;
    struct marks *marks;
    struct crash *crash;
    struct status *status;
    struct metrics *metrics;
    struct archived_jobs *archived;
    struct attach *attach;
    struct batches *batches;
    struct flows *flows;
    struct hooks *hooks;
    struct run_ends *run_ends;
    struct outbox *outbox;
    struct webhooks *webhooks;
    struct totals totals;
    struct mono progress;  /* last time that a job was taken, sent or ended */
    struct mono room_looked; /* when free space was looked at last */
    bool paused;           /* ctl/pause: nothing is sent */
    bool draining;         /* ctl/drain: nothing is taken from new/ */
    bool stopping;         /* told to stop: neither */
    bool abandoned;        /* the bound of a stop was reached: what is in flight stays marked */
    size_t asks;           /* so many of the jobs that wait for money are to be asked again */
    LIST_HEAD(, flight) streams; /* in flight, whose answers are seen while they grow */
    bool spool_lost;       /* the path does not lead to our spool: neither, and told */
    bool changed;          /* status.json is older than what it tells */
    bool counted;          /* metrics.prom is */
    char trouble[400];     /* what stops all work (no room, spool lost), or empty */
    void (*kick)(struct core *core); /* asks for a turn of the loop: something may move now */
};

/* Adds an event about a task: its id, run, name and user where it has them, and the members of
 * more (a reference taken over, or NULL). */
void core_event(struct core *core, const char *kind, const struct task *task, json_t *more);

/* As core_event for an ID without a task. */
void core_event_id(struct core *core, const char *kind, const struct id *id, json_t *more);

/* Something happened that status shows and that may let jobs move. */
void core_touch(struct core *core);

/* As core_touch, when a job was taken, sent or ended: the patience of --until-empty starts anew. */
void core_progress(struct core *core);

/* The run a task is in: 1 unless its state says otherwise. */
unsigned task_run(const struct task *task);

/* The task's state, made when there was nothing to remember so far. */
struct state *task_memory(struct task *task);

/* Sets what a task takes from its job and from what duplicates widened. The task must not be in a
 * heap: call it before queue_phase. */
void task_apply(struct core *core, struct task *task, const struct job *job);

/* Finds the lane of a task by its job and by what it fell back on, and estimates its tokens for the
 * model that is asked there. The task must not be in a heap. */
void task_find_lane(struct core *core, struct task *task, const struct job *job);

/* Finds whose turn a task takes: its user's, else its run's. queue_place comes after it where it
 * waits. */
void task_find_share(struct core *core, struct task *task);

/* Adds to a publication the replacing of cur/ID.state.json by what the task remembers. */
void task_publish_memory(struct core *core, struct task *task, struct publication *publication);

/* Reads cur/ID.json. NULL with an error (ERROR_ABSENT when it is gone, ERROR_DATA when it is not the
 * job of this ID any more). fd receives the opened file unless NULL; the caller closes it. */
struct job *task_read_job(struct core *core, const struct task *task, int *fd,
                          struct error *error);

#endif
