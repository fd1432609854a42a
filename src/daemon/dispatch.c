/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dispatch: see dispatch.h.
 */
#include "daemon/dispatch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "daemon/attach.h"
#include "daemon/finish.h"
#include "daemon/flight.h"
#include "daemon/mark.h"
#include "daemon/room.h"
#include "spool/move.h"

enum {
    UNPUBLISHED_MOST = 512, /* ends waiting for the disk, above which nothing new is sent */
    BROKE_A_TURN = 1000,    /* jobs that turn out to be too dear, before others get the loop */
    ASKED_A_TURN = 256,     /* jobs that wait for money and are asked again */
    URLS_LOOK_MS = 1000,    /* between looks at files of URLs while a job waits for a gate */
    READ_AGAIN_MS = 10000,  /* after which an attachment that could not be read is tried again */
};

/* Bytes of attachments in flight, from which on nothing more is sent: a request is held in memory until
 * it is answered, in base64. */
#define ATTACHED_MOST (INT64_C(128) * 1024 * 1024)

struct dispatch {
    struct core *core;
    struct flight *leaving; /* marked, their events not written yet */
    unsigned in_flight;     /* from the mark to the outcome */
    int64_t attached;       /* bytes of attachments in flight */
    bool alone_in_flight;   /* the one that is must be the only one */
    uv_timer_t show;        /* runs while streams come in */
    struct mono urls_looked;
};

/* --- streams that come in ------------------------------------------------------------------------- */

static void show_fired(uv_timer_t *timer)
{
    struct dispatch *dispatch = timer->data;
    struct core *core = dispatch->core;
    struct mono now = clock_mono(core->clock);
    struct flight *flight;
    int64_t soonest_ms = -1;

    LIST_FOREACH (flight, &core->streams, link) {
        int64_t due_ms = flight_show(flight, now);

        if (due_ms >= 0 && (soonest_ms < 0 || due_ms < soonest_ms))
            soonest_ms = due_ms;
    }
    if (soonest_ms >= 0)
        uv_timer_start(&dispatch->show, show_fired, (uint64_t)soonest_ms, 0);
}

static void listened(struct flight *flight)
{
    struct dispatch *dispatch = flight->context;

    if (!uv_is_active((uv_handle_t *)&dispatch->show))
        uv_timer_start(&dispatch->show, show_fired, 1, 0);
}

/* --- leaving ------------------------------------------------------------------------------------------- */

static void landed(struct flight *flight)
{
    struct dispatch *dispatch = flight->context;

    dispatch->in_flight--;
    dispatch->attached -= flight->attached;
    dispatch->alone_in_flight = false;
    /* What waited for reservations of others waits for a better reason from now on, or goes. */
    if (dispatch->in_flight == 0 && afford_passing(dispatch->core->afford) > 0)
        dispatch->core->asks = afford_count(dispatch->core->afford);
    core_progress(dispatch->core);
}

/* A flight that ends before it left: its job stays marked, like those in flight. */
static void flight_dropped(struct flight *flight)
{
    struct dispatch *dispatch = flight->context;

    dispatch->in_flight--;
    dispatch->attached -= flight->attached;
    dispatch->alone_in_flight = false;
    flight_free(flight);
}

/* All whose marks are set leave, after one write of their events. */
static void dispatch_leave(struct dispatch *dispatch)
{
    struct flight *flight = dispatch->leaving;

    if (flight == NULL)
        return;
    dispatch->leaving = NULL;
    events_flush(dispatch->core->events);
    while (flight != NULL) {
        struct flight *next = flight->next;

        if (dispatch->core->abandoned)
            flight_dropped(flight);
        else if (flight->task->cancel)
            flight_withdraw(flight);
        else
            flight_start(flight);
        flight = next;
    }
}

/* --- getting ready ------------------------------------------------------------------------------------- */

/* The file in cur/ is not the job that was accepted: what lies there goes through the door again, and
 * this job ends. */
