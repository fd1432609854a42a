/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan: see plan.h.
 */
#include "client/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/absent.h"
#include "client/chosen.h"
#include "client/control.h"
#include "client/locate.h"
#include "client/records.h"
#include "retain/members.h"

struct plan plan_start(const struct spool *spool, const struct verb *verb,
                       const struct selection *selection)
{
    return (struct plan){.spool = spool, .verb = verb, .selection = selection};
}

void plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->gate_count; i++) {
        free(plan->gates[i]);
    }
    free(plan->gates);
    free(plan->targets);
}

/* --- what is meant ---------------------------------------------------------------------------- */

static void add_target(struct plan *plan, const struct id *id)
{
    if (plan->target_count == plan->target_capacity) {
        plan->target_capacity = 2 * plan->target_capacity + 16;
        plan->targets = xrealloc(plan->targets, plan->target_capacity * sizeof *plan->targets);
    }
    plan->targets[plan->target_count++] = (struct target){.id = *id};
}

static int add_gate(struct plan *plan, const char *name, struct error *error)
{
    json_t *status = records_status(plan->spool);
    struct buffer known = {0};
    bool found = false;
    json_t *gate;
    size_t i;

    json_array_foreach (json_object_get(status, "gates"), i, gate) {
        const char *other = jsontext_get_text(gate, "gate", "");

        found = found || strcmp(other, name) == 0;
        buffer_printf(&known, "%s%s", known.length > 0 ? ", " : "", other);
    }
    if (found) {
        plan->gates = xrealloc(plan->gates, (plan->gate_count + 1) * sizeof *plan->gates);
        plan->gates[plan->gate_count++] = xstrdup(name);
    } else {
        error_set(error, ERROR_ABSENT, "the daemon has told of no gate %s; its gates are: %s", name,
                  known.length > 0 ? known.bytes : "none");
    }
    buffer_free(&known);
    json_decref(status);
    return found ? 0 : -1;
}

/* The folders whose jobs a verb can do something for. */
static unsigned folders_of(const struct verb *verb)
{
    switch (verb->kind) {
    case VERB_RETRY:
        return CHOSEN_FAILED;
    case VERB_RERUN:
        return CHOSEN_DONE;
    case VERB_REDELIVER:
        return CHOSEN_FINISHED;
    default:
        return CHOSEN_CUR;
    }
}

static int add_chosen(void *context, const struct id *id)
{
    add_target(context, id);
    return 0;
}

/* The jobs of a run, named by its name, that the verb can do something for. */
static int add_run(struct plan *plan, const char *word, struct error *error)
{
    struct selection selection = {.run = xstrdup(word)};
    int result = members_select(plan->spool, &selection, error);

    if (result == 0) {
        result = chosen_each(plan->spool, &selection, folders_of(plan->verb),
                             clock_wall(&clock_system), add_chosen, plan, error);
    }
    selection_free(&selection);
    return result;
}

/* A job may be held before it is there; every other order needs one that is. */
static int add_job(struct plan *plan, const char *word, struct error *error)
{
    struct reference reference;
    char shown[ID_SHORT_SIZE];

    if (locate_reference(plan->spool, word, &reference, error) < 0) {
        return error->kind == ERROR_ABSENT && layout_name_ok(word) &&
                       members_known(plan->spool, word)
                   ? add_run(plan, word, error)
                   : -1;
    }
    if (plan->verb->kind != VERB_HOLD &&
        locate_job(plan->spool, &reference.id, NULL) == LOCATION_NONE) {
        id_write_short(&reference.id, shown);
        absent_tell(plan->spool, &reference.id, shown, "restore", error);
        return -1;
    }
    add_target(plan, &reference.id);
    return 0;
}

