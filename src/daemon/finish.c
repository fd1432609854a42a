/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * finish: see finish.h.
 */
#include "daemon/finish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/moneytext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/again.h"
#include "daemon/batches.h"
#include "daemon/crash.h"
#include "daemon/debt.h"
#include "daemon/debt_hook.h"
#include "daemon/flows.h"
#include "daemon/metrics.h"
#include "daemon/orders.h"
#include "daemon/run_ends.h"
#include "daemon/status.h"
#include "spool/move.h"
#include "spool/unit.h"
#include "spool/visible.h"

enum { RETRY_MS = 1000, RAW_LIMIT = 64 * 1024 };

/* Where the record of an end is when its publication begins. */
enum ending_source {
    ENDING_MADE,        /* it is made of job, state and answer */
    ENDING_UNPUBLISHED, /* it lies as cur/ID.out.vN */
    ENDING_PUBLISHED,   /* it lies in its folder: only debts and names are missing */
};

struct ending {
    struct finish *finish;
    struct ending *next; /* in one of finish's lists */
    struct task *task;
    struct job *job;
    struct answer answer;
    bool answered;
    bool told; /* durable, its event added: only the move is left */
    enum ending_source source;
    enum folder folder; /* where the job goes */
    struct end end;     /* its texts lie in owned */
    char *owned[6];
    int64_t finished;   /* wall ms */
};

struct finish {
    struct core *core;
    struct ending *durable; /* published in this commit: they move when their events are written */
    struct ending *stuck;   /* could not be written: tried again */
    size_t stuck_count;
    uv_timer_t retry;
};

static void ending_free(struct ending *ending)
{
    job_free(ending->job);
    answer_clear(&ending->answer);
    for (size_t i = 0; i < sizeof ending->owned / sizeof ending->owned[0]; i++)
        free(ending->owned[i]);
    free(ending);
}

static bool ending_completed(const struct ending *ending)
{
    return strcmp(ending->end.status, "completed") == 0;
}

/* --- the record ------------------------------------------------------------------------------------ */

static void ending_record(const struct ending *ending, struct buffer *out)
{
    const struct end *end = &ending->end;
    struct task *task = ending->task;
    struct core *core = ending->finish->core;
    struct record record = {
        .job = ending->job,
        .state = task_memory(task),
        .times = {.submitted = task->submitted,
                  .accepted = task->accepted,
                  .started = end->started,
                  .first_token = end->first_token,
                  .finished = ending->finished},
        .status = end->status,
        .in_run = task->in_run,
        .provider = end->provider,
        .request_id = end->request_id,
        .mock = end->mock,
        .store_response = core->config->store_response,
        .latency_ms = end->latency_ms,
        .cost_nano = end->cost_nano,
        .currency = core->config->currency,
        .reason = end->reason,
        .message = end->message,
        .raw = end->raw,
        .raw_length = end->raw_length,
    };

    if (ending->folder == FOLDER_FAILED)
        record_write_error(out, &record);
    else
        record_write_output(out, &record, ending->answered ? &ending->answer : NULL);
}

/* The record's name in its folder, and for an output the name under which it is written in cur/. */
static void ending_names(const struct ending *ending, char name[ENTRY_NAME_SIZE],
                         char temp[ENTRY_NAME_SIZE])
{
    const struct task *task = ending->task;

    if (ending->folder == FOLDER_FAILED) {
        entry_write(ENTRY_ERROR, &task->id, 0, name);
        return;
    }
    entry_write(ENTRY_OUTPUT, &task->id, task_run(task), name);
    entry_write(ENTRY_ANSWER, &task->id, task_run(task), temp);
}

