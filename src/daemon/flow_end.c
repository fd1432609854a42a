/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_end: the end of steps that are never asked: kept in failed/ like any job, unresolved.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "daemon/debt.h"
#include "daemon/debt_hook.h"
#include "daemon/flows_core.h"
#include "job/record.h"
#include "spool/file.h"
#include "spool/unit.h"

static const char *status_of(const struct step *step)
{
    return strcmp(step->reason, "cancelled") == 0 ? "cancelled" : "failed";
}

/* The end is known to all: event, counts, children. */
static void fail_told(struct step *step)
{
    struct core *core = step->flow->flows->core;
    const struct job *job = step->job;
    const char *status = status_of(step);

    core_event_id(core, status, &job->id,
                  json_pack("{s:s*, s:s*, s:s, s:s, s:s, s:s}", "name", job->name, "user",
                            job->user, "reason", step->reason, "message", step->message, "flow",
                            step->flow->record->name, "step", step->entry->name));
    if (strcmp(status, "cancelled") == 0)
        core->totals.cancelled++;
    else
        core->totals.failed++;
    job_free(step->job);
    step->job = NULL;
    step_ended(step, status, step->reason);
    core_progress(core);
}

static void fail_written(void *context, int result, int failed_file)
{
    struct step *step = context;

    (void)failed_file;
    if (result == 0 || result == -EEXIST) {
        fail_told(step);
        return;
    }
    log_warning(&step->flow->flows->core->log, "flows/%s: %s cannot be kept, trying again: %s",
                step->flow->record->name, step->entry->name, strerror(-result));
    job_free(step->job);
    step->job = NULL;
    step_later(step);
}

static void fail_record(const struct step *step, struct buffer *out)
{
    struct core *core = step->flow->flows->core;
    struct state *state = state_new(&step->job->id);
    int64_t now = clock_wall(core->clock).ms;
    struct record record = {
        .job = step->job,
        .state = state,
        .times = {.submitted = step->flow->record->submitted, .finished = now},
        .status = status_of(step),
        .cost_nano = -1,
        .reason = step->reason,
        .message = step->message,
    };

    record_write_error(out, &record);
    state_free(state);
}

static void step_owe(const struct step *step, struct publication *publication, const char *record)
{
    struct core *core = step->flow->flows->core;
    const struct job *job = step->job;
    const struct debt_end end = {.id = &job->id, .run = 1, .event = status_of(step),
                                 .folder = FOLDER_FAILED, .record = record, .user = job->user};

    debt_webhooks(core, publication, &end, job, NULL);
    debt_hook_end(core, publication, &end, job, NULL,
                  &(struct debt_job){.reason = step->reason, .message = step->message});
}

void step_fail(struct step *step)
{
    struct core *core = step->flow->flows->core;
    const struct job *job = step->job;
    struct publication *publication;
    char record[ENTRY_NAME_SIZE], name[ENTRY_NAME_SIZE], target[16 + ENTRY_NAME_SIZE];
    struct buffer text = {0};

    step_holding(step);
    if (flows_find_job(core, &job->id) != JOB_NOWHERE) { /* asked by somebody else, or kept before */
        fail_told(step);
        return;
    }
    publication = publication_new(fail_written, step);
    entry_write(ENTRY_ERROR, &job->id, 0, record);
    entry_write(ENTRY_JOB, &job->id, 0, name);
    fail_record(step, &text);
    publication_file(publication, FOLDER_FAILED, record, core->spool->job_mode, &text, true,
                     FOLDER_TMP, NULL);
    job_write(job, &text);
    publication_file(publication, FOLDER_FAILED, name, core->spool->job_mode, &text, false,
                     FOLDER_TMP, NULL);
    snprintf(target, sizeof target, "../%s/%s", folder_name(FOLDER_FAILED), record);
    if (job->name != NULL)
        publication_link(publication, FOLDER_BY_NAME, job->name, target, NULL);
    step_owe(step, publication, record);
    publish_add(core->publish, publication);
}

bool flows_unresolved(struct core *core, const struct id *id)
{
    struct buffer text = {0};
    char name[ENTRY_NAME_SIZE];
    struct job *job = NULL;
    bool unresolved;

    entry_write(ENTRY_JOB, id, 0, name);
    if (file_read_at(core->spool->dir[FOLDER_FAILED], name, SIZE_MAX, &text, NULL) == 0)
        job = job_read_accepted(text.bytes, text.length, NULL);
    unresolved = job != NULL && job->after != NULL;
    job_free(job);
    buffer_free(&text);
    return unresolved;
}

int flows_forget_unresolved(struct core *core, const struct id *id)
{
    struct unit unit;
    int result = unit_lock(core->spool, FOLDER_FAILED, id, &unit);

    if (result < 0)
        return result == -EAGAIN ? -EAGAIN : 0;
    if (unit.gone)
        result = unit_finish_gone(&unit);
    else if (flows_unresolved(core, id))
        result = unit_gone(&unit) < 0 || unit_empty(&unit) < 0 || unit_leave(&unit) < 0 ? -EAGAIN
                                                                                        : 0;
    unit_unlock(&unit);
    return result < 0 ? -EAGAIN : 0;
}
