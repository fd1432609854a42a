/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * anthropic_params: the parameters of Chat Completions as Messages have them.
 *
 * What is in no row of the table is Messages' own, or nobody's, and passes as it is.
 */
#include <string.h>

#include "base/jsontext.h"
#include "provider/structured.h"
#include "provider/anthropic.h"

struct param {
    const char *name;

    /* Adds what value says to body. Returns 0, or -1 with an error. NULL: value can be left out
     * when it asks for nothing, and nothing else of it can be said. */
    int (*take)(const struct param *param, json_t *value, json_t *body, struct error *error);
};

static int cannot(const struct param *param, const char *which, struct error *error)
{
    return anthropic_cannot(error, "%s in \"params\", \"%s\",", which, param->name);
}

/* Sets a member of a member of body, which is made when it is not there. */
static void set_inner(json_t *body, const char *key, const char *member, json_t *value)
{
    json_t *before = json_object_get(body, key);
    json_t *object = json_is_object(before) ? json_copy(before) : json_object();
    json_object_set_new(object, member, value);
    json_object_set_new(body, key, object);
}

/* A value that changes nothing where it is understood. */
static bool asks_nothing(const json_t *value)
{
    return json_is_null(value) || json_is_false(value) ||
           (json_is_number(value) && json_number_value(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static int take_nothing(const struct param *param, json_t *value, json_t *body, struct error *error)
{
    (void)param;
    (void)value;
    (void)body;
    (void)error;
    return 0; /* said elsewhere */
}

static int take_n(const struct param *param, json_t *value, json_t *body, struct error *error)
{
    (void)body;
    if (asks_nothing(value) || json_number_value(value) == 1) {
        return 0;
    }
    return cannot(param, "more than one answer", error);
}

static int take_stop(const struct param *param, json_t *value, json_t *body, struct error *error)
{
    (void)param;
    (void)error;
    if (json_is_string(value)) {
        json_object_set_new(body, "stop_sequences", json_pack("[O]", value));
    } else if (!json_is_null(value)) {
        json_object_set(body, "stop_sequences", value);
    }
    return 0;
}

static int take_user(const struct param *param, json_t *value, json_t *body, struct error *error)
{
    (void)param;
    (void)error;
    if (json_is_string(value)) {
        set_inner(body, "metadata", "user_id", json_incref(value));
    }
    return 0;
}

/* An object of the same name there, into which another parameter may put something as well. */
static int take_members(const struct param *param, json_t *value, json_t *body, struct error *error)
{
    const char *key;
    json_t *member;
    (void)error;
    json_object_foreach (value, key, member) {
        set_inner(body, param->name, key, json_incref(member));
    }
    return 0;
}

static int take_effort(const struct param *param, json_t *value, json_t *body, struct error *error)
{
    const char *word = json_string_value(value);
    if (json_is_null(value)) {
        return 0;
    }
    if (word == NULL || strcmp(word, "none") == 0 || strcmp(word, "minimal") == 0) {
        return cannot(param, word == NULL ? "what is no word" : word, error);
    }
    set_inner(body, "output_config", "effort", json_incref(value));
    return 0;
}

static int take_format(const struct param *param, json_t *value, json_t *body, struct error *error)
{
    const char *type = jsontext_get_text(value, "type", "");
    json_t *schema = json_object_get(json_object_get(value, "json_schema"), "schema");
    if (json_is_null(value) || strcmp(type, "text") == 0) {
        return 0;
    }
    if (strcmp(type, "json_schema") != 0 || schema == NULL) {
        return cannot(param, "anything but text and a json_schema with its schema", error);
    }
    set_inner(body, "output_config", "format",
              json_pack("{s:s, s:O}", "type", "json_schema", "schema", schema));
    return 0;
}

/* Tools */

static json_t *convert_function(json_t *function)
{
    static const char *const kept[] = {"name", "description", "strict"};
    json_t *schema = json_object_get(function, "parameters");
    json_t *tool = json_object();
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        json_t *value = json_object_get(function, kept[i]);
        if (value != NULL && !json_is_null(value)) {
            json_object_set(tool, kept[i], value);
        }
    }
    json_object_set_new(tool, "input_schema",
                        json_is_object(schema)
                            ? json_incref(schema)
                            : json_pack("{s:s, s:{}}", "type", "object", "properties"));
    return tool;
}

static int take_tools(const struct param *param, json_t *value, json_t *body, struct error *error)
{
    json_t *tools = json_array();
    size_t i;
    json_t *tool;
    json_array_foreach (value, i, tool) {
        json_t *function = json_object_get(tool, "function");
        if (json_object_get(tool, "custom") != NULL) {
            json_decref(tools);
            return cannot(param, "a custom tool", error);
        }
        json_array_append_new(tools, json_is_object(function) ? convert_function(function)
                                                              : json_incref(tool));
    }
    if (json_array_size(tools) > 0) {
        json_object_set(body, "tools", tools);
    }
    json_decref(tools);
    return 0;
}

/* The members are set one by one: parallel_tool_calls may have come first. */
static void set_choice(json_t *body, const char *type, const char *name)
{
    set_inner(body, "tool_choice", "type", json_string(type));
    if (name != NULL) {
        set_inner(body, "tool_choice", "name", json_string(name));
    }
}

static int take_choice_word(const struct param *param, const char *word, json_t *body,
                            struct error *error)
{
    static const char *const words[][2] = {
        {"auto", "auto"}, {"none", "none"}, {"required", "any"}, {"any", "any"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i][0], word) == 0) {
            set_choice(body, words[i][1], NULL);
            return 0;
        }
    }
    return cannot(param, "this word", error);
}

