/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_line: steps whose parents have ended, on their way: in the line, to the pool and back, through the
 * door.
 */
#include "daemon/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "daemon/archived.h"
#include "daemon/attach.h"
#include "daemon/flows_core.h"
#include "daemon/orders.h"

enum { GROUP_STEPS = 256, ADMITTED_MAX = 1024, AGAIN_MS = 1000 };

/* --- the line ------------------------------------------------------------------------------------------ */

static bool before_job(enum step_phase phase)
{
    return phase != STEP_JOB && phase != STEP_ENDED;
}

void step_go(struct step *step, enum step_phase phase)
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

    step_go(step, STEP_READY);
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

    step_go(step, STEP_READY);
    TAILQ_INSERT_TAIL(&flows->later, step, link);
    if (!uv_is_active((uv_handle_t *)&flows->timer))
        uv_timer_start(&flows->timer, later_fired, AGAIN_MS, 0);
}

void step_holding(struct step *step)
{
    step_go(step, STEP_ADMITTED);
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
void flow_remove_hold(const struct flow *flow)
{
    struct core *core = flow->flows->core;
    char name[NAME_LIMIT];

    hold_name(flow, name);
    if (unlinkat(core->spool->dir[FOLDER_CTL], name, 0) < 0 && errno != ENOENT)
        log_warning(&core->log, "ctl/%s cannot be removed: %s", name, strerror(errno));
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

/* Whether what a step attaches is there. If not it is resolved again a second later; when it does not come,
 * the step fails. */
static bool has_attachments(struct step *step)
{
    struct attach *attach = step->flow->flows->core->attach;
    struct error error;
    enum attach_end end = attach_look(attach, step->job, step->flow->record->submitted, false, &error);

    if (end == ATTACH_HERE)
        return true;
    job_free(step->job);
    step->job = NULL;
    if (end == ATTACH_LATER) {
        step_later(step);
        return false;
    }
    step->reason = "no_attachment";
    free(step->message);
    step->message = xstrdup(error.text);
    step_ready(step);
    return false;
}

static void step_back(struct step *step, int noted)
{
    if (step->foreign != NULL) {
        step_waits_again(step, step->foreign);
    } else if (step->is_gone) {
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
    } else if (has_attachments(step)) {
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
            flow_leave(flow);
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
        core_touch(flows->core);
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
        step_go(step, STEP_GROUP);
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
    flows->owner_only = core->spool->owner_only;
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

