/* SPDX-License-Identifier: GPL-2.0-or-later */
/* batch_body: an answer in the form in which OpenAI's endpoint would have given it, whoever gave it. */
#include "job/batch_body.h"

#include <stdio.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/timetext.h"

enum { NAME_SIZE = 96 };

/* What all forms are made of. */
struct source {
    const json_t *output; /* the output file */
    const json_t *params; /* of the job */
    json_t *texts;        /* what each choice says: an array of texts and nulls */
    json_t *calls;        /* of each choice, or null */
};

/* --- as it came ------------------------------------------------------------------------------------ */

json_t *batch_body_given(enum batch_form form, const json_t *output)
{
    static const struct {
        const char *object, *content;
    } forms[] = {
        [BATCH_CHAT] = {"chat.completion", "choices"},
        [BATCH_COMPLETION] = {"text_completion", "choices"},
        [BATCH_EMBEDDING] = {"list", "data"},
        [BATCH_RESPONSE] = {"response", "output"},
    };
    json_t *response = json_object_get(output, "response");
    const char *object = jsontext_get_text(response, "object", "");
    return strcmp(object, forms[form].object) == 0 &&
                   json_is_array(json_object_get(response, forms[form].content))
               ? response
               : NULL;
}

/* --- what it is made of ---------------------------------------------------------------------------- */

/* The text of one choice, as the model wrote it where that is known: a job that asks for JSON has the parsed
 * value as its output. */
static json_t *text_of(json_t *value)
{
    struct buffer text = {0};
    json_t *written;
    if (value == NULL || json_is_null(value) || json_is_string(value)) {
        return value != NULL ? json_incref(value) : json_null();
    }
    jsontext_write(&text, value);
    written = json_stringn(text.bytes, text.length);
    buffer_free(&text);
    return written;
}

/* Whether the output is an array because several answers were asked for. */
static bool is_several(const json_t *output, const json_t *params)
{
    return json_is_array(json_object_get(output, "output")) &&
           jsontext_get_int(params, "n", 1) > 1;
}

static void source_open(struct source *source, const json_t *output, const json_t *job)
{
    json_t *value = json_object_get(output, "output");
    json_t *calls = json_object_get(output, "tool_calls");
    size_t i;
    json_t *one;
    *source = (struct source){.output = output,
                              .params = json_object_get(job, "params"),
                              .texts = json_array(),
                              .calls = json_array()};
    if (!is_several(output, source->params)) {
        json_array_append_new(source->texts, text_of(value));
        json_array_append_new(source->calls,
                              calls != NULL ? json_incref(calls) : json_null());
        return;
    }
    json_array_foreach (value, i, one) {
        json_t *own = json_array_get(calls, i);
        json_array_append_new(source->texts, text_of(one));
        json_array_append_new(source->calls, own != NULL ? json_incref(own) : json_null());
    }
}

static void source_close(struct source *source)
{
    json_decref(source->texts);
    json_decref(source->calls);
}

static const char *model_of(const struct source *source)
{
    const json_t *model = json_object_get(source->output, "model");
    return jsontext_get_text(model, "answered", jsontext_get_text(model, "asked", ""));
}

/* When it was answered, in seconds. */
static json_t *created_of(const struct source *source)
{
    const json_t *times = json_object_get(source->output, "times");
    struct wall finished = {0};
    if (timetext_read(jsontext_get_text(times, "finished", ""), &finished) != 0) {
        finished.ms = 0;
    }
    return json_integer(finished.ms / 1000);
}

/* A name of the kind that OpenAI gives: the same for the same job. */
static const char *name_of(const struct source *source, const char *prefix, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "%s%.32s", prefix, jsontext_get_text(source->output, "id", ""));
    return out;
}

static json_int_t tokens_of(const struct source *source, const char *key)
{
    return jsontext_get_int(json_object_get(source->output, "usage"), key, 0);
}

