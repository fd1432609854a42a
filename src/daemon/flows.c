/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flows: see flows.h.
 */
#include "daemon/flows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/flows_core.h"
#include "job/field.h"
#include "spool/file.h"

/* --- notes --------------------------------------------------------------------------------------------- */

void flow_note(struct flow *flow, json_t *line)
{
    struct flows *flows = flow->flows;

    jsontext_write(&flow->notes, line);
    buffer_byte(&flow->notes, '\n');
    json_decref(line);
    if (!flow->noting)
        TAILQ_INSERT_TAIL(&flows->noted, flow, note_link);
    flow->noting = true;
    flows->core->kick(flows->core);
}

static void note_end(struct step *step, const char *status, const char *reason)
{
    json_t *line = json_object();

    field_text(line, "step", step->entry->name);
    field_text(line, "status", status);
    field_text_if(line, "reason", reason);
    field_time(line, "time", step->entry->ended);
    flow_note(step->flow, line);
}

/* One of a step's parents has ended. */
void step_parent_ended(struct step *step, const char *parent, bool failed)
{
    if (step->phase != STEP_WAITING)
        return;
    step->pending--;
    if (failed && !step->entry->runs_on_failure) {
        step->reason = "parent_failed";
        free(step->message);
        step->message = xasprintf("%s, which this job is after, failed; what is to run all the "
                                  "same says \"on_failure\": \"run\".",
                                  parent);
        step_ready(step);
    } else if (step->pending == 0) {
        step_ready(step);
    }
}

/* --- a step's end ---------------------------------------------------------------------------------------- */

static void flow_close_if_ended(struct flow *flow)
{
    struct core *core = flow->flows->core;
    size_t failed = 0;
    json_t *line;

    if (flow->left > 0 || flow->closing)
        return;
    flow->closing = true;
    flow_remove_hold(flow);
    for (size_t i = 0; i < flow->record->count; i++)
        failed += strcmp(flow->record->steps[i].status, "completed") != 0;
    line = json_object();
    field_time(line, "ended", clock_wall(core->clock).ms);
    flow_note(flow, line);
    events_add(core->events, "flow_ended",
               json_pack("{s:s, s:I, s:I}", "flow", flow->record->name, "steps",
                         (json_int_t)flow->record->count, "failed", (json_int_t)failed));
    core_progress(core);
}

void step_ended(struct step *step, const char *status, const char *reason)
{
    struct flow *flow = step->flow;
    size_t number = (size_t)(step->entry - flow->record->steps);
    bool failed = strcmp(status, "completed") != 0;

    if (step->phase == STEP_WAITING || step->reason != NULL)
        step_waits_no_more(step);
    step_go(step, STEP_ENDED);
    free(step->entry->status);
    free(step->entry->reason);
    step->entry->status = xstrdup(status);
    step->entry->reason = xstrdup(reason);
    step->entry->ended = clock_wall(flow->flows->core->clock).ms;
    flow->left--;
    note_end(step, status, reason);
    for (size_t i = flow->child_start[number]; i < flow->child_start[number + 1]; i++)
        step_parent_ended(&flow->steps[flow->children[i]], step->entry->name, failed);
    flow_close_if_ended(flow);
}

/* --- adding a flow ------------------------------------------------------------------------------------- */

void flow_connect(struct flow *flow)
{
    const struct flow_record *record = flow->record;
    size_t *fill = xcalloc(record->count + 1, sizeof *fill);
    size_t edges = 0;

    flow->child_start = xcalloc(record->count + 1, sizeof *flow->child_start);
    for (int filling = 0; filling < 2; filling++) {
        for (size_t i = 0; i < record->count; i++)
            for (size_t n = 0; n < record->steps[i].after_count; n++) {
                long parent = flow_record_find(record, record->steps[i].after[n]);

                if (parent >= 0 && filling)
                    flow->children[fill[parent]++] = i;
                else if (parent >= 0)
                    flow->child_start[parent + 1]++;
            }
        for (size_t i = 0; !filling && i < record->count; i++) {
            flow->child_start[i + 1] += flow->child_start[i];
            fill[i] = flow->child_start[i];
            edges = flow->child_start[i + 1];
        }
        if (!filling)
            flow->children = xcalloc(edges + 1, sizeof *flow->children);
    }
    free(fill);
}

