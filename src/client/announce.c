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
    } else {
        printf("%zu job%s %s %s\n", jobs, s, will(announce),
               plan->verb->kind == VERB_RETRY ? "tried again" : "cancelled");
    }
}

void announce_plan(const struct announce *announce, const struct plan *plan)
{
    bool each = plan->verb->kind == VERB_HOLD || plan->verb->kind == VERB_RERUN;

    if (plan->all && !each) {
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
