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
#include "job/job.h"
#include "spool/file.h"

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
    core->changed = true;
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

void task_apply(struct core *core, struct task *task, const struct job *job)
{
    const struct state *memory = task->memory;

    if (task->lane == NULL)
        task->lane = lanes_get(core->lanes, job->model, job->provider);
    if (task->name == NULL)
        task->name = xstrdup(job->name);
    if (task->user == NULL)
        task->user = xstrdup(job->user);
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
    if (job != NULL && fd != NULL)
        *fd = file;
    else
        close(file);
    return job;
}
