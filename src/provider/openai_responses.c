/* SPDX-License-Identifier: GPL-2.0-or-later */
/* openai_responses: OpenAI's Responses: the requests. */
#include "provider/openai_responses.h"

#include <string.h>

#include "base/jsontext.h"
#include "provider/file_part.h"
#include "provider/structured.h"

enum { IDENTIFIER_LIMIT = 64 }; /* bytes of a safety_identifier */

/* Input items */

/* Parts of a content, whose types have other names here. Members that are objects of their own in
 * Chat Completions lie flat. */
static json_t *input_part(json_t *part, const char *text_type)
{
    const char *type = jsontext_get_text(part, "type", "");
    json_t *image = json_object_get(part, "image_url");
    if (strcmp(type, "text") == 0) {
        return json_pack("{s:s,s:O?}", "type", text_type, "text", json_object_get(part, "text"));
    }
    if (strcmp(type, "image_url") == 0) {
        json_t *url = json_is_object(image) ? json_object_get(image, "url") : image;
        return json_pack("{s:s,s:O?,s:s}", "type", "input_image", "image_url", url, "detail",
                         jsontext_get_text(image, "detail", "auto"));
    }
    if (strcmp(type, "file") == 0 && json_is_object(json_object_get(part, "file"))) {
        json_t *file = json_pack("{s:s}", "type", "input_file");
        json_object_update(file, json_object_get(part, "file"));
        return file;
    }
    return json_incref(part);
}

/* An attachment as Responses take it, appended to parts. */
static void add_file(const struct file_part *file, json_t *parts)
{
    switch (file->media) {
    case MEDIA_IMAGE:
        json_array_append_new(parts, json_pack("{s:s, s:o, s:s}", "type", "input_image",
                                               "image_url", file_part_url(file), "detail", "auto"));
        break;
    case MEDIA_PDF:
        json_array_append_new(parts, json_pack("{s:s, s:s, s:o}", "type", "input_file", "filename",
                                               file_part_name(file), "file_data",
                                               file_part_url(file)));
        break;
    default:
        file_part_add_text(file, "input_text", parts);
        break;
    }
}

/* A content that is text as it is, an array part by part. */
static json_t *input_content(json_t *content, const char *text_type)
{
    if (!json_is_array(content)) {
        return json_incref(content);
    }
    json_t *parts = json_array();
    size_t i;
    json_t *part;
    json_array_foreach (content, i, part) {
        struct file_part file;
        if (file_part_read(part, &file)) {
            add_file(&file, parts);
        } else {
            json_array_append_new(parts, input_part(part, text_type));
        }
    }
    return parts;
}

static void add_message(json_t *input, const char *role, json_t *content)
{
    const char *text_type = strcmp(role, "assistant") == 0 ? "output_text" : "input_text";
    bool empty = json_string_length(content) == 0 && json_array_size(content) == 0;
    if (strcmp(role, "assistant") != 0 || !empty) {
        json_array_append_new(input, json_pack("{s:s,s:o?}", "role", role, "content",
                                               input_content(content, text_type)));
    }
}

/* The calls of an assistant's message are items of their own. */
static void add_calls(json_t *input, const json_t *calls)
{
    size_t i;
    json_t *call;
    json_array_foreach (calls, i, call) {
        json_t *id = json_object_get(call, "id");
        json_t *function = json_object_get(call, "function");
        json_t *custom = json_object_get(call, "custom");
        json_t *item = json_is_object(custom)
                           ? json_pack("{s:s,s:O?,s:O?,s:O?}", "type", "custom_tool_call",
                                       "call_id", id, "name", json_object_get(custom, "name"),
                                       "input", json_object_get(custom, "input"))
                           : json_pack("{s:s,s:O?,s:O?,s:O?}", "type", "function_call", "call_id",
                                       id, "name", json_object_get(function, "name"), "arguments",
                                       json_object_get(function, "arguments"));
        json_array_append_new(input, item);
    }
}

static void add_item(json_t *input, json_t *message)
{
    const char *role = jsontext_get_text(message, "role", "");
    json_t *content = json_object_get(message, "content");
    if (strcmp(role, "tool") == 0) {
        json_array_append_new(input, json_pack("{s:s,s:O?,s:o?}", "type", "function_call_output",
                                               "call_id", json_object_get(message, "tool_call_id"),
                                               "output", input_content(content, "input_text")));
        return;
    }
    add_message(input, role, content);
    add_calls(input, json_object_get(message, "tool_calls"));
}

/* What is asked: a new reference, or NULL when the job asks nothing. */
static json_t *build_input(const struct job *job)
{
    json_t *messages = json_object_get(job->document, "messages");
    json_t *prompt = json_object_get(job->document, "prompt");
    size_t i;
    json_t *message;
    if (!json_is_array(messages)) {
        return json_is_string(prompt) ? json_incref(prompt) : NULL;
    }
    json_t *input = json_array();
    json_array_foreach (messages, i, message) {
        add_item(input, message);
    }
    return input;
}

/* Params */

/* {"type": T, T: {…}} as {"type": T, …}: formats, tools and choices of a tool lie flat here. */
static json_t *flatten(json_t *value)
{
    const char *type = jsontext_get_text(value, "type", "");
    json_t *inner = json_object_get(value, type);
    if (!json_is_object(inner)) {
        return json_incref(value);
    }
    json_t *flat = json_copy(value);
    json_object_del(flat, type);
    json_object_update_missing(flat, inner);
    return flat;
}