static json_t *chat_usage(const struct source *source)
{
    json_int_t input = tokens_of(source, "input_tokens");
    json_int_t output = tokens_of(source, "output_tokens");
    return json_pack("{s:I, s:I, s:I, s:{s:I}, s:{s:I}}", "prompt_tokens", input,
                     "completion_tokens", output, "total_tokens", input + output,
                     "prompt_tokens_details", "cached_tokens", tokens_of(source, "cached_tokens"),
                     "completion_tokens_details", "reasoning_tokens",
                     tokens_of(source, "reasoning_tokens"));
}

/* One of the words that the form knows; others of ours mean that it came to its end. */
static const char *finish_of(const struct source *source)
{
    static const char *const words[] = {"length", "tool_calls", "content_filter"};
    const char *word = jsontext_get_text(source->output, "finish_reason", "stop");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], word) == 0) {
            return words[i];
        }
    }
    return "stop";
}

/* --- Chat Completions ------------------------------------------------------------------------------- */

static json_t *chat_choice(const struct source *source, size_t index)
{
    json_t *calls = json_array_get(source->calls, index);
    json_t *refusal = json_object_get(source->output, "refusal");
    json_t *message = json_pack("{s:s, s:O, s:O?}", "role", "assistant", "content",
                                json_array_get(source->texts, index), "refusal", refusal);
    if (refusal == NULL) {
        json_object_set_new(message, "refusal", json_null());
    }
    if (json_array_size(calls) > 0) {
        json_object_set(message, "tool_calls", calls);
    }
    return json_pack("{s:I, s:o, s:n, s:s}", "index", (json_int_t)index, "message", message,
                     "logprobs", "finish_reason", finish_of(source));
}

static json_t *make_chat(const struct source *source)
{
    char name[NAME_SIZE];
    json_t *choices = json_array();
    for (size_t i = 0; i < json_array_size(source->texts); i++) {
        json_array_append_new(choices, chat_choice(source, i));
    }
    return json_pack("{s:s, s:s, s:o, s:s, s:o, s:o}", "id", name_of(source, "chatcmpl-", name),
                     "object", "chat.completion", "created", created_of(source), "model",
                     model_of(source), "choices", choices, "usage", chat_usage(source));
}

/* --- text completions ------------------------------------------------------------------------------- */

static json_t *make_completion(const struct source *source)
{
    char name[NAME_SIZE];
    json_t *choices = json_array();
    for (size_t i = 0; i < json_array_size(source->texts); i++) {
        json_t *text = json_array_get(source->texts, i);
        json_array_append_new(
            choices, json_pack("{s:o, s:I, s:n, s:s}", "text",
                               json_is_string(text) ? json_incref(text) : json_string(""), "index",
                               (json_int_t)i, "logprobs", "finish_reason", finish_of(source)));
    }
    return json_pack("{s:s, s:s, s:o, s:s, s:o, s:o}", "id", name_of(source, "cmpl-", name),
                     "object", "text_completion", "created", created_of(source), "model",
                     model_of(source), "choices", choices, "usage", chat_usage(source));
}

/* --- embeddings -------------------------------------------------------------------------------------- */

static json_t *make_embedding(const struct source *source)
{
    json_t *data = json_array();
    json_int_t tokens = tokens_of(source, "input_tokens");
    size_t i;
    json_t *vector;
    json_array_foreach (json_object_get(source->output, "output"), i, vector) {
        json_array_append_new(data, json_pack("{s:s, s:I, s:O}", "object", "embedding", "index",
                                              (json_int_t)i, "embedding", vector));
    }
    return json_pack("{s:s, s:o, s:s, s:{s:I, s:I}}", "object", "list", "data", data, "model",
                     model_of(source), "usage", "prompt_tokens", tokens, "total_tokens", tokens);
}

/* --- Responses ---------------------------------------------------------------------------------------- */

static json_t *response_message(const struct source *source, json_t *text)
{
    char name[NAME_SIZE];
    const char *refusal = jsontext_get_text(source->output, "refusal", NULL);
    json_t *part = refusal != NULL
                       ? json_pack("{s:s, s:s}", "type", "refusal", "refusal", refusal)
                       : json_pack("{s:s, s:O, s:[], s:[]}", "type", "output_text", "text", text,
                                   "annotations", "logprobs");
    return json_pack("{s:s, s:s, s:s, s:s, s:[o]}", "type", "message", "id",
                     name_of(source, "msg_", name), "status", "completed", "role", "assistant",
                     "content", part);
}