static int take_choice(const struct param *param, json_t *value, json_t *body, struct error *error)
{
    const char *type = jsontext_get_text(value, "type", "");
    const char *name = jsontext_get_text(json_object_get(value, "function"), "name", NULL);
    const char *key;
    json_t *member;
    if (json_is_string(value)) {
        return take_choice_word(param, json_string_value(value), body, error);
    }
    if (strcmp(type, "function") == 0 && name != NULL) {
        set_choice(body, "tool", name);
        return 0;
    }
    if (strcmp(type, "allowed_tools") == 0 || strcmp(type, "custom") == 0) {
        return cannot(param, type, error);
    }
    json_object_foreach (value, key, member) {
        set_inner(body, "tool_choice", key, json_incref(member));
    }
    return 0;
}

static int take_parallel(const struct param *param, json_t *value, json_t *body,
                         struct error *error)
{
    (void)param;
    (void)error;
    const json_t *choice = json_object_get(body, "tool_choice");
    bool none = strcmp(jsontext_get_text(choice, "type", ""), "none") == 0;
    if (json_is_false(value) && !none) {
        if (choice == NULL) {
            set_choice(body, "auto", NULL);
        }
        set_inner(body, "tool_choice", "disable_parallel_tool_use", json_true());
    }
    return 0;
}

/* In the order in which they are taken. */
static const struct param params[] = {
    {"max_tokens", take_nothing},
    {"max_completion_tokens", take_nothing},
    {"model", take_nothing},
    {"messages", take_nothing},
    {"stream", take_nothing},
    {"stream_options", take_nothing},
    {"n", take_n},
    {"stop", take_stop},
    {"metadata", take_members},
    {"user", take_user},
    {"output_config", take_members},
    {"reasoning_effort", take_effort},
    {"response_format", take_format},
    {"tools", take_tools},
    {"tool_choice", take_choice},
    {"parallel_tool_calls", take_parallel},
    {"audio", NULL},
    {"frequency_penalty", NULL},
    {"function_call", NULL},
    {"functions", NULL},
    {"logit_bias", NULL},
    {"logprobs", NULL},
    {"modalities", NULL},
    {"prediction", NULL},
    {"presence_penalty", NULL},
    {"seed", NULL},
    {"store", NULL},
    {"top_logprobs", NULL},
    {"verbosity", NULL},
    {"web_search_options", NULL},
};

enum { PARAM_COUNT = sizeof params / sizeof *params };

static bool is_known(const char *name)
{
    for (size_t i = 0; i < PARAM_COUNT; i++) {
        if (strcmp(params[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int take_known(const struct param *param, json_t *value, json_t *body, struct error *error)
{
    if (param->take != NULL) {
        return param->take(param, value, body, error);
    }
    return asks_nothing(value) ? 0 : cannot(param, "what is asked for", error);
}

int anthropic_add_params(json_t *given, json_t *body, struct error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach (given, key, value) {
        if (!is_known(key)) {
            json_object_set(body, key, value);
        }
    }
    for (size_t i = 0; i < PARAM_COUNT; i++) {
        value = json_object_get(given, params[i].name);
        bool ours = structured_is_ours(params[i].name, value);
        if (value != NULL && !ours && take_known(&params[i], value, body, error) != 0) {
            return -1;
        }
    }
    return 0;
}