int plan_add(struct plan *plan, const char *word, struct error *error)
{
    if (strcmp(word, "ALL") == 0) {
        plan->all = true;
        return 0;
    }
    if (strcmp(word, "all") == 0 || strcmp(word, "All") == 0) {
        error_set(error, ERROR_USAGE, "for every job write ALL, in capitals");
        return -1;
    }
    plan->named = true;
    return plan->verb->gates && strchr(word, '/') != NULL ? add_gate(plan, word, error)
                                                          : add_job(plan, word, error);
}

/* --- what becomes of it ----------------------------------------------------------------------- */

/* The version that the run under way will have, or the one asked for now. */
static unsigned next_version(const struct spool *spool, const struct id *id)
{
    json_t *memory = records_state(spool, id);
    unsigned run = (unsigned)jsontext_get_int(memory, "run", 0);
    unsigned lowest, highest = 0;

    records_versions(spool, id, &lowest, &highest);
    json_decref(memory);
    return run > 0 ? run : highest + 1;
}

/* Whether what delays a job is its backoff. */
static bool in_backoff(const struct spool *spool, const struct id *id)
{
    struct waiting waiting = {.due_ms = 0};
    json_t *memory = records_state(spool, id);
    int64_t next_try = records_time(memory, "next_try");

    records_waiting(spool, id, &waiting);
    json_decref(memory);
    return next_try > 0 && next_try == waiting.due_ms;
}

/* The rules of the verb, and what they cannot see in the state's word alone. */
static struct ruling judge(const struct plan *plan, const struct target *target)
{
    struct ruling ruling = verb_ruling(plan->verb, target->state);

    if (plan->verb->kind == VERB_RELEASE && ruling.effect == EFFECT_NONE &&
        control_held(plan->spool, &target->id)) {
        return (struct ruling){EFFECT_ACT, "let go"};
    }
    if (plan->verb->kind == VERB_FLUSH && ruling.effect == EFFECT_ACT &&
        !in_backoff(plan->spool, &target->id)) {
        return (struct ruling){EFFECT_CANNOT, "waits for its not_before, which flush leaves alone"};
    }
    return ruling;
}

/* --- selections ------------------------------------------------------------------------------- */

/* Of the named jobs those that are selected. */
static void narrow(struct plan *plan, struct wall now)
{
    size_t left = 0;

    for (size_t i = 0; i < plan->target_count; i++) {
        if (chosen_is(plan->spool, plan->selection, CHOSEN_ANY, &plan->targets[i].id, now)) {
            plan->targets[left++] = plan->targets[i];
        }
    }
    plan->target_count = left;
}

static int find_targets(struct plan *plan, struct error *error)
{
    struct wall now = clock_wall(&clock_system);
    bool selects = selection_any(plan->selection);
    bool each = plan->verb->kind == VERB_HOLD || plan->verb->kind == VERB_RERUN;

    if (plan->all) {
        plan->target_count = 0; /* they are among all */
    }
    if (selects && plan->named && !plan->all) {
        narrow(plan, now);
        return 0;
    }
    if (!selects && !plan->all) {
        return 0;
    }
    if (!selects && tally_read(plan->spool, NULL, &plan->tally, error) < 0) {
        return -1;
    }
    return selects || each ? chosen_each(plan->spool, plan->selection, folders_of(plan->verb), now,
                                         add_chosen, plan, error)
                           : 0;
}

bool plan_leaves_all(const struct plan *plan)
{
    return plan->all && !selection_any(plan->selection) && plan->verb->kind != VERB_HOLD &&
           plan->verb->kind != VERB_RERUN;
}

int plan_judge(struct plan *plan, struct error *error)
{
    if (find_targets(plan, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < plan->target_count; i++) {
        struct target *target = &plan->targets[i];

        target->state = locate_state(plan->spool, &target->id);
        target->ruling = judge(plan, target);
        if (plan->verb->kind == VERB_RERUN && target->ruling.effect != EFFECT_CANNOT) {
            target->version = next_version(plan->spool, &target->id);
        }
    }
    return 0;
}