/* The body's own object of this name, never the job's. */
static json_t *body_object(json_t *body, const char *key)
{
    json_t *object = json_object_get(body, key);
    if (object == NULL) {
        object = json_object();
        json_object_set_new(body, key, object);
    }
    return object;
}

static void put_format(json_t *body, json_t *value)
{
    json_object_set_new(body_object(body, "text"), "format", flatten(value));
}

static void put_verbosity(json_t *body, json_t *value)
{
    json_object_set(body_object(body, "text"), "verbosity", value);
}

static void put_text(json_t *body, json_t *value)
{
    json_object_update(body_object(body, "text"), value);
}

static void put_effort(json_t *body, json_t *value)
{
    json_object_set(body_object(body, "reasoning"), "effort", value);
}

static void put_reasoning(json_t *body, json_t *value)
{
    json_object_update(body_object(body, "reasoning"), value);
}

/* Here a function is strict, and must have parameters, unless it says otherwise. */
static json_t *flatten_tool(json_t *tool)
{
    json_t *flat = flatten(tool);
    if (flat != tool && strcmp(jsontext_get_text(flat, "type", ""), "function") == 0) {
        json_t *defaults = json_pack("{s:n,s:b}", "parameters", "strict", 0);
        json_object_update_missing(flat, defaults);
        json_decref(defaults);
    }
    return flat;
}

static void put_tools(json_t *body, json_t *value)
{
    json_t *tools = json_array();
    size_t i;
    json_t *tool;
    json_array_foreach (value, i, tool) {
        json_array_append_new(tools, flatten_tool(tool));
    }
    json_object_set_new(body, "tools", tools);
}

static void put_tool_choice(json_t *body, json_t *value)
{
    json_object_set_new(body, "tool_choice", flatten(value));
}

/* Params with another form here. All others are passed on as they are. */
static const struct {
    const char *name;
    void (*put)(json_t *body, json_t *value); /* NULL: it is said elsewhere, or makes no sense */
} params[] = {
    {"model", NULL},
    {"messages", NULL},
    {"input", NULL},
    {"stream", NULL},
    {"stream_options", NULL},
    {"background", NULL}, /* the answer would have to be asked for again */
    {"max_tokens", NULL},
    {"max_completion_tokens", NULL},
    {"max_output_tokens", NULL},
    {"response_format", put_format},
    {"verbosity", put_verbosity},
    {"text", put_text},
    {"reasoning_effort", put_effort},
    {"reasoning", put_reasoning},
    {"tools", put_tools},
    {"tool_choice", put_tool_choice},
};

static void add_param(json_t *body, const char *name, json_t *value)
{
    if (structured_is_ours(name, value)) {
        return;
    }
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        if (strcmp(params[i].name, name) == 0) {
            if (params[i].put != NULL) {
                params[i].put(body, value);
            }
            return;
        }
    }
    json_object_set(body, name, value);
}

static void add_limit(json_t *body, const json_t *given, const struct provider_ask *ask)
{
    static const char *const names[] = {"max_output_tokens", "max_completion_tokens", "max_tokens"};
    json_t *limit = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && limit == NULL; i++) {
        limit = json_object_get(given, names[i]);
    }
    if (ask->max_tokens > 0) {
        json_object_set_new(body, "max_output_tokens", json_integer(ask->max_tokens));
    } else if (limit != NULL) {
        json_object_set(body, "max_output_tokens", limit);
    }
}

/* What the job says outside of its params, unless they say otherwise: the params are in the body.
 * Responses are stored by default, which a queue has no use for. */
static void add_defaults(json_t *body, const struct job *job)
{
    json_t *system = json_object_get(job->document, "system");
    if (json_is_string(system)) {
        json_object_set(body, "instructions", system);
    }
    if (json_object_get(body, "store") == NULL) {
        json_object_set_new(body, "store", json_false());
    }
    if (job->user != NULL && strlen(job->user) <= IDENTIFIER_LIMIT &&
        json_object_get(body, "safety_identifier") == NULL &&
        json_object_get(body, "user") == NULL) {
        json_object_set_new(body, "safety_identifier", json_string(job->user));
    }
}

static int responses_build(const struct job *job, const struct provider_ask *ask,
                           struct provider_request *request, struct error *error)
{
    json_t *given = json_object_get(job->document, "params");
    json_t *input = build_input(job);
    const char *name;
    json_t *value;
    if (input == NULL) {
        error_set(error, ERROR_DATA,
                  "a chat needs a \"prompt\" or \"messages\", and the job has neither");
        return -1;
    }
    json_t *body = json_pack("{s:s,s:o}", "model", ask->model, "input", input);
    json_object_foreach (given, name, value) {
        add_param(body, name, value);
    }
    add_limit(body, given, ask);
    add_defaults(body, job);
    if (ask->stream) {
        json_object_set_new(body, "stream", json_true());
    }
    provider_request_json(request, "/responses", ask->stream, body);
    return 0;
}

const struct provider provider_openai_responses = {
    .protocol = "openai-responses",
    .type = "chat",
    .key_header = "Authorization: Bearer ",
    .build = responses_build,
    .read = openai_responses_read,
    .stream = &openai_responses_stream,
};
