/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy: how long finished work is kept. */
#include "retain/policy.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/sizetext.h"

static const char *model_of(const json_t *record)
{
    const json_t *model = json_object_get(record, "model");

    return json_is_object(model) ? jsontext_get_text(model, "asked", NULL)
                                 : json_string_value(model);
}

static const struct policy_rule *rule_of_user(const struct policy *policy, const char *user)
{
    const struct policy_rule *rest = NULL;

    for (size_t i = 0; i < policy->user_count; i++) {
        if (user != NULL && strcmp(policy->users[i].name, user) == 0) {
            return &policy->users[i];
        }
        if (strcmp(policy->users[i].name, "*") == 0) {
            rest = &policy->users[i];
        }
    }
    return rest;
}

static const struct policy_rule *rule_of_model(const struct policy *policy, const char *model)
{
    for (size_t i = 0; i < policy->model_count && model != NULL; i++) {
        if (fnmatch(policy->models[i].name, model, 0) == 0) {
            return &policy->models[i];
        }
    }
    return NULL;
}

/* Rules of users and models speak of answers; failures are kept as failures. */
static int64_t age_limit(const struct policy *policy, const struct finished *finished)
{
    const struct policy_rule *rule = NULL;

    if (finished->folder == FOLDER_FAILED) {
        return policy->failed_ms;
    }
    rule = rule_of_user(policy, jsontext_get_text(finished->newest, "user", NULL));
    if (rule == NULL) {
        rule = rule_of_model(policy, model_of(finished->newest));
    }
    return rule != NULL ? rule->keep_ms : policy->outputs_ms;
}

int64_t policy_due(const struct policy *policy, const struct finished *finished)
{
    if (finished->finished_ms == 0) {
        return INT64_MAX;
    }
    return finished->expires_ms != 0 ? finished->expires_ms
                                     : finished->finished_ms + age_limit(policy, finished);
}

int64_t policy_shortest(const struct policy *policy, enum folder folder)
{
    int64_t shortest = folder == FOLDER_FAILED ? policy->failed_ms : policy->outputs_ms;

    for (size_t i = 0; i < policy->model_count && folder == FOLDER_DONE; i++) {
        shortest = policy->models[i].keep_ms < shortest ? policy->models[i].keep_ms : shortest;
    }
    for (size_t i = 0; i < policy->user_count && folder == FOLDER_DONE; i++) {
        shortest = policy->users[i].keep_ms < shortest ? policy->users[i].keep_ms : shortest;
    }
    return shortest;
}

unsigned policy_first_kept(const struct policy *policy, const struct finished *finished)
{
    unsigned first;

    if (policy->versions == 0 || finished->highest - finished->lowest < policy->versions) {
        return finished->lowest;
    }
    first = finished->highest - policy->versions + 1;
    return finished->version < first ? finished->version : first;
}

static void rules_free(struct policy_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(rules[i].name);
    }
    free(rules);
}

void policy_clear(struct policy *policy)
{
    rules_free(policy->models, policy->model_count);
    rules_free(policy->users, policy->user_count);
    policy->models = policy->users = NULL;
    policy->model_count = policy->user_count = 0;
}

int policy_room_read(const char *text, struct policy_room *room)
{
    char *end;
    unsigned long percent = strtoul(text, &end, 10);

    if (text[0] >= '0' && text[0] <= '9' && strcmp(end, "%") == 0 && percent < 100) {
        *room = (struct policy_room){.percent = (unsigned)percent};
        return 0;
    }
    *room = (struct policy_room){0};
    return sizetext_read(text, &room->bytes);
}