static void task_spoilt(struct core *core, struct task *task, const struct error *error)
{
    char name[ENTRY_NAME_SIZE];

    log_error(&core->log, "%s", error->text);
    entry_write(ENTRY_JOB, &task->id, 0, name);
    if (error->kind == ERROR_DATA)
        move_back_to_new(core->spool, FOLDER_CUR, name);
    finish_job(core, task, NULL, NULL,
               &(struct end){.status = "failed",
                             .reason = error->kind == ERROR_ABSENT ? "vanished" : "changed",
                             .message = error->text,
                             .cost_nano = -1});
}

static void task_expired(struct core *core, struct task *task, struct job *job)
{
    finish_job(core, task, job, NULL,
               &(struct end){.status = "expired",
                             .reason = "expired",
                             .message = "The job expired before it could be sent.",
                             .cost_nano = -1});
}

/* The model that would be asked while the task's own gate is closed cannot take it: it waits for its
 * own. */
static void task_stays(struct core *core, struct task *task)
{
    task->no_detour = true;
    queue_move(core->queue, task, lanes_without_fallback(core->lanes, task->lane));
}

static bool is_detour(const struct pick *pick)
{
    return pick->via != pick->task->lane;
}

static void task_inexpressible(struct core *core, const struct pick *pick, struct job *job,
                               const struct error *error)
{
    if (is_detour(pick)) {
        job_free(job);
        task_stays(core, pick->task);
        return;
    }
    finish_job(core, pick->task, job, NULL,
               &(struct end){.status = "failed",
                             .reason = "cannot_express",
                             .message = error->text,
                             .provider = pick->upstream->provider,
                             .cost_nano = -1});
}

/* No request could be built for a job. */
static void task_unbuilt(struct core *core, const struct pick *pick, struct job *job,
                         const struct error *error)
{
    if (error->kind == ERROR_DATA) {
        task_inexpressible(core, pick, job, error);
    } else if (error->kind == ERROR_ABSENT) {
        finish_job(core, pick->task, job, NULL,
                   &(struct end){.status = "failed",
                                 .reason = "attachment_lost",
                                 .message = error->text,
                                 .cost_nano = -1});
    } else { /* the disk, or this process: not the job's doing */
        log_error(&core->log, "%s", error->text);
        job_free(job);
        pick->task->not_before = clock_wall(core->clock).ms + READ_AGAIN_MS;
        queue_place(core->queue, pick->task);
    }
}

static void flight_marked(struct flight *flight)
{
    struct dispatch *dispatch = flight->context;
    const struct state *memory = flight->task->memory;

    core_event(dispatch->core, "started", flight->task,
               json_pack("{s:s, s:s, s:i}", "model", flight->via->model, "gate",
                         flight->upstream->name, "request",
                         (int)(memory != NULL ? memory->sends : 0) + 1));
    flight->next = dispatch->leaving;
    dispatch->leaving = flight;
}

/* One of the things that had to be durable is. */
static void flight_ready(struct flight *flight)
{
    if (--flight->waits > 0)
        return;
    if (flight->core->abandoned) {
        flight_dropped(flight);
        return;
    }
    if (flight->unpaid) {
        flight_withdraw(flight);
        return;
    }
    flight_marked(flight);
    flight->core->kick(flight->core);
}

/* The mark is durable; only jobs with on_doubt = hold wait for that. */
static void mark_durable(void *context, int result, int failed_file)
{
    struct flight *flight = context;

    (void)failed_file;
    if (result < 0)
        log_warning(&flight->core->log, "cur/: a mark cannot be synced: %s", strerror(-result));
    flight_ready(flight);
}

/* The reservation is durable, or could not be written: then the request must not be sent. */
static void money_durable(void *context, int result)
{
    struct flight *flight = context;

    flight->unpaid = result < 0;
    flight_ready(flight);
}

static bool waits_for_mark(const struct core *core, const struct job *job)
{
    return job->on_doubt_given ? job->on_doubt == ON_DOUBT_HOLD : core->config->hold_on_doubt;
}

static void sync_mark(struct flight *flight)
{
    struct core *core = flight->core;
    struct publication *publication = publication_new(mark_durable, flight);
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, &flight->task->id, 0, name);
    publication_sync_mode(publication, FOLDER_CUR, name);
    publish_add(core->publish, publication);
}

