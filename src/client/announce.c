/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * announce: see announce.h.
 */
#include "client/announce.h"

#include <jansson.h>
#include <stdio.h>

#include "client/control.h"
#include "client/show.h"

/* Prints a line of JSON, which it frees. */
static void tell_json(const struct announce *announce, const struct plan *plan, json_t *line)
{
    json_object_set_new(line, "order", json_string(plan->verb->word));
    json_object_set_new(line, "dry_run", json_boolean(announce->dry_run));
    if (!announce->quiet) {
        show_json(stdout, line);
    }
    json_decref(line);
}

static const char *will(const struct announce *announce)
{
    return announce->dry_run ? "would be" : "will be";
}

static void job_json(const struct announce *announce, const struct plan *plan,
                     const struct target *target)
{
    static const char *const effects[] = {
        [EFFECT_ACT] = "act", [EFFECT_NONE] = "none", [EFFECT_CANNOT] = "cannot"};
    char id[ID_TEXT_SIZE];
    json_t *line;

    id_write(&target->id, id);
    line = json_pack("{s:s, s:s?, s:s, s:s}", "id", id, "state", target->state, "effect",
                     effects[target->ruling.effect], "message", target->ruling.text);
    if (target->version > 0) {
        json_object_set_new(line, "version", json_integer((json_int_t)target->version));
    }
    tell_json(announce, plan, line);
}

static void job_text(const struct announce *announce, const struct target *target)
{
    const char *state = target->state != NULL ? target->state : "not there yet";
    char id[ID_TEXT_SIZE];

    if (target->ruling.effect == EFFECT_CANNOT) {
        id_write_short(&target->id, id);
        fprintf(stderr, "%s: %s is %s: it %s\n", announce->program, id, state, target->ruling.text);
        return;
    }
    if (announce->quiet) {
        return;
    }
    show_id(stdout, &target->id, id);
    if (target->version > 0) {
        printf("%s@v%u\n", id, target->version);
    } else if (target->ruling.effect == EFFECT_NONE) {
        printf("%s: %s, it %s\n", id, state, target->ruling.text);
    } else {
        printf("%s: %s, %s %s\n", id, state, will(announce), target->ruling.text);
    }
}

static void tell_gate(const struct announce *announce, const struct plan *plan, const char *gate)
{
    if (announce->json) {
        tell_json(announce, plan, json_pack("{s:s, s:s}", "gate", gate, "effect", "act"));
    } else if (!announce->quiet) {
        printf("%s: %s tried at once\n", gate, will(announce));
    }
}

/* ALL, for the verbs that leave it to the daemon which jobs these are. */
static void tell_all(const struct announce *announce, const struct plan *plan)
{
    const struct tally *tally = &plan->tally;
    size_t jobs = plan->verb->kind == VERB_RETRY ? tally->failed : tally->active + tally->dropped;
    const char *s = jobs == 1 ? "" : "s";

    if (announce->json) {
        tell_json(announce, plan, json_pack("{s:b, s:I}", "all", 1, "jobs", (json_int_t)jobs));
    } else if (announce->quiet) {
        return;
    } else if (plan->verb->kind == VERB_RELEASE) {
        printf("all holds %s ended, all gates tried at once\n", will(announce));
    } else if (plan->verb->kind == VERB_FLUSH) {
        printf("all backoffs %s forgotten, all gates tried at once\n", will(announce));
    } else if (plan->verb->kind == VERB_REDELIVER) {
        printf("all webhooks that are owed or given up %s tried at once\n", will(announce));
    } else {
        printf("%zu job%s %s %s\n", jobs, s, will(announce),
               plan->verb->kind == VERB_RETRY ? "tried again" : "cancelled");
    }
}

void announce_plan(const struct announce *announce, const struct plan *plan)
{
    if (plan_leaves_all(plan)) {
        tell_all(announce, plan);
    }
    for (size_t i = 0; i < plan->target_count; i++) {
        if (announce->json) {
            job_json(announce, plan, &plan->targets[i]);
        } else {
            job_text(announce, &plan->targets[i]);
        }
    }
    for (size_t i = 0; i < plan->gate_count; i++) {
        tell_gate(announce, plan, plan->gates[i]);
    }
}

