/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outcome: see outcome.h.
 */
#include "daemon/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/exchange.h"
#include "daemon/finish.h"
#include "daemon/flight.h"
#include "daemon/mark.h"
#include "daemon/metrics.h"

enum {
    THROTTLES_IN_A_ROW = 5,            /* as many say that the job itself is too large … */
    THROTTLE_OTHERS = 10,              /* … when so many others succeeded between each two */
    FREE_TIMEOUTS = 3,                 /* a queue that is too long excuses a job so often */
};

/* --- the attempt ------------------------------------------------------------------------------------- */

static void record_attempt(struct task *task, const struct request_end *end, bool counted)
{
    const struct verdict *verdict = &end->verdict;
    struct attempt attempt = {
        .count = 1,
        .outcome = verdict->outcome,
        .counted = counted,
        .started = end->started,
        .ended = end->ended,
        .http_status = end->http_status,
        .code = verdict->code[0] != '\0' ? xstrdup(verdict->code) : NULL,
        .message = verdict->message[0] != '\0' ? xstrdup(verdict->message) : NULL,
        .request_id = verdict->request_id[0] != '\0' ? xstrdup(verdict->request_id) : NULL,
        .upstream = xstrdup(end->upstream->name),
    };

    if (verdict->outcome == OUTCOME_UNUSABLE && end->raw_length > 0)
        attempt.raw = xstrndup(end->raw, end->raw_length < ATTEMPT_RAW_LIMIT ? end->raw_length
                                                                           : ATTEMPT_RAW_LIMIT);
    state_record(task_memory(task), &attempt);
}

static struct end end_of(const struct request_end *end, const char *status, const char *reason,
                         const char *message)
{
    return (struct end){
        .status = status,
        .reason = reason,
        .message = message,
        .model = end->via->model,
        .provider = end->upstream->provider,
        .request_id = end->verdict.request_id[0] != '\0' ? end->verdict.request_id : NULL,
        .raw = end->raw,
        .raw_length = end->raw_length,
        .mock = end->verdict.mock,
        .started = end->started,
        .first_token = end->first_token,
        .latency_ms = end->latency_ms,
        .cost_nano = end->cost_nano,
    };
}

/* Full jitter over a doubled base (AWS Architecture Blog, "Exponential Backoff and Jitter"); what
 * the server asked for is a floor. */
static int64_t backoff_ms(struct core *core, unsigned failures, int64_t asked)
{
    int64_t limit = core->config->backoff_limit_ms;
    int64_t span = core->config->backoff_ms;
    int64_t wait;

    for (unsigned i = 1; i < failures && span < limit; i++)
        span *= 2;
    if (span > limit)
        span = limit;
    wait = span > 0 ? (int64_t)random_below(&core->random, (uint64_t)span + 1) : 0;
    return asked > wait ? asked : wait;
}

/* --- another model ----------------------------------------------------------------------------------- */

static const char by_transient[] = "transient";
static const char by_refusal[] = "refused";
static const char by_gate[] = "gate_closed";

/* The lane whose chain says what comes next: the one that was asked, or the task's own if its chain was
 * put aside while its gate was closed. */
static struct lane *chain_of(struct core *core, struct task *task, const struct job *job,
                             const struct request_end *end)
{
    if (!task->no_detour)
        return end->via;
    task->no_detour = false;
    task_find_lane(core, task, job);
    return task->lane;
}

/* Turns to the next model of the chain. Returns whether there is one: then the task waits for it. */
static bool fall_back(struct core *core, struct task *task, const struct job *job,
                      const struct request_end *end, const char *reason)
{
    struct lane *next = lanes_fallback(core->lanes, chain_of(core, task, job, end));

    if (next == NULL)
        return false;
    core_event(core, "fallback", task,
               json_pack("{s:s, s:s, s:s, s:s}", "from", end->via->model, "to", next->model,
                         "reason", reason, "code", end->verdict.code));
    state_fall_back(task_memory(task), next->model, reason);
    task->memory->next_try = 0;
    task_find_lane(core, task, job);
    return true;
}

/* A request that went to a fallback because the model's own gate was closed: the output tells it. */
static void note_detour(struct core *core, struct task *task, const struct request_end *end)
{
    if (end->via == task->lane || strcmp(end->via->model, task->lane->model) == 0)
        return;
    core_event(core, "fallback", task,
               json_pack("{s:s, s:s, s:s}", "from", task->lane->model, "to", end->via->model,
                         "reason", by_gate));
    state_fall_back(task_memory(task), end->via->model, by_gate);
}

/* --- one function an outcome ------------------------------------------------------------------------- */

static void back_to_waiting(struct core *core, struct task *task, struct job *job)
{
    job_free(job);
    mark_later(core, task);
}

static void settle_failed(struct core *core, struct task *task, struct job *job,
                          struct request_end *end)
{
    struct end failed = end_of(end, "failed", end->verdict.code, end->verdict.message);

