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
#include "daemon/finish.h"
#include "daemon/outcome.h"
#include "daemon/room.h"
#include "daemon/status.h"
#include "spool/move.h"

enum {
    MODEL_TRUSTED_MS = 10 * 60 * 1000, /* a success this young says that URL and model are right */
    URL_SIZE = 2048,
    SHORTEST_KEY = 16,
    UNPUBLISHED_MOST = 512, /* ends waiting for the disk, above which nothing new is sent */
};

/* A request on its way. */
struct flight {
    struct dispatch *dispatch;
    struct flight *next; /* in dispatch's list of those about to leave */
    struct task *task;
    struct job *job;
    struct lane *lane;
    const struct provider *protocol; /* that it left with: a reload may change the lane's way */
    struct provider_request request;
    struct transfer *transfer; /* NULL until it left */
    struct gate_ticket ticket;
    struct wall started;
    char *provider; /* its name when it left */
    char *gate;
};

struct dispatch {
    struct core *core;
    struct flight *leaving; /* marked, their events not written yet */
    unsigned in_flight;     /* from the mark to the outcome */
    bool alone_in_flight; /* the one that is must be the only one */
    bool abandoned;
};

static void flight_free(struct flight *flight)
{
    if (flight->task != NULL)
        flight->task->flight = NULL;
    flight->dispatch->in_flight--;
    flight->dispatch->alone_in_flight = false;
    provider_request_clear(&flight->request);
    job_free(flight->job);
    free(flight->provider);
    free(flight->gate);
    free(flight);
}

/* --- what came back ----------------------------------------------------------------------------------- */

/* What a request without a whole answer means. */
static struct verdict verdict_of_transfer(const struct transfer_result *result)
{
    struct verdict verdict = {.wait_ms = -1};

    switch (result->end) {
    case TRANSFER_NOT_SENT:
        verdict.outcome = OUTCOME_NOT_SENT;
        break;
    case TRANSFER_ABORTED:
        verdict.outcome = OUTCOME_CANCELLED;
        break;
    case TRANSFER_UNKNOWN:
    case TRANSFER_ANSWERED:
        verdict.outcome = OUTCOME_UNKNOWN;
        break;
    }
    if (result->too_large)
        snprintf(verdict.code, sizeof verdict.code, "answer_too_large");
    else if (result->timed_out)
        snprintf(verdict.code, sizeof verdict.code, "%s",
                 result->before_first_byte ? "timeout_first_byte" : "timeout");
    else
        snprintf(verdict.code, sizeof verdict.code, "curl_%d", result->curl_code);
    snprintf(verdict.message, sizeof verdict.message, "%s", result->message);
    return verdict;
}

/* Servers have been seen to repeat the key that they refuse: it must not get into a file or log. A key
 * that is shorter than any real one could be a word of the answer. */
static void conceal_key(const struct flight *flight, const struct buffer *body)
{
    const struct config_provider *route = flight->lane->route;
    const char *key = route != NULL && route->key_count > 0 ? route->keys[0].key : NULL;
    size_t length = key != NULL ? strlen(key) : 0;
    char *from = body->bytes;
    char *found;

    if (length < SHORTEST_KEY)
        return;
    while ((found = memmem(from, body->length - (size_t)(from - body->bytes), key, length)) != NULL) {
        memset(found, '*', length);
        from = found + length;
    }
}

static struct verdict verdict_of_answer(struct flight *flight,
                                        const struct transfer_result *result,
                                        struct answer *answer)
{
    struct core *core = flight->dispatch->core;
    struct provider_header *headers =
        xcalloc(result->header_count + 1, sizeof *headers);
    struct provider_reply reply = {.status = result->status,
                                   .headers = headers,
                                   .header_count = result->header_count,
                                   .body = result->body.bytes != NULL ? result->body.bytes : "",
                                   .body_length = result->body.length};
    struct verdict verdict;

