/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chat_params: params that were written for OpenAI's Responses, by the names of Chat Completions. */
#include "provider/chat_params.h"

#include <stdbool.h>
#include <string.h>

#include "base/jsontext.h"

/* {"type": T, …} as {"type": T, T: {…}}, where T is one of those that lie flat in Responses. */
static json_t *nest(json_t *value)
{
    static const char *const types[] = {"function", "json_schema"};
    const char *type = jsontext_get_text(value, "type", "");
    json_t *inner;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i], type) == 0 && json_object_get(value, type) == NULL) {
            inner = json_copy(value);
            json_object_del(inner, "type");
            return json_pack("{s:s, s:o}", "type", type, type, inner);
        }
    }
    return json_incref(value);
}

static void set_missing(json_t *params, const char *key, json_t *value)
{
    if (value != NULL && json_object_get(params, key) == NULL) {
        json_object_set(params, key, value);
    }
}

/* The bound of an answer: one, by the neutral name. */
static void take_limit(json_t *params, json_t *value)
{
    if (json_object_get(params, "max_completion_tokens") == NULL && !json_is_null(value)) {
        set_missing(params, "max_tokens", value);
    }
    json_object_del(params, "max_output_tokens");
}

static void take_text(json_t *params, json_t *text)
{
    json_t *format = json_object_get(text, "format");
    json_t *nested = format != NULL ? nest(format) : NULL;
    set_missing(params, "response_format", nested);
    set_missing(params, "verbosity", json_object_get(text, "verbosity"));
    json_decref(nested);
    json_object_del(params, "text");
}

static void take_tools(json_t *params, json_t *given)
{
    json_t *tools = json_array();
    size_t i;
    json_t *tool;
    json_array_foreach (given, i, tool) {
        json_array_append_new(tools, nest(tool));
    }
    json_object_set_new(params, "tools", tools);
}

/* Whether a tool or the choice of one lies flat. */
static bool is_flat(json_t *value)
{
    json_t *nested = nest(value);
    bool flat = nested != value;
    json_decref(nested);
    return flat;
}

static bool any_flat(const json_t *tools)
{
    for (size_t i = 0; i < json_array_size(tools); i++) {
        if (is_flat(json_array_get(tools, i))) {
            return true;
        }
    }
    return false;
}

json_t *chat_params(json_t *params)
{
    json_t *limit = json_object_get(params, "max_output_tokens");
    json_t *text = json_object_get(params, "text");
    json_t *tools = json_object_get(params, "tools");
    json_t *choice = json_object_get(params, "tool_choice");
    bool flat_tools = any_flat(tools);
    bool flat_choice = json_is_object(choice) && is_flat(choice);
    json_t *chat;
    if (limit == NULL && !json_is_object(text) && !flat_tools && !flat_choice) {
        return json_incref(params);
    }
    chat = json_copy(params);
    if (limit != NULL) {
        take_limit(chat, limit);
    }
    if (json_is_object(text)) {
        take_text(chat, text);
    }
    if (flat_tools) {
        take_tools(chat, tools);
    }
    if (flat_choice) {
        json_object_set_new(chat, "tool_choice", nest(choice));
    }
    return chat;
}
