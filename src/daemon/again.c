/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * again: see again.h.
 */
#include "daemon/again.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/archived.h"
#include "daemon/batches.h"
#include "daemon/debt.h"
#include "daemon/orders.h"
#include "spool/file.h"
#include "spool/move.h"

/* One taking back under way: the unit stays locked until the job is in cur/. */
struct again {
    struct core *core;
    struct unit unit;
    struct task *task;
    struct job *job;
    again_done *done;
    void *context;
};

static int again_lock(struct core *core, enum folder folder, const struct id *id,
                      struct unit *unit)
{
    int result = unit_lock(core->spool, folder, id, unit);

    if (result < 0 || !unit->gone)
        return result;
    result = unit_finish_gone(unit);
    unit_unlock(unit);
    return result < 0 ? result : -ENOENT;
}

int again_find(struct core *core, const struct id *id, struct unit *unit)
{
    int result = again_lock(core, FOLDER_FAILED, id, unit);

    return result == -ENOENT ? again_lock(core, FOLDER_DONE, id, unit) : result;
}

int again_record(struct core *core, enum folder folder, enum entry_kind kind, const struct id *id,
                 unsigned version, json_t **record)
{
    struct buffer text = {0};
    char name[ENTRY_NAME_SIZE];
    int result;

    entry_write(kind, id, version, name);
    result = file_read_at(core->spool->dir[folder], name, SIZE_MAX, &text, NULL);
    if (result == 0) {
        *record = jsontext_read_object(text.bytes, text.length, NULL);
        result = *record != NULL ? 0 : -EINVAL;
    }
    buffer_free(&text);
    return result;
}

/* The time of a record's `times` member, wall ms; 0 when it has none. */
static int64_t record_time(const json_t *record, const char *key)
{
    const char *text = jsontext_get_text(json_object_get(record, "times"), key, NULL);
    struct wall time = {0};

    if (text == NULL || timetext_read(text, &time) < 0)
        return 0;
    return time.ms;
}

int again_newest(struct core *core, const struct id *id, struct newest *newest)
{
    unsigned lowest, highest;
    int result = unit_versions(core->spool, id, &lowest, &highest);

    *newest = (struct newest){.version = highest};
    for (unsigned version = highest; result == 0 && version > 0 && version >= lowest; version--) {
        json_t *record;
        bool good;

        if (again_record(core, FOLDER_DONE, ENTRY_OUTPUT, id, version, &record) < 0)
            continue; /* damaged or just pruned: llmspool-check tells */
        if (version == highest)
            newest->submitted = record_time(record, "submitted");
        good = strcmp(jsontext_get_text(record, "status", ""), "completed") == 0;
        if (good) {
            newest->good = version;
            newest->finished = record_time(record, "finished");
            newest->mock = jsontext_get_bool(record, "mock", false);
        }
        json_decref(record);
        if (good)
            break;
    }
    return result;
}

int again_failure(struct core *core, const struct id *id, struct failure *failure)
{
    int result = again_record(core, FOLDER_FAILED, ENTRY_ERROR, id, 0, &failure->record);

    if (result < 0)
        return result;
    failure->finished = record_time(failure->record, "finished");
    failure->run = (unsigned)jsontext_get_int(failure->record, "run", 1);
    failure->tries = (unsigned)jsontext_get_int(failure->record, "tries", 0);
    return 0;
}

static bool there(struct core *core, enum folder folder, enum entry_kind kind,
                  const struct id *id, unsigned version)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(kind, id, version, name);
    return faccessat(core->spool->dir[folder], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The highest number that an output of the job ever had, in done/ or in the archive. */
static int highest_ever(struct core *core, const struct id *id, unsigned *highest)
{
    unsigned archived, lowest;
    int result = archived_version(core->archived, id, &archived);

    *highest = 0;
    if (result == 0 && there(core, FOLDER_DONE, ENTRY_OUTPUT, id, 1))
        result = unit_versions(core->spool, id, &lowest, highest);
    if (*highest < archived)
        *highest = archived;
    return result;
}

int again_remembered(struct core *core, const struct id *id, int64_t submitted,
                     struct state **memory, bool *failed)
{
    struct failure failure;
    unsigned highest;
    int result = highest_ever(core, id, &highest);

    *memory = NULL;
    if (result < 0)
        return result;
    if (!there(core, FOLDER_FAILED, ENTRY_ERROR, id, 0)) {
        if (highest > 0)
            *memory = state_again(id, highest + 1, 0, submitted, NULL);
        return 0;
    }
    result = again_failure(core, id, &failure);
    if (result == 0) {
        *memory = state_again(id, highest >= failure.run ? highest + 1 : failure.run,
                              failure.tries + 1, submitted, failure.record);
        json_decref(failure.record);
        *failed = true;
    }
    return result == -EINVAL ? 0 : result; /* one that cannot be read is left to llmspool-check */
}

void again_forget_failure(struct core *core, const struct id *id)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_ERROR, id, 0, name);
    if (unlinkat(core->spool->dir[FOLDER_FAILED], name, 0) < 0 && errno != ENOENT)
        log_warning(&core->log, "failed/%s cannot be removed: %s", name, strerror(errno));
}