    for (size_t i = 0; i < result->header_count; i++) {
        headers[i].name = result->headers[i].name;
        headers[i].value = result->headers[i].value;
    }
    verdict = flight->protocol->read(flight->job, &reply, clock_wall(core->clock), answer);
    free(headers);
    flight->lane->mock = verdict.mock;
    flight->lane->real = !verdict.mock && verdict.outcome == OUTCOME_OK;
    return verdict;
}

/* A 404 for a model or path that answered well a moment ago is the job's own. */
static void judge_model(const struct flight *flight, struct verdict *verdict)
{
    struct gate_view view = gate_view(flight->lane->gate);
    int64_t now = clock_mono(flight->dispatch->core->clock).ms;

    if (verdict->outcome == OUTCOME_UPSTREAM && verdict->about_model &&
        view.last_success_mono_ms >= 0 && now - view.last_success_mono_ms < MODEL_TRUSTED_MS)
        verdict->outcome = OUTCOME_JOB;
}

static void gate_tell(struct core *core, const struct flight *flight, enum gate_state before)
{
    struct gate_view view = gate_view(flight->lane->gate);
    bool closed = before == GATE_OPEN && view.state != GATE_OPEN;
    bool opened = before != GATE_OPEN && view.state == GATE_OPEN;

    if (!closed && !opened)
        return;
    if (closed && view.loud)
        log_error(&core->log, "gate %s closed: %s", flight->gate, view.reason);
    else
        log_info(&core->log, "gate %s %s%s%s", flight->gate, closed ? "closed" : "opened",
                 closed ? ": " : "", closed ? view.reason : "");
    events_add(core->events, closed ? "gate_closed" : "gate_opened",
               json_pack("{s:s, s:s*}", "gate", flight->gate, "reason",
                         closed ? view.reason : NULL));
}

static enum gate_effect flight_tell_gate(struct flight *flight, const struct verdict *verdict,
                                         int status)
{
    struct core *core = flight->dispatch->core;
    struct gate *gate = flight->lane->gate;
    enum gate_state before = gate_view(gate).state;
    struct gate_report report = {.outcome = verdict->outcome,
                                 .code = verdict->code,
                                 .message = verdict->message,
                                 .trouble = verdict->trouble,
                                 .http_status = status,
                                 .wait_ms = verdict->wait_ms,
                                 .job = flight->task->id};
    enum gate_effect effect =
        gate_ended(gate, flight->ticket, &report, clock_mono(core->clock));

    gate_tell(core, flight, before);
    return effect;
}

/* Whether the body of this answer must be kept because nothing else holds what it says. */
static bool keeps_raw(const struct verdict *verdict, const struct transfer_result *result)
{
    return result->body.length > 0 &&
           (verdict->outcome == OUTCOME_UNUSABLE || verdict->outcome == OUTCOME_UNKNOWN);
}

static void flight_landed(void *context, struct transfer_result *result)
{
    struct flight *flight = context;
    struct core *core = flight->dispatch->core;
    struct task *task = flight->task;
    struct job *job = flight->job;
    struct answer answer = {0};
    struct request_end end = {.answer = &answer,
                              .started = flight->started.ms,
                              .latency_ms = result->total_ms,
                              .http_status = result->status,
                              .gate = flight->gate,
                              .provider = flight->provider};

    if (result->body.length > 0)
        conceal_key(flight, &result->body);
    if (flight->dispatch->abandoned) { /* stays marked: the next start counts the doubt */
        flight_free(flight);
        return;
    }
    end.verdict = result->end == TRANSFER_ANSWERED ? verdict_of_answer(flight, result, &answer)
                                                   : verdict_of_transfer(result);
    judge_model(flight, &end.verdict);
    end.effect = flight_tell_gate(flight, &end.verdict, result->status);
    end.ended = clock_wall(core->clock).ms;
    if (keeps_raw(&end.verdict, result)) {
        end.raw = result->body.bytes;
        end.raw_length = result->body.length;
    }
    if (end.verdict.outcome == OUTCOME_OK)
        status_latency(core->status, result->total_ms);
    flight->job = NULL;
    task->flight = NULL;
    outcome_settle(core, task, job, &end);
    answer_clear(&answer);
    flight->task = NULL;
    flight_free(flight);
    core_progress(core);
}

