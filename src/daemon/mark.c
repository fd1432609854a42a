/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mark: see mark.h.
 */
#include "daemon/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/xalloc.h"
#include "daemon/finish.h"
#include "daemon/orders.h"

enum { RETRY_MS = 1000 };

struct marks {
    struct core *core;
    uv_timer_t retry; /* active while tasks are unwritten */
};

/* --- the mark --------------------------------------------------------------------------------------- */

static mode_t mark_bits(unsigned request)
{
    return S_IXUSR | ((request & 1) != 0 ? S_IXGRP : 0) | ((request & 2) != 0 ? S_IXOTH : 0);
}

static unsigned task_sends(const struct state *memory)
{
    return memory != NULL ? memory->sends : 0;
}

mode_t mark_mode(const struct core *core, const struct task *task)
{
    return core->spool->job_mode | mark_bits(task_sends(task->memory) + 1);
}

bool mark_is(mode_t mode)
{
    return (mode & S_IXUSR) != 0;
}

bool mark_recorded(mode_t mode, const struct state *memory)
{
    unsigned sends = task_sends(memory);

    return sends > 0 && (mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == mark_bits(sends);
}

/* --- later ------------------------------------------------------------------------------------------- */

static void clear_mark(struct core *core, const struct task *task)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, &task->id, 0, name);
    if (fchmodat(core->spool->dir[FOLDER_CUR], name, core->spool->job_mode, 0) < 0)
        log_error(&core->log, "cur/%s: its mark cannot be cleared: %s", name, strerror(errno));
}

static void finish_cancelled(struct core *core, struct task *task)
{
    finish_job(core, task, NULL, NULL,
               &(struct end){.status = "cancelled",
                             .reason = "cancelled",
                             .message = "Cancelled by an order.",
                             .cost_nano = -1});
}

struct remembering {
    struct core *core;
    struct task *task;
};

static void retry_fired(uv_timer_t *timer)
{
    struct marks *marks = timer->data;
    struct core *core = marks->core;

    for (struct task *task = queue_first(core->queue); task != NULL; task = queue_next(task)) {
        if (!task->unwritten)
            continue;
        task->unwritten = false;
        mark_later(core, task);
    }
}

/* What was paid must be known before it is paid again: the task stays marked until its state file is
 * there. */
static void not_remembered(struct core *core, struct task *task, int result)
{
    uv_timer_t *retry = &core->marks->retry;

    task->unwritten = true;
    if (uv_is_active((uv_handle_t *)retry))
        return;
    log_error(&core->log, "cur/: a state file cannot be written, trying again each second: %s",
              strerror(-result));
    uv_timer_start(retry, retry_fired, RETRY_MS, 0);
}

static void remembered(void *context, int result, int failed_file)
{
    struct remembering *remembering = context;
    struct core *core = remembering->core;
    struct task *task = remembering->task;

    (void)failed_file;
    free(remembering);
    if (result < 0) {
        not_remembered(core, task, result);
        return;
    }
    clear_mark(core, task);
    if (task->cancel) {
        finish_cancelled(core, task);
        return;
    }
    queue_phase(core->queue, task, TASK_WAITING);
    orders_look(core->orders);
    core_progress(core);
}

void mark_later(struct core *core, struct task *task)
{
    struct remembering *remembering = xcalloc(1, sizeof *remembering);
    struct publication *publication;

    *remembering = (struct remembering){.core = core, .task = task};
    publication = publication_new(remembered, remembering);
    queue_phase(core->queue, task, TASK_SETTLING);
    task_publish_memory(core, task, publication);
    publish_add(core->publish, publication);
}

void mark_unsent(struct core *core, struct task *task)
{
    clear_mark(core, task);
    if (task->cancel)
        finish_cancelled(core, task);
    else
        queue_phase(core->queue, task, TASK_WAITING);
    core_touch(core);
}

/* --- doubt -------------------------------------------------------------------------------------------- */

void mark_doubt(struct core *core, struct task *task)
{
    struct error error;
    struct job *job = task_read_job(core, task, NULL, &error);
    bool hold = core->config->hold_on_doubt;
    int64_t now = clock_wall(core->clock).ms;
    struct attempt attempt = {
        .count = 1,
        .outcome = OUTCOME_IN_DOUBT,
        .started = now,
        .ended = now,
        .code = xstrdup("in_doubt"),
        .message = xstrdup("The daemon ended while the request was in flight; it may have been paid."),
    };

    if (job != NULL && job->on_doubt_given)
        hold = job->on_doubt == ON_DOUBT_HOLD;
    job_free(job);
    state_record(task_memory(task), &attempt);
    if (hold && task->memory->hold == HOLD_NONE)
        task->memory->hold = HOLD_DOUBT;
    core_event(core, "doubt", task,
               json_pack("{s:i, s:s*}", "request", (int)task->memory->sends, "hold",
                         hold_word(task->memory->hold)));
    mark_later(core, task);
}

struct marks *marks_open(struct core *core)
{
    struct marks *marks = xcalloc(1, sizeof *marks);

    marks->core = core;
    uv_timer_init(core->loop, &marks->retry);
    marks->retry.data = marks;
    return marks;
}

static void marks_free(uv_handle_t *handle)
{
    free(handle->data);
}

void marks_close(struct marks *marks)
{
    if (marks != NULL)
        uv_close((uv_handle_t *)&marks->retry, marks_free);
}