static void ending_add_record(struct ending *ending, struct publication *publication,
                              const char *name, const char *temp)
{
    mode_t mode = ending->finish->core->spool->job_mode;
    struct buffer text = {0};

    switch (ending->source) {
    case ENDING_MADE:
        ending_record(ending, &text);
        if (ending->folder == FOLDER_FAILED)
            publication_file(publication, FOLDER_FAILED, name, mode, &text, true, FOLDER_TMP, NULL);
        else
            publication_file(publication, FOLDER_DONE, name, mode, &text, false, FOLDER_CUR, temp);
        publication_reader(publication,
                           visible_reader(ending->finish->core->spool, ending->task->user));
        break;
    case ENDING_UNPUBLISHED:
        publication_existing(publication, FOLDER_DONE, name, false, FOLDER_CUR, temp);
        break;
    case ENDING_PUBLISHED: /* perhaps not durably */
        publication_folder(publication, ending->folder);
        break;
    }
}

static void ending_published(void *context, int result, int failed_file);

/* What names lead to after a rerun that ended without an answer: the good version before it. Writes its
 * file name and returns it, or returns NULL when the record itself is the answer. */
static const char *ending_answer(const struct ending *ending, char name[ENTRY_NAME_SIZE])
{
    const struct task *task = ending->task;
    struct newest newest;

    if (ending->folder != FOLDER_DONE || ending_completed(ending) ||
        again_newest(ending->finish->core, &task->id, &newest) < 0 || newest.good == 0)
        return NULL;
    entry_write(ENTRY_OUTPUT, &task->id, newest.good, name);
    return name;
}

static void ending_owe(const struct ending *ending, struct publication *publication,
                       const struct debt_end *end)
{
    struct core *core = ending->finish->core;
    const struct task *task = ending->task;

    debt_all(core, publication, end, ending->job, task->memory);
    debt_hook_end(core, publication, end, ending->job, task->memory,
                  &(struct debt_job){.reason = ending->end.reason,
                                     .message = ending->end.message,
                                     .model = ending->end.model,
                                     .in_run = task->in_run});
}

static void ending_publish(struct ending *ending)
{
    struct core *core = ending->finish->core;
    struct task *task = ending->task;
    struct publication *publication = publication_new(ending_published, ending);
    char name[ENTRY_NAME_SIZE], temp[ENTRY_NAME_SIZE], job[ENTRY_NAME_SIZE];
    char answer[ENTRY_NAME_SIZE];

    ending_names(ending, name, temp);
    entry_write(ENTRY_JOB, &task->id, 0, job);
    ending_add_record(ending, publication, name, temp);
    publication_sync(publication, FOLDER_CUR, job);
    ending_owe(ending, publication,
               &(struct debt_end){.id = &task->id,
                                  .run = task_run(task),
                                  .event = ending->end.status,
                                  .folder = ending->folder,
                                  .record = name,
                                  .answer = ending_answer(ending, answer),
                                  .user = ending->job->user});
    publish_add(core->publish, publication);
}

/* --- after the record is durable -------------------------------------------------------------------- */

static void finish_committed(void *context);

static void retry_fired(uv_timer_t *timer)
{
    struct finish *finish = timer->data;
    struct ending *ending = finish->stuck;

    finish->stuck = NULL;
    finish->stuck_count = 0;
    while (ending != NULL) {
        struct ending *next = ending->next;

        if (ending->told) {
            ending->next = finish->durable;
            finish->durable = ending;
        } else {
            ending_publish(ending);
        }
        ending = next;
    }
    finish_committed(finish);
}

static void ending_stuck(struct ending *ending, int result)
{
    struct finish *finish = ending->finish;
    struct core *core = finish->core;
    char id[ID_SHORT_SIZE];

    id_write_short(&ending->task->id, id);
    if (finish->stuck == NULL)
        log_error(&core->log, "%s: its %s, trying again each second: %s", id,
                  ending->told ? "job cannot be moved" : "record cannot be written",
                  strerror(-result));
    ending->next = finish->stuck;
    finish->stuck = ending;
    finish->stuck_count++;
    if (!uv_is_active((uv_handle_t *)&finish->retry))
        uv_timer_start(&finish->retry, retry_fired, RETRY_MS, 0);
    core_touch(core);
}

/* Whether a publication that failed had got its output into done/ all the same: the fault came after
 * the rename, when the folder was synced or a debt written. Its times tell it from another's. */