/* --- leaving ------------------------------------------------------------------------------------------- */

static int flight_start(struct flight *flight, struct error *error)
{
    const struct config_provider *route = flight->lane->route;
    char url[URL_SIZE];
    char *secret = NULL;
    struct transfer_request request = {
        .url = url,
        .headers = (const char *const *)flight->request.headers,
        .body = &flight->request.body,
        .connect_timeout_ms = route->connect_timeout_ms,
        .first_byte_timeout_ms = route->first_byte_timeout_ms,
        .total_timeout_ms = flight->job->timeout > 0 ? flight->job->timeout : route->timeout_ms,
        .answer_limit = flight->dispatch->core->config->answer_limit,
    };

    if ((size_t)snprintf(url, sizeof url, "%s%s", route->url_count > 0 ? route->urls[0] : "", flight->request.path) >= sizeof url) {
        error_set(error, ERROR_USAGE, "the URL of provider %s is too long", route->name);
        return -1;
    }
    if (route->key_count > 0) {
        secret = provider_key_header(flight->protocol, route->keys[0].key);
        request.secret_header = secret;
    }
    flight->transfer = transfer_start(flight->dispatch->core->transfers, &request, flight_landed,
                                      flight, error);
    if (secret != NULL) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
    return flight->transfer != NULL ? 0 : -1;
}

/* libcurl refused to begin: as if the upstream could not be reached. */
static void flight_refused(struct flight *flight, const struct error *error)
{
    struct transfer_result result = {.end = TRANSFER_NOT_SENT, .first_byte_ms = -1};

    snprintf(result.message, sizeof result.message, "%.*s", (int)sizeof result.message - 1,
             error->text);
    flight_landed(flight, &result);
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
        struct error error;

        if (dispatch->abandoned)
            flight_free(flight); /* stays marked, like those in flight */
        else if (flight_start(flight, &error) < 0)
            flight_refused(flight, &error);
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
                             .message = error->text});
}

static void task_expired(struct core *core, struct task *task, struct job *job)
{
    finish_job(core, task, job, NULL,
               &(struct end){.status = "expired",
                             .reason = "expired",
                             .message = "The job expired before it could be sent."});
}

static void task_inexpressible(struct core *core, struct task *task, struct job *job,
                               const struct error *error)
{
    finish_job(core, task, job, NULL,
               &(struct end){.status = "failed",
                             .reason = "cannot_express",
                             .message = error->text,
                             .provider = task->lane->route->name});
}

static struct flight *flight_new(struct dispatch *dispatch, struct task *task, struct job *job)
{
    struct flight *flight = xcalloc(1, sizeof *flight);

    flight->dispatch = dispatch;
    flight->task = task;
    flight->job = job;
    flight->lane = task->lane;
    flight->protocol = task->lane->protocol;
    flight->started = clock_wall(dispatch->core->clock);
    flight->provider = xstrdup(task->lane->route->name);
    flight->gate = xstrdup(task->lane->gate_name);
    flight->ticket = gate_sent(task->lane->gate, clock_mono(dispatch->core->clock));
    task->flight = flight;
    dispatch->alone_in_flight = task->alone;
    dispatch->in_flight++;
    return flight;
}

static void flight_marked(struct flight *flight)
{
    struct dispatch *dispatch = flight->dispatch;

    core_event(dispatch->core, "started", flight->task,
               json_pack("{s:s, s:i}", "gate", flight->gate, "request",
                         (int)(flight->task->memory != NULL ? flight->task->memory->sends : 0) + 1));
    flight->next = dispatch->leaving;
    dispatch->leaving = flight;
}

