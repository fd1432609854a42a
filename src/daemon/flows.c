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
#include "daemon/again.h"
#include "daemon/archived.h"
#include "daemon/flows_core.h"
#include "daemon/orders.h"
#include "job/field.h"
#include "spool/file.h"

enum { GROUP_STEPS = 256, ADMITTED_MAX = 1024, AGAIN_MS = 1000 };

/* --- where jobs are ------------------------------------------------------------------------------------ */

static bool job_in(const struct spool *spool, enum folder folder, const struct id *id)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, id, 0, name);
    return faccessat(spool->dir[folder], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

enum job_place flows_find_job(struct core *core, const struct id *id)
{
    unsigned version;

    if (queue_find(core->queue, id) != NULL)
        return JOB_ALIVE;
    if (job_in(core->spool, FOLDER_FAILED, id))
        return JOB_FAILED;
    if (job_in(core->spool, FOLDER_DONE, id))
        return JOB_DONE;
    if (archived_version(core->archived, id, &version) < 0)
        return JOB_UNSURE;
    return version > 0 ? JOB_DONE : JOB_NOWHERE;
}

bool flows_by_name(const struct spool *spool, const char *name, struct id *id)
{
    char target[NAME_LIMIT];
    ssize_t length = readlinkat(spool->dir[FOLDER_BY_NAME], name, target, sizeof target - 1);
    const char *entry;

    if (length < 0)
        return false;
    target[length] = '\0';
    entry = strrchr(target, '/');
    *id = entry_read(entry != NULL ? entry + 1 : target).id;
    return entry != NULL && entry_read(entry + 1).kind != ENTRY_OTHER;
}

/* Where the job is that a word means which is no step of the flow. */
static enum job_place find_outside(struct core *core, const char *word)
{
    struct id id;

    if (!id_read(word, &id) && !flows_by_name(core->spool, word, &id))
        return JOB_NOWHERE;
    return flows_find_job(core, &id);
}

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

/* --- the line ------------------------------------------------------------------------------------------ */

static bool before_job(enum step_phase phase)
{
    return phase != STEP_JOB && phase != STEP_ENDED;
}

static void step_phase(struct step *step, enum step_phase phase)
{
    struct flows *flows = step->flow->flows;

    flows->waiting += (size_t)before_job(phase) - (size_t)before_job(step->phase);
    flows->admitted += (size_t)(phase == STEP_ADMITTED) - (size_t)(step->phase == STEP_ADMITTED);
    step->flow->hands += (size_t)(phase == STEP_GROUP || phase == STEP_ADMITTED) -
                         (size_t)(step->phase == STEP_GROUP || step->phase == STEP_ADMITTED);
    step->phase = phase;
}

void step_ready(struct step *step)
{
    struct flows *flows = step->flow->flows;

    step_phase(step, STEP_READY);
    TAILQ_INSERT_TAIL(&flows->ready, step, link);
    flows->core->kick(flows->core);
}

static void later_fired(uv_timer_t *timer)
{
    struct flows *flows = timer->data;

    TAILQ_CONCAT(&flows->ready, &flows->later, link);
    flows->core->kick(flows->core);
}

void step_later(struct step *step)
{
    struct flows *flows = step->flow->flows;

    step_phase(step, STEP_READY);
    TAILQ_INSERT_TAIL(&flows->later, step, link);
    if (!uv_is_active((uv_handle_t *)&flows->timer))
        uv_timer_start(&flows->timer, later_fired, AGAIN_MS, 0);
}

void step_holding(struct step *step)
{
    step_phase(step, STEP_ADMITTED);
}

/* One of a step's parents has ended. */
static void parent_ended(struct step *step, const char *parent, bool failed)
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

/* --- who became which job ------------------------------------------------------------------------------ */

static void jobs_add(struct step *step)
{
    struct flows *flows = step->flow->flows;
    struct job_steps *job;

    HASH_FIND(hh, flows->jobs, &step->entry->id, sizeof step->entry->id, job);
    if (job == NULL) {
        job = xcalloc(1, sizeof *job);
        job->id = step->entry->id;
        HASH_ADD(hh, flows->jobs, id, sizeof job->id, job);
    }
    step->next_of_job = job->first;
    job->first = step;
}

static void jobs_ended(struct flows *flows, const struct id *id, const char *status)
{
    struct job_steps *job;
    struct step *step, *next;

    HASH_FIND(hh, flows->jobs, id, sizeof *id, job);
    if (job == NULL)
        return;
    HASH_DEL(flows->jobs, job);
    for (step = job->first; step != NULL; step = next) {
        next = step->next_of_job;
        step_ended(step, status, NULL);
    }
    free(job);
}

void step_is_job(struct step *step)
{
    step_phase(step, STEP_JOB);
    switch (flows_find_job(step->flow->flows->core, &step->entry->id)) {
    case JOB_DONE:
        step_ended(step, "completed", NULL);
        break;
    case JOB_FAILED:
        step_ended(step, "failed", NULL);
        break;
    default:
        jobs_add(step);
    }
}

/* --- who waits for jobs outside -------------------------------------------------------------------------- */

static void waiters_add(struct step *step, const char *word)
{
    struct flows *flows = step->flow->flows;
    struct waiter *waiter = xcalloc(1, sizeof *waiter);
    struct waiters *waiters;

    HASH_FIND_STR(flows->waiters, word, waiters);
    if (waiters == NULL) {
        waiters = xcalloc(1, sizeof *waiters);
        waiters->word = xstrdup(word);
        HASH_ADD_KEYPTR(hh, flows->waiters, waiters->word, strlen(waiters->word), waiters);
    }
    waiter->step = step;
    waiter->next = waiters->first;
    waiters->first = waiter;
}

static void waiters_ended(struct flows *flows, const char *word, bool failed)
{
    struct waiters *waiters;

    HASH_FIND_STR(flows->waiters, word, waiters);
    if (waiters == NULL)
        return;
    HASH_DEL(flows->waiters, waiters);
    while (waiters->first != NULL) {
        struct waiter *waiter = waiters->first;

        waiters->first = waiter->next;
        parent_ended(waiter->step, word, failed);
        free(waiter);
    }
    free(waiters->word);
    free(waiters);
}

/* A step that ended before its parents did waits for them no more. */
static void waiters_forget(struct step *step)
{
    struct flows *flows = step->flow->flows;

    for (size_t i = 0; i < step->entry->after_count; i++) {
        struct waiters *waiters;
        struct waiter **link;

        HASH_FIND_STR(flows->waiters, step->entry->after[i], waiters);
        if (waiters == NULL)
            continue;
        for (link = &waiters->first; *link != NULL;) {
            struct waiter *waiter = *link;

            if (waiter->step == step) {
                *link = waiter->next;
                free(waiter);
            } else {
                link = &waiter->next;
            }
        }
        if (waiters->first == NULL) {
            HASH_DEL(flows->waiters, waiters);
            free(waiters->word);
            free(waiters);
        }
    }
}

/* A job of that name ended; the name may lead to a later one by now. */
static void name_ended(struct flows *flows, const char *name)
{
    struct waiters *waiters;
    enum job_place place;

    HASH_FIND_STR(flows->waiters, name, waiters);
    if (waiters == NULL)
        return;
    place = find_outside(flows->core, name);
    if (place == JOB_DONE || place == JOB_FAILED)
        waiters_ended(flows, name, place == JOB_FAILED);
}

void flows_ended(struct flows *flows, const struct id *id, const char *status, const char *name,
                 const json_t *names)
{
    bool failed = strcmp(status, "completed") != 0;
    char text[ID_TEXT_SIZE];
    json_t *other;
    size_t i;

    jobs_ended(flows, id, status);
    id_write(id, text);
    waiters_ended(flows, text, failed);
    if (name != NULL)
        name_ended(flows, name);
    json_array_foreach(names, i, other)
        name_ended(flows, json_string_value(other));
}

/* --- holds --------------------------------------------------------------------------------------------- */

static void hold_name(const struct flow *flow, char name[NAME_LIMIT])
{
    snprintf(name, NAME_LIMIT, HOLD_FLOW "%s", flow->record->name);
}

/* Whether ctl/hold.flows.NAME is there. */
static bool is_held(const struct flow *flow)
{
    char name[NAME_LIMIT];

    hold_name(flow, name);
    return faccessat(flow->flows->core->spool->dir[FOLDER_CTL], name, F_OK, AT_SYMLINK_NOFOLLOW) ==
           0;
}

/* A hold ends with its flow: it is not meant for the next one of that name. */
static void remove_hold(const struct flow *flow)
{
    struct core *core = flow->flows->core;
    char name[NAME_LIMIT];

    hold_name(flow, name);
    if (unlinkat(core->spool->dir[FOLDER_CTL], name, 0) < 0 && errno != ENOENT)
        log_warning(&core->log, "ctl/%s cannot be removed: %s", name, strerror(errno));
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
    remove_hold(flow);
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
        waiters_forget(step);
    step_phase(step, STEP_ENDED);
    free(step->entry->status);
    free(step->entry->reason);
    step->entry->status = xstrdup(status);
    step->entry->reason = xstrdup(reason);
    step->entry->ended = clock_wall(flow->flows->core->clock).ms;
    flow->left--;
    note_end(step, status, reason);
    for (size_t i = flow->child_start[number]; i < flow->child_start[number + 1]; i++)
        parent_ended(&flow->steps[flow->children[i]], step->entry->name, failed);
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
    switch (find_outside(step->flow->flows->core, word)) {
    case JOB_DONE:
        parent_ended(step, word, false);
        break;
    case JOB_FAILED:
        parent_ended(step, word, true);
        break;
    default:
        waiters_add(step, word);
    }
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
            parent_ended(&flow->steps[flow->children[n]], record->steps[i].name,
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
            step_phase(&flow->steps[i], STEP_JOB);
    tell_children(flow);
    for (size_t i = 0; i < record->count; i++) {
        if (flow->steps[i].phase == STEP_JOB)
            step_is_job(&flow->steps[i]);
        else if (flow->steps[i].phase == STEP_WAITING)
            step_begin(&flow->steps[i]);
    }
    flow_close_if_ended(flow);
}

static void flow_forget(struct flow *flow)
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

/* --- the group: to the pool and back --------------------------------------------------------------------- */

static void admitted(struct drop *drop, enum drop_end end)
{
    struct step *step = drop->context;

    free(drop);
    if (end == DROP_LATER)
        step_later(step);
    else
        step_is_job(step);
}

/* The resolved job goes through the door as a line of a list does: durable in cur/ before it is done. */
static void step_admit(struct step *step)
{
    struct flows *flows = step->flow->flows;
    struct core *core = flows->core;
    struct job *job = step->job;
    struct drop *drop;

    step->job = NULL;
    step_holding(step);
    if (flows_forget_unresolved(core, &step->entry->unresolved) < 0) {
        job_free(job);
        step_later(step);
        return;
    }
    drop = xcalloc(1, sizeof *drop);
    *drop = (struct drop){.name = step->entry->name,
                          .fd = -1,
                          .submitted = step->flow->record->submitted,
                          .ended = admitted,
                          .context = step};
    core_event_id(core, "step_dropped", &job->id,
                  json_pack("{s:s, s:s}", "flow", step->flow->record->name, "step",
                            step->entry->name));
    admit(core, job, drop);
}

static void brought_back(void *context, enum archived_end end)
{
    struct step *step = context;

    if (end == ARCHIVED_DAMAGED) {
        step->reason = "output_gone";
        free(step->message);
        step->message = xstrdup("The output of a job that this one is after is gone.");
    }
    if (end == ARCHIVED_LATER)
        step_later(step);
    else
        step_ready(step);
}

/* A parent was archived or pruned between its end and now. */
static void step_miss(struct step *step)
{
    struct core *core = step->flow->flows->core;
    unsigned version;
    bool alive = queue_find(core->queue, &step->gone) != NULL; /* a later one of its name */
    int result = archived_version(core->archived, &step->gone, &version);

    step_holding(step);
    if (result < 0 || alive)
        step_later(step);
    else if (version > 0)
        archived_restore(core->archived, &step->gone, brought_back, step);
    else
        brought_back(step, ARCHIVED_DAMAGED);
}

static void step_back(struct step *step, int noted)
{
    if (step->is_gone) {
        step_miss(step);
    } else if (step->reason != NULL && step->job != NULL) {
        step_fail(step);
    } else if (step->left || step->job == NULL || noted < 0) {
        job_free(step->job);
        step->job = NULL;
        if (step->left && noted >= 0)
            step_ready(step);
        else
            step_later(step);
    } else {
        step->entry->id = step->job->id;
        step->entry->noted = true;
        step_admit(step);
    }
}

static void notes_back(struct flows *flows)
{
    struct flow_group *group = &flows->group;

    for (size_t i = 0; i < group->note_count; i++) {
        struct note *note = &group->notes[i];
        struct flow *flow = note->flow;

        flow->writing = false;
        if (note->result < 0) { /* written again with what comes */
            log_warning(&flows->core->log, "flows/%s cannot be written, trying again: %s",
                        note->name, strerror(-note->result));
            buffer_append(&note->text, flow->notes.bytes, flow->notes.length);
            buffer_free(&flow->notes);
            flow->notes = note->text;
            note->text = (struct buffer){0};
            if (!flow->noting)
                TAILQ_INSERT_TAIL(&flows->noted, flow, note_link);
            flow->noting = true;
        }
        buffer_free(&note->text);
    }
}

static void flows_sweep(struct flows *flows)
{
    struct flow_group *group = &flows->group;

    for (size_t i = 0; i < group->note_count; i++) {
        struct flow *flow = group->notes[i].flow;

        if (flow->closing && !flow->noting && flow->hands == 0)
            flow_forget(flow);
        orders_look(flows->core->orders); /* one may wait for its end */
    }
    free(group->notes);
    free(group->steps);
    group->notes = NULL;
    group->steps = NULL;
    group->note_count = group->step_count = 0;
}

static void group_back(uv_work_t *work, int status)
{
    struct flows *flows = work->data;
    struct flow_group *group = &flows->group;
    struct makings makings = TAILQ_HEAD_INITIALIZER(makings);
    struct making *making;

    (void)status;
    flows->working = false;
    TAILQ_CONCAT(&makings, &group->makings, link);
    notes_back(flows);
    for (size_t i = 0; i < group->step_count; i++)
        step_back(group->steps[i], group->steps[i]->note->result);
    flows_sweep(flows);
    while ((making = TAILQ_FIRST(&makings)) != NULL) {
        TAILQ_REMOVE(&makings, making, link);
        making_back(flows, making);
    }
    core_progress(flows->core);
}

/* A step that is only to fail is kept by nothing. */
static bool keep_if_held(struct step *step)
{
    struct flow *flow = step->flow;

    if (step->reason != NULL || !is_held(flow))
        return false;
    TAILQ_INSERT_TAIL(&flow->kept, step, link);
    step->kept = true;
    if (!flow->held)
        TAILQ_INSERT_TAIL(&flow->flows->held, flow, held_link);
    flow->held = true;
    return true;
}

void flows_look_at_holds(struct flows *flows)
{
    struct flow *flow, *next;

    for (flow = TAILQ_FIRST(&flows->held); flow != NULL; flow = next) {
        struct step *step;

        next = TAILQ_NEXT(flow, held_link);
        if (is_held(flow))
            continue;
        TAILQ_FOREACH(step, &flow->kept, link)
            step->kept = false;
        TAILQ_CONCAT(&flows->ready, &flow->kept, link);
        TAILQ_REMOVE(&flows->held, flow, held_link);
        flow->held = false;
        flows->core->kick(flows->core);
    }
}

/* The notes of a flow for the pool: one for each flow in a group. */
static struct note *group_note(struct flows *flows, struct flow *flow)
{
    struct flow_group *group = &flows->group;

    if (!flow->writing) {
        group->notes[group->note_count] = (struct note){.flow = flow, .name = flow->record->name,
                                                        .text = flow->notes};
        flow->notes = (struct buffer){0};
        flow->note = &group->notes[group->note_count++];
        flow->writing = true;
        if (flow->noting)
            TAILQ_REMOVE(&flows->noted, flow, note_link);
        flow->noting = false;
    }
    return flow->note;
}

static void group_fill(struct flows *flows)
{
    struct flow_group *group = &flows->group;
    struct flow *flow;
    struct step *step;

    group->steps = xcalloc(GROUP_STEPS, sizeof *group->steps);
    group->notes = xcalloc(2 * GROUP_STEPS, sizeof *group->notes);
    while (group->note_count < GROUP_STEPS && (flow = TAILQ_FIRST(&flows->noted)) != NULL)
        group_note(flows, flow);
    while (group->step_count < GROUP_STEPS && flows->admitted < ADMITTED_MAX &&
           (step = TAILQ_FIRST(&flows->ready)) != NULL) {
        TAILQ_REMOVE(&flows->ready, step, link);
        if (keep_if_held(step))
            continue;
        step->note = group_note(flows, step->flow);
        step_phase(step, STEP_GROUP);
        group->steps[group->step_count++] = step;
    }
    TAILQ_CONCAT(&group->makings, &flows->makings, link);
}

static void pool_work(uv_work_t *work)
{
    flow_group_work(work->data);
}

void flows_work(struct flows *flows)
{
    struct core *core = flows->core;
    bool steps = !TAILQ_EMPTY(&flows->ready) && flows->admitted < ADMITTED_MAX &&
                 !core->draining && !core->stopping;

    if (flows->working || core->spool_lost ||
        (!steps && TAILQ_EMPTY(&flows->noted) && TAILQ_EMPTY(&flows->makings)))
        return;
    flows->job_limit = core->config->job_limit;
    group_fill(flows);
    flows->working = true;
    if (uv_queue_work(core->loop, &flows->work, pool_work, group_back) != 0)
        abort(); /* only a NULL callback is refused */
}

size_t flows_waiting(const struct flows *flows)
{
    return flows->waiting;
}

bool flows_idle(const struct flows *flows)
{
    return !flows->working && flows->admitted == 0 && TAILQ_EMPTY(&flows->ready) &&
           TAILQ_EMPTY(&flows->later) &&
           TAILQ_EMPTY(&flows->noted) && TAILQ_EMPTY(&flows->makings);
}

bool flows_quiet(const struct flows *flows)
{
    return !flows->working && flows->admitted == 0 && TAILQ_EMPTY(&flows->noted) &&
           TAILQ_EMPTY(&flows->makings);
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
    const struct dirent *found;

    if (list == NULL) {
        error_system(error, errno, "%s/flows cannot be read", core->spool->path);
        return -1;
    }
    while (file_list_next(list, &found) == 0 && found != NULL)
        if (layout_name_ok(found->d_name))
            recall_flow(flows, found->d_name);
    closedir(list);
    return 0;
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
        flow_forget(flow);
    free(flows);
}

void flows_close(struct flows *flows)
{
    if (flows != NULL)
        uv_close((uv_handle_t *)&flows->timer, flows_free);
}