static bool ending_is_there(const struct ending *ending)
{
    struct core *core = ending->finish->core;
    char name[ENTRY_NAME_SIZE], temp[ENTRY_NAME_SIZE];
    struct buffer text = {0};
    json_t *there = NULL, *ours;
    bool same;

    if (ending->folder != FOLDER_DONE || ending->source == ENDING_PUBLISHED)
        return false;
    ending_names(ending, name, temp);
    if (ending->source == ENDING_UNPUBLISHED)
        return faccessat(core->spool->dir[FOLDER_CUR], temp, F_OK, 0) < 0 && errno == ENOENT &&
               faccessat(core->spool->dir[FOLDER_DONE], name, F_OK, 0) == 0;
    if (again_record(core, FOLDER_DONE, ENTRY_OUTPUT, &ending->task->id, task_run(ending->task),
                     &there) < 0)
        return false;
    ending_record(ending, &text);
    ours = jsontext_read_object(text.bytes, text.length, NULL);
    buffer_free(&text);
    same = json_equal(json_object_get(there, "times"), json_object_get(ours, "times")) == 1;
    json_decref(there);
    json_decref(ours);
    return same;
}

/* The version's name is taken by an output that nobody told us of: it stays, ours gets the next
 * number. */
static bool ending_renumber(struct ending *ending)
{
    struct core *core = ending->finish->core;
    unsigned lowest, highest;

    if (ending->folder != FOLDER_DONE || ending->source != ENDING_MADE ||
        unit_versions(core->spool, &ending->task->id, &lowest, &highest) < 0)
        return false;
    task_memory(ending->task)->run = highest + 1;
    ending_publish(ending);
    return true;
}

static void ending_event(const struct ending *ending)
{
    const struct end *end = &ending->end;

    core_event(ending->finish->core, end->status, ending->task,
               json_pack("{s:s*, s:s*, s:s*, s:s*}", "reason", end->reason, "message", end->message,
                         "model", end->model, "provider", end->provider));
}

static void ending_published(void *context, int result, int failed_file)
{
    struct ending *ending = context;
    struct finish *finish = ending->finish;

    if (result < 0 && ending_is_there(ending))
        ending->source = ENDING_PUBLISHED;
    else if (result == -EEXIST && failed_file == 0 && ending_renumber(ending))
        return;
    if (result < 0) {
        ending_stuck(ending, result);
        return;
    }
    ending_event(ending);
    ending->told = true;
    ending->next = finish->durable;
    finish->durable = ending;
}

/* The move that makes it count; what lies at the target is the same work. */
static int ending_move(const struct ending *ending)
{
    struct core *core = ending->finish->core;
    const struct spool *spool = core->spool;
    char name[ENTRY_NAME_SIZE];
    int result;

    entry_write(ENTRY_JOB, &ending->task->id, 0, name);
    if (fchmodat(spool->dir[FOLDER_CUR], name, spool->job_mode, 0) < 0 && errno != ENOENT)
        log_error(&core->log, "cur/%s: its mark cannot be cleared: %s", name, strerror(errno));
    result = move_noreplace(spool->dir[FOLDER_CUR], name, spool->dir[ending->folder], name);
    if (result == -EEXIST && renameat(spool->dir[FOLDER_CUR], name, spool->dir[ending->folder],
                                      name) == 0)
        result = 0;
    if (result == -ENOENT) {
        log_error(&core->log, "cur/%s is gone: its record is in %s/ without it", name,
                  folder_name(ending->folder));
        result = 0;
    }
    return result;
}

static void remove_if_there(struct core *core, enum folder folder, const char *name)
{
    if (unlinkat(core->spool->dir[folder], name, 0) < 0 && errno != ENOENT)
        log_warning(&core->log, "%s/%s cannot be removed: %s", folder_name(folder), name,
                    strerror(errno));
}