/* Sets what it may cost aside, and waits for what must be durable before it leaves. */
static void flight_prepare(struct flight *flight, const struct money_request *price)
{
    struct core *core = flight->core;
    struct money_reservation reservation = money_reserve(core->money, price);

    flight->reservation = reservation.number;
    flight->waits = 1;
    if (waits_for_mark(core, flight->job)) {
        flight->waits++;
        sync_mark(flight);
    }
    if (reservation.wait) {
        flight->waits++;
        money_flush(core->money, money_durable, flight);
    }
    flight_ready(flight);
}

/* Sets the mark on the open file. */
static int task_mark(struct core *core, struct task *task, int fd)
{
    if (fchmod(fd, mark_mode(core, task)) == 0)
        return 0;
    log_error(&core->log, "cur/: a job cannot be marked as running: %s", strerror(errno));
    return -1;
}

/* Told once: a person has to say what a model costs. */
static void tell_no_price(struct core *core, const struct money_hold *hold)
{
    if (!afford_knows(core->afford, hold->reason))
        log_warning(&core->log, "jobs are held: %s", hold->reason);
}

/* Whether a pick's request may be paid for; if not, its task is held. */
static bool task_affords(struct core *core, const struct pick *pick,
                         const struct money_request *price)
{
    struct money_hold hold;
    enum money_answer answer = money_ask(core->money, price, &hold);

    if (answer == MONEY_GO)
        return true;
    if (is_detour(pick)) {
        task_stays(core, pick->task);
        return false;
    }
    if (answer == MONEY_NO_PRICE)
        tell_no_price(core, &hold);
    afford_hold(core->afford, pick->task, hold.reason, hold.until_ms, answer == MONEY_WAIT);
    queue_place(core->queue, pick->task);
    return false;
}

static void task_fly(struct dispatch *dispatch, const struct pick *pick, struct job *job,
                     struct provider_request *request, const struct money_request *price)
{
    struct core *core = dispatch->core;
    struct flight *flight;

    queue_phase(core->queue, pick->task, TASK_RUNNING);
    flight = flight_new(core, pick, job, request);
    flight->landed = landed;
    flight->listened = listened;
    flight->context = dispatch;
    dispatch->alone_in_flight = pick->task->alone;
    dispatch->in_flight++;
    dispatch->attached += flight->attached;
    flight_prepare(flight, price);
}

/* The bytes are there: may they be paid for, and can the job be marked? */
static void task_offer(struct dispatch *dispatch, const struct pick *pick, struct job *job, int fd,
                       struct provider_request *request)
{
    struct core *core = dispatch->core;
    struct money_request price = {.user = pick->task->user,
                                  .run = pick->task->in_run,
                                  .provider = pick->upstream->provider,
                                  .model = pick->via->model,
                                  .cost_nano = flight_cost_nano(core, job, pick)};

    if (task_affords(core, pick, &price)) {
        if (task_mark(core, pick->task, fd) == 0) {
            task_fly(dispatch, pick, job, request, &price);
            return;
        }
        snprintf(core->trouble, sizeof core->trouble, "jobs in cur/ cannot be marked");
    }
    provider_request_clear(request);
    job_free(job);
}

static void task_send(struct dispatch *dispatch, const struct pick *pick)
{
    struct core *core = dispatch->core;
    struct task *task = pick->task;
    struct provider_request request = {0};
    struct provider_ask ask;
    struct error error;
    int fd = -1;
    struct job *job = task_read_job(core, task, &fd, &error);

    if (job == NULL) {
        task_spoilt(core, task, &error);
        return;
    }
    ask = flight_ask(core, task, job, pick);
    if (task->expires <= clock_wall(core->clock).ms)
        task_expired(core, task, job);
    else if (attach_build(core, pick->via->protocol, job, &ask, &request, &error) < 0)
        task_unbuilt(core, pick, job, &error);
    else
        task_offer(dispatch, pick, job, fd, &request);
    close(fd);
}

/* --- which --------------------------------------------------------------------------------------------- */

/* Ends what expired while it waited. */
static void end_expired(struct core *core)
{
    struct task *task;

    while ((task = queue_expired(core->queue)) != NULL)
        task_expired(core, task, NULL);
}