/* A parent outside has ended, or is waited for; whose place nobody can tell now is waited for, too, and the
 * step looked at again. */
static void look_outside(struct step *step, const char *word)
{
    switch (flows_find_outside(step->flow->flows->core, word, step->entry->user)) {
    case JOB_DONE:
        step_parent_ended(step, word, false);
        break;
    case JOB_FAILED:
        step_parent_ended(step, word, true);
        break;
    default:
        step_waits_for(step, word);
    }
}

void step_waits_again(struct step *step, const char *word)
{
    enum job_place place = flows_find_outside(step->flow->flows->core, word, step->entry->user);

    if (place == JOB_DONE || place == JOB_FAILED) { /* by now it is another job, or was archived */
        step_later(step);
        return;
    }
    step_go(step, STEP_WAITING);
    step->pending++;
    step_waits_for(step, word);
}

/* A step that waits: for the parents outside, too; the flow's own tell it by themselves. */
static void step_begin(struct step *step)
{
    for (size_t n = 0; n < step->entry->after_count && step->phase == STEP_WAITING; n++)
        if (flow_record_find(step->flow->record, step->entry->after[n]) < 0)
            look_outside(step, step->entry->after[n]);
    if (step->entry->after_count == 0)
        step_ready(step);
}

/* Whether a step's job was noted before a crash, and is in the spool: then no other is asked. */
static bool step_found(const struct step *step)
{
    enum job_place place;

    if (step->phase != STEP_WAITING || !step->entry->noted)
        return false;
    place = flows_find_job(step->flow->flows->core, &step->entry->id);
    return place != JOB_NOWHERE && place != JOB_UNSURE;
}

/* What ended before this start tells its children. */
static void tell_children(struct flow *flow)
{
    const struct flow_record *record = flow->record;

    for (size_t i = 0; i < record->count; i++)
        for (size_t n = flow->child_start[i];
             record->steps[i].status != NULL && n < flow->child_start[i + 1]; n++)
            step_parent_ended(&flow->steps[flow->children[n]], record->steps[i].name,
                         strcmp(record->steps[i].status, "completed") != 0);
}

void flow_add(struct flows *flows, struct flow_record *record)
{
    struct flow *flow = xcalloc(1, sizeof *flow);

    *flow = (struct flow){.flows = flows, .record = record};
    TAILQ_INIT(&flow->kept);
    flow->steps = xcalloc(record->count, sizeof *flow->steps);
    flow_connect(flow);
    HASH_ADD_KEYPTR(hh, flows->all, record->name, strlen(record->name), flow);
    for (size_t i = 0; i < record->count; i++) {
        struct step *step = &flow->steps[i];

        *step = (struct step){.flow = flow, .entry = &record->steps[i],
                              .pending = record->steps[i].after_count};
        step->phase = step->entry->status != NULL ? STEP_ENDED : STEP_WAITING;
        flow->left += step->phase == STEP_WAITING;
        flows->waiting += step->phase == STEP_WAITING;
    }
    for (size_t i = 0; i < record->count; i++)
        if (step_found(&flow->steps[i]))
            step_go(&flow->steps[i], STEP_JOB);
    tell_children(flow);
    for (size_t i = 0; i < record->count; i++) {
        if (flow->steps[i].phase == STEP_JOB)
            step_is_job(&flow->steps[i]);
        else if (flow->steps[i].phase == STEP_WAITING)
            step_begin(&flow->steps[i]);
    }
    flow_close_if_ended(flow);
}

void flow_leave(struct flow *flow)
{
    struct flows *flows = flow->flows;

    for (size_t i = 0; i < flow->record->count; i++) {
        free(flow->steps[i].message);
        job_free(flow->steps[i].job);
    }
    HASH_DEL(flows->all, flow);
    if (flow->held)
        TAILQ_REMOVE(&flows->held, flow, held_link);
    buffer_free(&flow->notes);
    free(flow->child_start);
    free(flow->children);
    free(flow->steps);
    flow_record_free(flow->record);
    free(flow);
}

/* --- cancelling ---------------------------------------------------------------------------------------- */