static json_t *response_call(const json_t *call)
{
    const json_t *custom = json_object_get(call, "custom");
    const json_t *function = json_object_get(call, "function");
    const char *id = jsontext_get_text(call, "id", "");
    if (json_is_object(custom)) {
        return json_pack("{s:s, s:s, s:s, s:O?, s:O?}", "type", "custom_tool_call", "id", id,
                         "call_id", id, "name", json_object_get(custom, "name"), "input",
                         json_object_get(custom, "input"));
    }
    return json_pack("{s:s, s:s, s:s, s:O?, s:O?, s:s}", "type", "function_call", "id", id,
                     "call_id", id, "name", json_object_get(function, "name"), "arguments",
                     json_object_get(function, "arguments"), "status", "completed");
}

static json_t *response_items(const struct source *source)
{
    json_t *items = json_array();
    json_t *text = json_array_get(source->texts, 0);
    size_t i;
    json_t *call;
    if (json_is_string(text) || json_object_get(source->output, "refusal") != NULL) {
        json_array_append_new(items, response_message(source, text));
    }
    json_array_foreach (json_array_get(source->calls, 0), i, call) {
        json_array_append_new(items, response_call(call));
    }
    return items;
}

static json_t *response_usage(const struct source *source)
{
    json_int_t input = tokens_of(source, "input_tokens");
    json_int_t output = tokens_of(source, "output_tokens");
    return json_pack("{s:I, s:{s:I}, s:I, s:{s:I}, s:I}", "input_tokens", input,
                     "input_tokens_details", "cached_tokens", tokens_of(source, "cached_tokens"),
                     "output_tokens", output, "output_tokens_details", "reasoning_tokens",
                     tokens_of(source, "reasoning_tokens"), "total_tokens", input + output);
}

/* A response repeats what was asked: params in which it is said, and what it says where they do not. */
static void add_asked(json_t *response, const struct source *source, const json_t *job)
{
    static const struct {
        const char *name, *otherwise;
    } asked[] = {
        {"metadata", "{}"},    {"parallel_tool_calls", "true"}, {"temperature", "null"},
        {"tool_choice", "\"auto\""}, {"tools", "[]"},           {"top_p", "null"},
        {"max_output_tokens", "null"},
    };
    json_t *system = json_object_get(job, "system");
    json_object_set_new(response, "instructions",
                        system != NULL ? json_incref(system) : json_null());
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        json_t *value = json_object_get(source->params, asked[i].name);
        json_object_set_new(response, asked[i].name,
                            value != NULL ? json_incref(value)
                                          : json_loads(asked[i].otherwise, JSON_DECODE_ANY, NULL));
    }
}

static json_t *make_response(const struct source *source, const json_t *job)
{
    char name[NAME_SIZE];
    const char *finish = finish_of(source);
    bool filtered = strcmp(finish, "content_filter") == 0;
    bool cut = filtered || strcmp(finish, "length") == 0;
    json_t *details = cut ? json_pack("{s:s}", "reason",
                                      filtered ? "content_filter" : "max_output_tokens")
                          : json_null();
    json_t *response =
        json_pack("{s:s, s:s, s:o, s:s, s:n, s:o, s:s, s:o, s:o}", "id",
                  name_of(source, "resp_", name), "object", "response", "created_at",
                  created_of(source), "status", cut ? "incomplete" : "completed", "error",
                  "incomplete_details", details, "model", model_of(source), "output",
                  response_items(source), "usage", response_usage(source));
    add_asked(response, source, job);
    return response;
}

json_t *batch_body_made(enum batch_form form, const json_t *output, const json_t *job)
{
    struct source source;
    json_t *body = NULL;
    source_open(&source, output, job);
    switch (form) {
    case BATCH_CHAT:
        body = make_chat(&source);
        break;
    case BATCH_COMPLETION:
        body = make_completion(&source);
        break;
    case BATCH_EMBEDDING:
        body = make_embedding(&source);
        break;
    case BATCH_RESPONSE:
        body = make_response(&source, job);
        break;
    }
    source_close(&source);
    return body;
}