/* The mark is durable; only jobs with on_doubt = hold wait for that. */
static void mark_durable(void *context, int result, int failed_file)
{
    struct flight *flight = context;
    struct core *core = flight->dispatch->core;

    (void)failed_file;
    if (result < 0)
        log_warning(&core->log, "cur/: a mark cannot be synced: %s", strerror(-result));
    if (flight->dispatch->abandoned) {
        flight_free(flight);
        return;
    }
    flight_marked(flight);
    core->kick(core);
}

static bool waits_for_mark(const struct core *core, const struct job *job)
{
    return job->on_doubt_given ? job->on_doubt == ON_DOUBT_HOLD : core->config->hold_on_doubt;
}

static void flight_prepare(struct flight *flight)
{
    struct core *core = flight->dispatch->core;
    struct publication *publication;
    char name[ENTRY_NAME_SIZE];

    if (!waits_for_mark(core, flight->job)) {
        flight_marked(flight);
        return;
    }
    entry_write(ENTRY_JOB, &flight->task->id, 0, name);
    publication = publication_new(mark_durable, flight);
    publication_sync_mode(publication, FOLDER_CUR, name);
    publish_add(core->publish, publication);
}

/* Sets the mark on the open file. */
static int task_mark(struct core *core, struct task *task, int fd)
{
    if (fchmod(fd, outcome_mark(core, task)) == 0)
        return 0;
    log_error(&core->log, "cur/: a job cannot be marked as running: %s", strerror(errno));
    return -1;
}

static void task_send(struct dispatch *dispatch, struct task *task)
{
    struct core *core = dispatch->core;
    struct provider_request request = {0};
    struct error error;
    int fd = -1;
    struct job *job = task_read_job(core, task, &fd, &error);

    if (job == NULL) {
        task_spoilt(core, task, &error);
        return;
    }
    if (task->expires <= clock_wall(core->clock).ms) {
        task_expired(core, task, job);
    } else if (task->lane->protocol->build(job, job->model, &request, &error) < 0) {
        task_inexpressible(core, task, job, &error);
    } else if (task_mark(core, task, fd) < 0) {
        provider_request_clear(&request);
        job_free(job);
        snprintf(core->trouble, sizeof core->trouble, "jobs in cur/ cannot be marked");
    } else {
        struct flight *flight = flight_new(dispatch, task, job);

        flight->request = request;
        queue_phase(core->queue, task, TASK_RUNNING);
        flight_prepare(flight);
    }
    close(fd);
}

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

    return disk_keeps_up(core) && !core->paused && !core->stopping && !core->spool_lost &&
           core->trouble[0] == '\0';
}

/* The next task to send, or NULL. A job in doubt after repeated crashes goes alone: it waits until nothing
 * is in flight, and nothing goes until it has ended. One that cannot move (held, its gate closed) keeps
 * nobody else. */
static struct task *next_task(const struct dispatch *dispatch)
{
    struct core *core = dispatch->core;
    struct mono now = clock_mono(core->clock);

    if (dispatch->alone_in_flight)
        return NULL;
    if (queue_alone(core->queue) > 0) {
        struct task *alone = lanes_pick(core->lanes, true, now);

        if (alone != NULL)
            return dispatch->in_flight == 0 ? alone : NULL;
    }
    return dispatch->in_flight < core->config->concurrency ? lanes_pick(core->lanes, false, now)
                                                           : NULL;
}

void dispatch_work(struct dispatch *dispatch)
{
    struct core *core = dispatch->core;
    struct task *task;

    end_expired(core);
    room_look(core);
    while (may_send(dispatch) && (task = next_task(dispatch)) != NULL)
        task_send(dispatch, task);
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

    dispatch->abandoned = true;
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
    return dispatch;
}

void dispatch_close(struct dispatch *dispatch)
{
    free(dispatch);
}