    finish_job(core, task, job, NULL, &failed);
}

/* Whether an answer that was cut at its bound is to be asked for again with a higher one. */
static bool wants_longer(const struct core *core, const struct task *task, const struct job *job,
                         const struct request_end *end)
{
    const char *finish = end->answer->finish_reason;
    unsigned times =
        task->memory != NULL ? state_count(task->memory, OUTCOME_UNUSABLE, OUTCOME_TRUNCATED) : 0;
    bool cut = end->verdict.cut ||
               (end->answer->truncated && finish != NULL && strcmp(finish, "length") == 0);

    return cut && times < core->config->truncated_retries &&
           flight_bound(core, end->via, job, times + 1) > flight_bound(core, end->via, job, times);
}

/* The answer that was cut is kept with its attempt: it was paid for. */
static void ask_for_longer(struct core *core, struct task *task, struct job *job,
                           struct request_end *end)
{
    struct buffer text = {0};

    if (end->answer->output != NULL) { /* else it was JSON, and its raw is there */
        jsontext_write(&text, end->answer->output);
        end->raw = text.bytes;
        end->raw_length = text.length;
    }
    end->verdict.outcome = OUTCOME_UNUSABLE;
    snprintf(end->verdict.code, sizeof end->verdict.code, "%s", OUTCOME_TRUNCATED);
    snprintf(end->verdict.message, sizeof end->verdict.message,
             "the answer was cut at its bound and is asked for with a higher one");
    record_attempt(task, end, false);
    buffer_free(&text);
    core_event(core, "retry", task, json_pack("{s:s}", "reason", OUTCOME_TRUNCATED));
    back_to_waiting(core, task, job);
}

static bool falls_back_on_refusal(struct core *core, struct task *task, const struct job *job,
                                  const struct request_end *end)
{
    return core->config->fallback_on_refusal &&
           (end->verdict.refused || end->verdict.moderation) &&
           lanes_fallback(core->lanes, chain_of(core, task, job, end)) != NULL;
}

/* The model refused in its answer: the refusal stays with the attempt, and another model is asked. */
static void pass_refusal_on(struct core *core, struct task *task, struct job *job,
                            struct request_end *end)
{
    end->raw = end->answer->refusal;
    end->raw_length = end->raw != NULL ? strlen(end->raw) : 0;
    end->verdict.outcome = OUTCOME_UNUSABLE;
    snprintf(end->verdict.code, sizeof end->verdict.code, "%s", by_refusal);
    snprintf(end->verdict.message, sizeof end->verdict.message, "the model refused to answer");
    record_attempt(task, end, false);
    fall_back(core, task, job, end, by_refusal);
    back_to_waiting(core, task, job);
}

static void settle_ok(struct core *core, struct task *task, struct job *job,
                      struct request_end *end)
{
    struct end done = end_of(end, "completed", NULL, NULL);

    if (wants_longer(core, task, job, end)) {
        ask_for_longer(core, task, job, end);
        return;
    }
    if (falls_back_on_refusal(core, task, job, end)) {
        pass_refusal_on(core, task, job, end);
        return;
    }
    done.raw = NULL;
    done.raw_length = 0;
    record_attempt(task, end, false);
    note_detour(core, task, end);
    finish_job(core, task, job, end->answer, &done);
}

static void settle_job(struct core *core, struct task *task, struct job *job,
                       struct request_end *end)
{
    record_attempt(task, end, false);
    if (end->effect == GATE_PUT_BACK || (falls_back_on_refusal(core, task, job, end) &&
                                         fall_back(core, task, job, end, by_refusal)))
        back_to_waiting(core, task, job);
    else
        settle_failed(core, task, job, end);
}

static bool is_malformed(const struct verdict *verdict)
{
    return strcmp(verdict->code, PROVIDER_INVALID_JSON) == 0 ||
           strcmp(verdict->code, PROVIDER_SCHEMA) == 0 ||
           strcmp(verdict->code, PROVIDER_NO_LABEL) == 0;
}

/* Whether the attempts that a job has are used up by this one, which was recorded. */
static bool used_up(const struct core *core, const struct task *task, const struct job *job,
                    const struct verdict *verdict)
{
    const struct state *memory = task->memory;
    unsigned most = job->max_attempts != 0 ? job->max_attempts : core->config->max_attempts;
    unsigned malformed = state_count(memory, OUTCOME_UNUSABLE, PROVIDER_INVALID_JSON) +
                         state_count(memory, OUTCOME_UNUSABLE, PROVIDER_SCHEMA) +
                         state_count(memory, OUTCOME_UNUSABLE, PROVIDER_NO_LABEL);

    if (is_malformed(verdict) && malformed > core->config->json_retries)
        return true;
    return memory->failures >= most;
}

/* An outage counts nothing. A time-out before the first byte is the queue's doing, but a job that meets
 * it again and again would go round for ever. */