/* Ends what waits; in the line it comes to its end by itself. */
static void step_cancel(struct step *step)
{
    bool waits = step->phase == STEP_WAITING || step->kept;

    if (!waits && step->phase != STEP_READY)
        return;
    if (step->kept)
        TAILQ_REMOVE(&step->flow->kept, step, link);
    step->kept = false;
    step->reason = "cancelled";
    free(step->message);
    step->message = xstrdup("Cancelled by an order before its turn.");
    if (waits)
        step_ready(step);
}

bool flows_cancel(struct flows *flows, const char *name, const char *owner,
                  void (*job)(void *context, const struct id *id), void *context)
{
    struct flow *flow;
    bool settled = true;

    HASH_FIND_STR(flows->all, name, flow);
    if (flow == NULL || (owner != NULL && (flow->record->user == NULL ||
                                           strcmp(owner, flow->record->user) != 0)))
        return true;
    for (size_t i = 0; i < flow->record->count; i++) {
        struct step *step = &flow->steps[i];

        step_cancel(step);
        if (step->phase == STEP_JOB)
            job(context, &step->entry->id);
        settled = settled && (step->phase == STEP_JOB || step->phase == STEP_ENDED);
    }
    return settled;
}

/* --- the start, and the end ------------------------------------------------------------------------------ */

static void recall_flow(struct flows *flows, const char *name)
{
    struct core *core = flows->core;
    struct error error;
    struct flow_record *record = flow_record_read(core->spool, name, &error);
    int result = 0;

    if (record == NULL) {
        /* Made, and not written when a crash came: its drop is still in new/. */
        if (error.kind == ERROR_ABSENT && flow_record_remove(core->spool, name, false) == 0)
            return;
        log_error(&core->log, "%s; llmspool-check tells more", error.text);
        return;
    }
    if (!record->begun || record->torn)
        result = flow_record_mend(core->spool, record);
    if (result < 0)
        log_error(&core->log, "flows/%s cannot be mended: %s", name, strerror(-result));
    if (result < 0 || record->ended != 0)
        flow_record_free(record);
    else
        flow_add(flows, record);
}

int flows_recall(struct flows *flows, struct error *error)
{
    struct core *core = flows->core;
    DIR *list = file_list(core->spool->dir[FOLDER_FLOWS]);
    const struct dirent *found = NULL;
    int listed = list != NULL ? 0 : -errno;

    while (listed == 0 && (listed = file_list_next(list, &found)) == 0 && found != NULL)
        if (layout_name_ok(found->d_name))
            recall_flow(flows, found->d_name);
    if (list != NULL)
        closedir(list);
    if (listed == 0)
        return 0;
    error_system(error, -listed, "%s/flows cannot be listed", core->spool->path);
    return -1;
}

struct flows *flows_open(struct core *core)
{
    struct flows *flows = xcalloc(1, sizeof *flows);

    flows->core = core;
    flows->work.data = flows;
    TAILQ_INIT(&flows->ready);
    TAILQ_INIT(&flows->later);
    TAILQ_INIT(&flows->noted);
    TAILQ_INIT(&flows->held);
    TAILQ_INIT(&flows->makings);
    TAILQ_INIT(&flows->group.makings);
    uv_timer_init(core->loop, &flows->timer);
    flows->timer.data = flows;
    return flows;
}

static void flows_free(uv_handle_t *handle)
{
    struct flows *flows = handle->data;
    struct job_steps *job, *next_job;
    struct waiters *waiters, *next_waiters;
    struct flow *flow, *next;

    HASH_ITER(hh, flows->waiters, waiters, next_waiters) {
        while (waiters->first != NULL) {
            struct waiter *waiter = waiters->first;

            waiters->first = waiter->next;
            free(waiter);
        }
        HASH_DEL(flows->waiters, waiters);
        free(waiters->word);
        free(waiters);
    }
    HASH_ITER(hh, flows->jobs, job, next_job) {
        HASH_DEL(flows->jobs, job);
        free(job);
    }
    HASH_ITER(hh, flows->all, flow, next)
        flow_leave(flow);
    free(flows);
}

void flows_close(struct flows *flows)
{
    if (flows != NULL)
        uv_close((uv_handle_t *)&flows->timer, flows_free);
}