/* Answers in memory are bounded: where the disk is slower than the models, sending waits for it. */
static bool disk_keeps_up(const struct core *core)
{
    return queue_count(core->queue, TASK_ENDING) + queue_count(core->queue, TASK_SETTLING) <
           UNPUBLISHED_MOST;
}

static bool may_send(const struct dispatch *dispatch)
{
    const struct core *core = dispatch->core;

    return disk_keeps_up(core) && dispatch->attached < ATTACHED_MOST && !core->paused && !core->stopping && !core->spool_lost &&
           core->trouble[0] == '\0';
}

/* One of the tasks that must be sent alone, if it may go now. */
static bool next_alone(struct core *core, struct mono now, struct pick *pick)
{
    struct task *task = queue_first_alone(core->queue);

    while (task != NULL && !(task->phase == TASK_WAITING && task->rest == REST_READY &&
                             lanes_offer(core->lanes, task, now, pick)))
        task = queue_next_alone(task);
    return task != NULL;
}

/* The next task to send. A job in doubt after repeated crashes goes alone: it waits until nothing is in
 * flight, and nothing goes until it has ended. One that cannot move (held, its gate closed) keeps nobody
 * else. */
static bool next_task(const struct dispatch *dispatch, struct pick *pick)
{
    struct core *core = dispatch->core;
    struct mono now = clock_mono(core->clock);
    struct wall wall = clock_wall(core->clock);

    if (dispatch->alone_in_flight)
        return false;
    if (next_alone(core, now, pick))
        return dispatch->in_flight == 0;
    return dispatch->in_flight < core->config->concurrency &&
           lanes_pick(core->lanes, wall, now, pick);
}

/* Some that were too dear are asked again; those that still are go to the end of the line. */
static void ask_again(struct core *core)
{
    struct task *task;

    for (unsigned i = 0; i < ASKED_A_TURN && core->asks > 0; i++) {
        core->asks--;
        task = afford_let_go(core->afford);
        if (task == NULL)
            core->asks = 0;
        else
            queue_place(core->queue, task);
    }
    if (core->asks > 0)
        core->kick(core);
}

static void look_at_urls(struct dispatch *dispatch)
{
    struct core *core = dispatch->core;
    struct mono now = clock_mono(core->clock);

    if (queue_resting(core->queue, REST_READY) == 0 ||
        now.ms - dispatch->urls_looked.ms < URLS_LOOK_MS)
        return;
    dispatch->urls_looked = now;
    lanes_look_at_urls(core->lanes);
}

void dispatch_work(struct dispatch *dispatch)
{
    struct core *core = dispatch->core;
    size_t broke = afford_count(core->afford);
    struct pick pick;

    end_expired(core);
    room_look(core);
    look_at_urls(dispatch);
    ask_again(core);
    while (may_send(dispatch) && next_task(dispatch, &pick)) {
        task_send(dispatch, &pick);
        if (afford_count(core->afford) >= broke + BROKE_A_TURN) {
            core->kick(core);
            break;
        }
    }
    dispatch_leave(dispatch);
}

unsigned dispatch_in_flight(const struct dispatch *dispatch)
{
    return dispatch->in_flight;
}

void dispatch_cancel(struct task *task)
{
    task->cancel = true;
    if (task->flight != NULL && task->flight->transfer != NULL)
        transfer_abort(task->flight->transfer);
}

unsigned dispatch_abandon(struct dispatch *dispatch)
{
    struct core *core = dispatch->core;
    unsigned count = 0;

    core->abandoned = true;
    for (struct task *task = queue_first(core->queue), *next; task != NULL; task = next) {
        next = queue_next(task);
        if (task->flight == NULL || task->flight->transfer == NULL)
            continue;
        transfer_abort(task->flight->transfer);
        count++;
    }
    return count;
}

struct dispatch *dispatch_open(struct core *core)
{
    struct dispatch *dispatch = xcalloc(1, sizeof *dispatch);

    dispatch->core = core;
    uv_timer_init(core->loop, &dispatch->show);
    dispatch->show.data = dispatch;
    return dispatch;
}

static void dispatch_free(uv_handle_t *handle)
{
    free(handle->data);
}

void dispatch_close(struct dispatch *dispatch)
{
    if (dispatch != NULL)
        uv_close((uv_handle_t *)&dispatch->show, dispatch_free);
}