static void again_end(struct again *again, bool ok)
{
    if (!ok)
        queue_remove(again->core->queue, again->task);
    unit_unlock(&again->unit);
    core_progress(again->core);
    again->done(again->context, ok);
    job_free(again->job);
    free(again);
}

static void again_unlink_state(struct again *again)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_STATE, &again->task->id, 0, name);
    unlinkat(again->core->spool->dir[FOLDER_CUR], name, 0);
}

/* The state is durable: the job moves, and with a retry its error file goes. */
static void again_move(void *context, int result, int failed_file)
{
    struct again *again = context;
    const struct spool *spool = again->core->spool;
    struct task *task = again->task;
    char name[ENTRY_NAME_SIZE], error_name[ENTRY_NAME_SIZE];
    bool retry = again->unit.folder == FOLDER_FAILED;

    (void)failed_file;
    entry_write(ENTRY_JOB, &task->id, 0, name);
    if (result == 0)
        result = move_noreplace(spool->dir[again->unit.folder], name, spool->dir[FOLDER_CUR], name);
    if (result < 0) {
        log_warning(&again->core->log, "%s/%s cannot be taken back into cur/: %s",
                    folder_name(again->unit.folder), name, strerror(-result));
        again_unlink_state(again);
        again_end(again, false);
        return;
    }
    if (retry) {
        entry_write(ENTRY_ERROR, &task->id, 0, error_name);
        unlinkat(spool->dir[FOLDER_FAILED], error_name, 0);
        debt_names_mend(again->core, &task->id, task->submitted, again->job, task->memory);
    }
    core_event(again->core, retry ? "retried" : "rerun", task, NULL);
    queue_phase(again->core->queue, task, TASK_WAITING);
    again_end(again, true);
}

/* The run that an output was charged to, or NULL; the caller's. */
static char *run_of_output(struct core *core, const struct id *id, unsigned version)
{
    json_t *record = NULL;
    char *in_run = NULL;

    if (again_record(core, FOLDER_DONE, ENTRY_OUTPUT, id, version, &record) == 0)
        in_run = xstrdup(jsontext_get_text(record, "in_run", NULL));
    json_decref(record);
    return in_run;
}

/* What the job remembers in its new run or try; NULL when its records cannot be read. */
static struct state *again_state(struct core *core, const struct unit *unit, int64_t submitted)
{
    struct failure failure;
    struct newest newest;
    struct state *state;

    if (unit->folder == FOLDER_DONE) {
        if (again_newest(core, &unit->id, &newest) < 0)
            return NULL;
        state = state_again(&unit->id, newest.version + 1, 0, submitted, NULL);
        state->in_run = run_of_output(core, &unit->id, newest.version);
        return state;
    }
    if (again_failure(core, &unit->id, &failure) < 0)
        return state_again(&unit->id, 1, 1, submitted, NULL);
    state = state_again(&unit->id, failure.run, failure.tries + 1, submitted, failure.record);
    json_decref(failure.record);
    return state;
}

static struct job *again_job(struct core *core, const struct unit *unit)
{
    struct buffer text = {0};
    struct error error;
    struct job *job = NULL;

    if (lseek(unit->fd, 0, SEEK_SET) == 0 &&
        file_read(unit->fd, core->config->job_limit, &text) == 0)
        job = job_read_accepted(text.bytes, text.length, &error);
    buffer_free(&text);
    if (job != NULL && !id_equal(&job->id, &unit->id)) {
        job_free(job);
        job = NULL;
    }
    return job;
}

bool again_user_is(struct core *core, const struct unit *unit, const char *user)
{
    struct job *job;
    bool same;

    if (user == NULL)
        return true;
    job = again_job(core, unit);
    same = job != NULL && job->user != NULL && strcmp(job->user, user) == 0;
    job_free(job);
    return same;
}

void again_take(struct core *core, struct unit *unit, int64_t submitted,
                const struct job *duplicate, const char *in_run, again_done *done, void *context)
{
    struct job *job = again_job(core, unit);
    struct state *memory = job != NULL ? again_state(core, unit, submitted) : NULL;
    struct again *again;
    struct publication *publication;

    if (memory == NULL) {
        log_warning(&core->log, "%s: the job or its record cannot be read; llmspool-check tells more",
                    folder_name(unit->folder));
        job_free(job);
        unit_unlock(unit);
        done(context, false);
        return;
    }
    if (duplicate != NULL)
        state_widen(memory, job, duplicate);
    if (memory->in_run == NULL)
        memory->in_run = xstrdup(in_run);
    again = xcalloc(1, sizeof *again);
    *again = (struct again){
        .core = core, .unit = *unit, .job = job, .done = done, .context = context};
    again->task = queue_add(core->queue, &unit->id);
    again->task->memory = memory;
    again->task->submitted = submitted;
    again->task->accepted = clock_wall(core->clock).ms;
    again->task->held_by_order = orders_holds(core, &unit->id);
    task_apply(core, again->task, job);
    publication = publication_new(again_move, again);
    task_publish_memory(core, again->task, publication);
    batches_again(core->batches, &unit->id, publication);
    publish_add(core->publish, publication);
}