static bool counts(const struct task *task, const struct request_end *end)
{
    const struct verdict *verdict = &end->verdict;

    if (end->effect == GATE_COUNTS)
        return true;
    return strcmp(verdict->code, EXCHANGE_FIRST_BYTE) == 0 && task->memory != NULL &&
           state_count(task->memory, verdict->outcome, verdict->code) >= FREE_TIMEOUTS;
}

static void settle_transient(struct core *core, struct task *task, struct job *job,
                             struct request_end *end)
{
    bool counted = counts(task, end);
    unsigned most = job->max_attempts != 0 ? job->max_attempts : core->config->max_attempts;
    struct state *memory;

    if (wants_longer(core, task, job, end)) {
        ask_for_longer(core, task, job, end);
        return;
    }
    record_attempt(task, end, counted);
    memory = task_memory(task);
    if (used_up(core, task, job, &end->verdict)) {
        if (fall_back(core, task, job, end, by_transient))
            back_to_waiting(core, task, job);
        else
            settle_failed(core, task, job, end);
        return;
    }
    memory->next_try = 0;
    if (counted)
        memory->next_try = clock_wall(core->clock).ms +
                           backoff_ms(core, memory->failures, end->verdict.wait_ms);
    core_event(core, "retry", task,
               json_pack("{s:s, s:i, s:i}", "reason", end->verdict.code, "attempt",
                         (int)memory->failures, "max_attempts", (int)most));
    back_to_waiting(core, task, job);
}

/* A job that is throttled again and again while others get through is too large for the limit: it
 * would wait for ever. */
static bool throttled_for_good(struct core *core, struct task *task,
                               const struct upstream *upstream)
{
    uint64_t succeeded = gate_view(upstream->gate, clock_mono(core->clock)).succeeded;

    if (task->throttle_streak > 0 && succeeded < task->throttle_mark + THROTTLE_OTHERS)
        return false;
    task->throttle_mark = succeeded;
    task->throttle_streak++;
    return task->throttle_streak >= THROTTLES_IN_A_ROW;
}

/* What is throttled again and again is next in line each time, and would keep all others from going:
 * they go first for a while. */
static void give_way(struct core *core, struct task *task)
{
    task->throttle_run++;
    if (task->throttle_run > 1 && task->lane->ready.count > 0)
        task_memory(task)->next_try =
            clock_wall(core->clock).ms + backoff_ms(core, task->throttle_run - 1, -1);
}

static void settle_throttled(struct core *core, struct task *task, struct job *job,
                             struct request_end *end)
{
    record_attempt(task, end, false);
    if (throttled_for_good(core, task, end->upstream)) {
        settle_failed(core, task, job, end);
        return;
    }
    give_way(core, task);
    core_event(core, "throttled", task, json_pack("{s:s}", "reason", end->verdict.code));
    back_to_waiting(core, task, job);
}

static void settle_upstream(struct core *core, struct task *task, struct job *job,
                            struct request_end *end)
{
    record_attempt(task, end, false);
    back_to_waiting(core, task, job);
}

static void settle_not_sent(struct core *core, struct task *task, struct job *job,
                            struct request_end *end)
{
    (void)end;
    job_free(job);
    mark_unsent(core, task);
}

static void settle_cancelled(struct core *core, struct task *task, struct job *job,
                             struct request_end *end)
{
    record_attempt(task, end, false);
    finish_job(core, task, job, NULL,
               &(struct end){.status = "cancelled",
                             .reason = "cancelled",
                             .message = "Cancelled by an order while its request was in flight.",
                             .provider = end->upstream->provider,
                             .started = end->started,
                             .latency_ms = end->latency_ms,
                             .cost_nano = -1});
}

typedef void settle_function(struct core *, struct task *, struct job *, struct request_end *);

void outcome_settle(struct core *core, struct task *task, struct job *job,
                    struct request_end *end)
{
    static settle_function *const settle[] = {
        [OUTCOME_OK] = settle_ok,
        [OUTCOME_NOT_SENT] = settle_not_sent,
        [OUTCOME_JOB] = settle_job,
        [OUTCOME_TRANSIENT] = settle_transient,
        [OUTCOME_THROTTLED] = settle_throttled,
        [OUTCOME_UPSTREAM] = settle_upstream,
        [OUTCOME_UNKNOWN] = settle_transient,
        [OUTCOME_UNUSABLE] = settle_transient,
        [OUTCOME_CANCELLED] = settle_cancelled,
    };

    if (end->verdict.outcome != OUTCOME_THROTTLED)
        task->throttle_streak = task->throttle_run = 0;
    if (end->verdict.outcome != OUTCOME_NOT_SENT)
        queue_not_alone(core->queue, task);
    settle[end->verdict.outcome](core, task, job, end);
    if (task->phase != TASK_ENDING)
        metrics_retry(core->metrics, end->verdict.outcome);
}