static void ending_clear_away(const struct ending *ending)
{
    struct core *core = ending->finish->core;
    const struct task *task = ending->task;
    char name[ENTRY_NAME_SIZE], id[ID_TEXT_SIZE];

    if (task->has_state_file) {
        entry_write(ENTRY_STATE, &task->id, 0, name);
        remove_if_there(core, FOLDER_CUR, name);
    }
    if (task->has_partial || ending->source != ENDING_MADE) {
        entry_write(ENTRY_PARTIAL, &task->id, 0, name);
        remove_if_there(core, FOLDER_CUR, name);
    }
    if (task->held_by_order) {
        id_write(&task->id, id);
        snprintf(name, sizeof name, "hold.%s", id);
        remove_if_there(core, FOLDER_CTL, name);
    }
}

/* The one line that a log keeps of a job. */
static void ending_log(const struct ending *ending)
{
    const struct task *task = ending->task;
    const struct end *end = &ending->end;
    const struct usage *usage = &ending->answer.usage;
    char id[ID_SHORT_SIZE], wait[TIMETEXT_SIZE], run_time[TIMETEXT_SIZE];
    char cost[MONEYTEXT_SIZE] = "";
    int64_t started = end->started > 0 ? end->started : ending->finished;

    id_write_short(&task->id, id);
    timetext_write_duration(started > task->submitted ? started - task->submitted : 0, wait);
    timetext_write_duration(end->latency_ms, run_time);
    if (end->cost_nano >= 0)
        moneytext_write(end->cost_nano, cost);
    log_info(&ending->finish->core->log,
             "%s: user=%s run=%u model=%s provider=%s status=%s attempts=%u in=%lld out=%lld cost=%s "
             "wait=%s run_time=%s",
             id, task->user != NULL ? task->user : "", task_run(task),
             end->model != NULL ? end->model : task->lane->model,
             end->provider != NULL ? end->provider : "", end->status,
             task->memory != NULL ? task->memory->sends : 0,
             ending->answered ? (long long)usage->input_tokens : 0LL,
             ending->answered ? (long long)usage->output_tokens : 0LL, cost, wait, run_time);
}

static void ending_count(const struct ending *ending)
{
    struct core *core = ending->finish->core;
    struct totals *totals = &core->totals;

    if (ending_completed(ending))
        totals->completed++;
    else if (strcmp(ending->end.status, "cancelled") == 0)
        totals->cancelled++;
    else if (strcmp(ending->end.status, "expired") == 0)
        totals->expired++;
    else
        totals->failed++;
    status_ended(core->status, ending->task, ending_completed(ending));
}

/* The job is where it belongs: what was beside it goes, and it is forgotten. */
static void ending_leave(struct ending *ending)
{
    struct core *core = ending->finish->core;
    struct task *task = ending->task;
    struct id id = task->id;
    char *name = xstrdup(task->name);
    json_t *names = task->memory != NULL ? json_incref(task->memory->names) : NULL;

    ending_clear_away(ending);
    ending_log(ending);
    ending_count(ending);
    if (task->watched) {
        batches_ended(core->batches);
        run_ends_ended(core->run_ends);
    }
    queue_remove(core->queue, task);
    flows_ended(core->flows, &id,
                ending->folder == FOLDER_DONE ? "completed" : ending->end.status, name, names);
    json_decref(names);
    free(name);
    ending_free(ending);
}

/* After a commit: events first, for all at once, then the moves. */
static void finish_committed(void *context)
{
    struct finish *finish = context;
    struct core *core = finish->core;
    struct ending *ending = finish->durable;

    if (ending == NULL)
        return;
    finish->durable = NULL;
    events_flush(core->events);
    while (ending != NULL) {
        struct ending *next = ending->next;
        int result = ending_move(ending);

        if (result < 0)
            ending_stuck(ending, result);
        else
            ending_leave(ending);
        ending = next;
    }
    crash_job_finished(core->crash);
    orders_look(core->orders);
    core_progress(core);
}

/* --- beginning an end --------------------------------------------------------------------------------- */

static struct ending *ending_new(struct core *core, struct task *task, struct job *job)
{
    struct ending *ending = xcalloc(1, sizeof *ending);

    ending->finish = core->finish;
    ending->task = task;
    ending->job = job;
    ending->finished = clock_wall(core->clock).ms;
    return ending;
}

