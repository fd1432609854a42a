/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core: see core.h.
 */
#include "daemon/core.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "daemon/attach.h"
#include "job/job.h"
#include "job/tokens.h"
#include "spool/file.h"
#include "spool/visible.h"

enum { OUTPUT_USUAL = 1024 }; /* tokens of an answer that nothing bounds, for limits and turns */

void core_event_id(struct core *core, const char *kind, const struct id *id, json_t *more)
{
    json_t *fields = json_object();
    char text[ID_TEXT_SIZE];

    id_write(id, text);
    json_object_set_new(fields, "id", json_string(text));
    if (more != NULL)
        json_object_update_new(fields, more);
    events_add(core->events, kind, fields);
}

void core_event(struct core *core, const char *kind, const struct task *task, json_t *more)
{
    json_t *fields = json_pack("{s:i, s:s*, s:s*, s:s*}", "run", (int)task_run(task), "name",
                               task->name, "user", task->user, "model",
                               task->lane != NULL ? task->lane->model : NULL);

    if (more != NULL)
        json_object_update_new(fields, more);
    core_event_id(core, kind, &task->id, fields);
}

void core_touch(struct core *core)
{
    core->changed = core->counted = true;
    core->kick(core);
}

void core_progress(struct core *core)
{
    core->progress = clock_mono(core->clock);
    core_touch(core);
}

unsigned task_run(const struct task *task)
{
    return task->memory != NULL ? task->memory->run : 1;
}

struct state *task_memory(struct task *task)
{
    if (task->memory == NULL) {
        task->memory = state_new(&task->id);
        task->memory->submitted = task->submitted;
    }
    return task->memory;
}

/* The models that are left when one of a chain is asked: those behind it; a new reference. */
static json_t *chain_after(const json_t *chain, const char *model)
{
    json_t *rest = json_array();
    bool found = false;

    for (size_t i = 0; i < json_array_size(chain); i++) {
        json_t *name = json_array_get(chain, i);

        if (found)
            json_array_append(rest, name);
        found = found || strcmp(json_string_value(name), model) == 0;
    }
    return rest;
}

/* How long its prompt is, and its answer may be, for the model that is asked. */
static void task_estimate(struct core *core, struct task *task, const struct job *job)
{
    struct price price = {0};
    uint64_t most = config_model_max_output(core->config, task->lane->model, task->lane->wanted);

    if (most == 0 && money_price(core->money, task->lane->model, task->lane->wanted, &price))
        most = (uint64_t)price.max_output_tokens;
    task->input_tokens = tokens_of_job(job);
    task->output_tokens = tokens_of_output(job, most > 0 ? most : OUTPUT_USUAL);
}

void task_find_lane(struct core *core, struct task *task, const struct job *job)
{
    const char *fallback = task->memory != NULL ? task->memory->fallback : NULL;
    struct lane_want want = {.model = job->model,
                             .provider = job->provider,
                             .type = job->type,
                             .user = job->user,
                             .chain = job->fallback};
    json_t *rest;

    task->lane = lanes_get(core->lanes, &want);
    if (fallback != NULL) {
        rest = chain_after(task->lane->chain, fallback);
        want = (struct lane_want){
            .model = fallback, .type = job->type, .user = job->user, .chain = rest};
        task->lane = lanes_get(core->lanes, &want);
        json_decref(rest);
    }
    task_estimate(core, task, job);
}

void task_find_share(struct core *core, struct task *task)
{
    if (task->share != NULL)
        task->share->tasks--;
    task->share = lanes_share(core->lanes, task);
    task->share->tasks++;
}

void task_apply(struct core *core, struct task *task, const struct job *job)
{
    const struct state *memory = task->memory;

    if (task->name == NULL)
        task->name = xstrdup(job->name);
    if (task->user == NULL)
        task->user = xstrdup(job->user);
    if (task->in_run == NULL && memory != NULL)
        task->in_run = xstrdup(memory->in_run);
    if (task->share == NULL)
        task_find_share(core, task);
    if (task->lane == NULL)
        task_find_lane(core, task, job);
    task->stream = job->stream || (memory != NULL && memory->stream);
    task->priority = job->priority;
    task->not_before = job->not_before;
    task->expires = job->expires;
    if (memory == NULL)
        return;
    if (memory->priority >= 0)
        task->priority = memory->priority;
    if (memory->not_before >= 0)
        task->not_before = memory->not_before;
    if (memory->expires >= 0)
        task->expires = memory->expires;
    if (memory->submitted > 0)
        task->submitted = memory->submitted;
}

void task_publish_memory(struct core *core, struct task *task, struct publication *publication)
{
    struct buffer text = {0};
    char name[ENTRY_NAME_SIZE];

    state_write(task_memory(task), &text);
    entry_write(ENTRY_STATE, &task->id, 0, name);
    publication_file(publication, FOLDER_CUR, name, core->spool->job_mode, &text, true, FOLDER_TMP,
                     NULL);
    publication_reader(publication, visible_reader(core->spool, task->user));
    task->has_state_file = true;
}

struct job *task_read_job(struct core *core, const struct task *task, int *fd,
                          struct error *error)
{
    struct buffer text = {0};
    struct job *job = NULL;
    char name[ENTRY_NAME_SIZE];
    int file, result;

    entry_write(ENTRY_JOB, &task->id, 0, name);
    file = openat(core->spool->dir[FOLDER_CUR], name,
                  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) {
        error_set(error, errno == ENOENT ? ERROR_ABSENT : ERROR_SYSTEM, "cur/%s cannot be opened: %s",
                  name, strerror(errno));
        return NULL;
    }
    result = file_read(file, core->config->job_limit, &text);
    if (result < 0) {
        error_system(error, -result, "cur/%s cannot be read", name);
    } else {
        job = job_read_accepted(text.bytes, text.length, error);
        if (job != NULL && !id_equal(&job->id, &task->id)) {
            error_set(error, ERROR_DATA, "cur/%s was changed: its content has another ID", name);
            job_free(job);
            job = NULL;
        }
    }
    buffer_free(&text);
    if (job != NULL)
        attach_measure(core, job);
    if (job != NULL && fd != NULL)
        *fd = file;
    else
        close(file);
    return job;
}