void announce_switches(const struct announce *announce, const struct plan *plan)
{
    struct control_switch switches[CONTROL_SWITCHES];
    size_t count = control_switches(plan->verb->kind, switches);

    for (size_t i = 0; i < count; i++) {
        const struct control_switch *turned = &switches[i];
        bool changed = control_on(plan->spool, turned->name) != turned->on;

        if (announce->json) {
            tell_json(announce, plan,
                      json_pack("{s:s, s:b, s:b}", "switch", turned->name, "on", turned->on,
                                "changed", changed));
        } else if (!announce->quiet && (changed || i == 0)) {
            printf("%s%s\n", announce->dry_run ? "would say: " : "",
                   changed ? turned->changed : turned->unchanged);
        }
    }
}

/* --- new jobs --------------------------------------------------------------------------------- */

void announce_underivable(const struct announce *announce, const struct plan *plan,
                          const struct id *old, const struct error *error)
{
    char id[ID_TEXT_SIZE];

    if (announce->json) {
        id_write(old, id);
        tell_json(
            announce, plan,
            json_pack("{s:s, s:s, s:s}", "id", id, "effect", "cannot", "message", error->text));
    } else {
        id_write_short(old, id);
        fflush(stdout);
        fprintf(stderr, "%s: %s: %s\n", announce->program, id, error->text);
    }
}

static void derived_json(const struct announce *announce, const struct plan *plan,
                         const struct derivation *derivation, size_t number)
{
    const struct derived *derived = derive_job(derivation, number);
    char id[ID_TEXT_SIZE], old[ID_TEXT_SIZE];
    json_t *runs = json_array();
    const char *run;

    id_write(&derived->id, id);
    id_write(&derived->old, old);
    for (size_t i = 0; (run = derive_run(derivation, number, i)) != NULL; i++) {
        json_array_append_new(runs, json_string(run));
    }
    tell_json(announce, plan,
              json_pack("{s:s, s:s, s:s, s:o}", "id", id, "derived_from", old, "effect", "act",
                        "runs", runs));
}

static void tell_places(const struct announce *announce, size_t jobs, const char *run)
{
    fprintf(stderr, "%s: %zu new job%s%s", announce->program, jobs, jobs == 1 ? "" : "s",
            announce->dry_run ? " would be made" : "");
    if (run == NULL) {
        fprintf(stderr, ", in no run\n");
    } else {
        fprintf(stderr, ", in the place%s in run %s\n",
                jobs == 1 ? " of the old one" : "s of the old ones", run);
    }
}

static void tell_all_places(const struct announce *announce, const struct derivation *derivation)
{
    const char *run;
    size_t others = 0, size;

    fflush(stdout);
    for (size_t i = 0; (size = derive_run_size(derivation, i, &run)) > 0; i++) {
        tell_places(announce, size, run);
    }
    for (size_t i = 0; derive_job(derivation, i) != NULL; i++) {
        others += derive_run(derivation, i, 0) == NULL;
    }
    if (others > 0) {
        tell_places(announce, others, NULL);
    }
}

/* What the order does nothing for. */
static void tell_left_out(const struct announce *announce, const struct plan *plan,
                          const struct target *target)
{
    char id[ID_SHORT_SIZE];

    if (target->ruling.effect == EFFECT_ACT ||
        (target->ruling.effect == EFFECT_NONE && announce->quiet)) {
        return;
    }
    if (announce->json) {
        job_json(announce, plan, target);
        return;
    }
    id_write_short(&target->id, id);
    fprintf(stderr, "%s: %s is %s: it %s\n", announce->program, id, target->state,
            target->ruling.text);
}

void announce_derived(const struct announce *announce, const struct plan *plan,
                      const struct derivation *derivation)
{
    const struct derived *derived;
    char id[ID_TEXT_SIZE];

    for (size_t i = 0; (derived = derive_job(derivation, i)) != NULL; i++) {
        if (announce->json) {
            derived_json(announce, plan, derivation, i);
        } else if (!announce->quiet) {
            printf("%s\n", show_id(stdout, &derived->id, id));
        }
    }
    for (size_t i = 0; i < plan->target_count; i++) {
        tell_left_out(announce, plan, &plan->targets[i]);
    }
    if (!announce->json && !announce->quiet) {
        tell_all_places(announce, derivation);
    }
}