/* The statuses are a closed set, so a copy that outlives the caller's text is one of these. */
static const char *status_word(const char *status)
{
    static const char *const words[] = {"completed", "failed", "cancelled", "expired"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], status) == 0)
            return words[i];
    return "failed";
}

static void ending_copy(struct ending *ending, const struct end *end)
{
    size_t raw_length = end->raw_length < RAW_LIMIT ? end->raw_length : RAW_LIMIT;

    ending->end = *end;
    ending->end.status = status_word(end->status);
    ending->end.reason = ending->owned[0] = xstrdup(end->reason);
    ending->end.message = ending->owned[1] = xstrdup(end->message);
    ending->end.provider = ending->owned[2] = xstrdup(end->provider);
    ending->end.request_id = ending->owned[3] = xstrdup(end->request_id);
    ending->end.model = ending->owned[5] = xstrdup(end->model);
    ending->end.raw = ending->owned[4] =
        raw_length > 0 ? xmemdup(end->raw, raw_length) : NULL;
    ending->end.raw_length = raw_length;
}

/* A job that has a good output stays a job that is done: a rerun that failed is told in its version. */
static enum folder ending_folder(struct core *core, const struct task *task, const char *status)
{
    struct newest newest;

    if (strcmp(status, "completed") == 0)
        return FOLDER_DONE;
    if (task_run(task) > 1 && again_newest(core, &task->id, &newest) == 0 && newest.good > 0)
        return FOLDER_DONE;
    return FOLDER_FAILED;
}

/* A job whose file is gone or changed: what can still be said of it. */
static struct job *job_of_vanished(const struct task *task, struct error *error)
{
    json_t *document = json_pack("{s:s, s:s, s:s*}", "model", task->lane->model, "prompt",
                                 "(the job file is gone)", "name", task->name);
    struct job *job = job_from_json(document, &(struct job_context){0}, error);

    json_decref(document);
    if (job != NULL)
        job->id = task->id;
    return job;
}

void finish_job(struct core *core, struct task *task, struct job *job, struct answer *answer,
                const struct end *end)
{
    struct error error;
    struct ending *ending;

    if (job == NULL)
        job = task_read_job(core, task, NULL, &error);
    if (job == NULL)
        job = job_of_vanished(task, &error);
    ending = ending_new(core, task, job);
    ending_copy(ending, end);
    ending->folder = ending_folder(core, task, end->status);
    if (answer != NULL) {
        ending->answer = *answer;
        ending->answered = true;
        *answer = (struct answer){0};
    }
    queue_not_alone(core->queue, task);
    queue_phase(core->queue, task, TASK_ENDING);
    ending_publish(ending);
    core_touch(core);
}

void finish_resume(struct core *core, struct task *task, struct job *job, enum folder folder,
                   const char *status, bool unpublished)
{
    struct ending *ending = ending_new(core, task, job);

    ending_copy(ending, &(struct end){.status = status, .cost_nano = -1});
    ending->folder = folder;
    ending->source = unpublished ? ENDING_UNPUBLISHED : ENDING_PUBLISHED;
    queue_phase(core->queue, task, TASK_ENDING);
    ending_publish(ending);
}

size_t finish_stuck(const struct finish *finish)
{
    return finish->stuck_count;
}

static void committed(void *context)
{
    struct finish *finish = context;

    metrics_committed(finish->core->metrics);
    finish_committed(finish);
}

struct finish *finish_open(struct core *core)
{
    struct finish *finish = xcalloc(1, sizeof *finish);

    finish->core = core;
    uv_timer_init(core->loop, &finish->retry);
    finish->retry.data = finish;
    publish_on_commit(core->publish, committed, finish);
    return finish;
}

static void finish_free(uv_handle_t *handle)
{
    struct finish *finish = handle->data;

    while (finish->stuck != NULL) {
        struct ending *next = finish->stuck->next;

        ending_free(finish->stuck);
        finish->stuck = next;
    }
    free(finish);
}

void finish_close(struct finish *finish)
{
    if (finish != NULL)
        uv_close((uv_handle_t *)&finish->retry, finish_free);
}
