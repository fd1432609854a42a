/* SPDX-License-Identifier: GPL-2.0-or-later */
/* anthropic: Anthropic's Messages: the requests. */
#include "provider/anthropic.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "provider/chat_params.h"

enum { DEFAULT_MAX_TOKENS = 4096 }; /* where neither job nor configuration names a bound */

int anthropic_cannot(struct error *error, const char *format, ...)
{
    char what[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    error_set(error, ERROR_DATA, "%s cannot be expressed in Anthropic's Messages", what);
    return -1;
}

static json_t *new_text(const json_t *text)
{
    return json_pack("{s:s, s:s%}", "type", "text", "text", json_string_value(text),
                     json_string_length(text));
}

/* One text stands alone, several are blocks. */
static void add_system(json_t *body, json_t *system)
{
    const json_t *first = json_array_get(system, 0);
    json_t *text = json_object_get(first, "text");
    if (json_array_size(system) == 1 && json_object_size(first) == 2 && text != NULL) {
        json_object_set(body, "system", text);
    } else if (json_array_size(system) > 0) {
        json_object_set(body, "system", system);
    }
}

static int add_question(const struct job *job, json_t *body, struct error *error)
{
    const json_t *conversation = json_object_get(job->document, "messages");
    json_t *prompt = json_object_get(job->document, "prompt");
    const json_t *instructions = json_object_get(job->document, "system");
    json_t *messages = json_array();
    json_t *system = json_array();
    int result = 0;
    if (json_is_string(instructions)) {
        json_array_append_new(system, new_text(instructions));
    }
    if (json_is_array(conversation)) {
        result = anthropic_add_messages(conversation, messages, system, error);
    } else if (json_is_string(prompt)) {
        json_array_append_new(messages, json_pack("{s:s, s:O}", "role", "user", "content", prompt));
    }
    if (result == 0 && json_array_size(messages) == 0) {
        result = anthropic_cannot(error, "a chat without a message of a user or assistant");
    }
    json_object_set(body, "messages", messages);
    add_system(body, system);
    json_decref(messages);
    json_decref(system);
    return result;
}

/* Messages demand a bound. */
static void add_limit(json_t *body, const json_t *params, const struct provider_ask *ask)
{
    json_t *limit = json_object_get(params, "max_tokens");
    limit = limit != NULL ? limit : json_object_get(params, "max_completion_tokens");
    if (limit != NULL && ask->max_tokens == 0) {
        json_object_set(body, "max_tokens", limit);
        return;
    }
    int64_t bound = ask->max_tokens > 0           ? ask->max_tokens
                    : ask->default_max_tokens > 0 ? ask->default_max_tokens
                                                  : DEFAULT_MAX_TOKENS;
    json_object_set_new(body, "max_tokens", json_integer(bound));
}

static void add_user(json_t *body, const char *user)
{
    json_t *metadata = json_object_get(body, "metadata");
    if (user == NULL || json_object_get(metadata, "user_id") != NULL) {
        return;
    }
    json_t *whole = json_is_object(metadata) ? json_copy(metadata) : json_object();
    json_object_set_new(whole, "user_id", json_string(user));
    json_object_set_new(body, "metadata", whole);
}

static void add_header(struct provider_request *request, const char *header)
{
    size_t i = 0;
    while (request->headers[i] != NULL) {
        i++;
    }
    request->headers[i] = xstrdup(header);
}

static int anthropic_build(const struct job *job, const struct provider_ask *ask,
                           struct provider_request *request, struct error *error)
{
    json_t *params = chat_params(json_object_get(job->document, "params"));
    json_t *body = json_object();
    *request = (struct provider_request){.path = NULL};
    json_object_set_new(body, "model", json_string(ask->model));
    add_limit(body, params, ask);
    int result = add_question(job, body, error);
    if (result == 0) {
        result = anthropic_add_params(params, body, error);
    }
    json_decref(params);
    if (result != 0) {
        json_decref(body);
        return -1;
    }
    add_user(body, job->user);
    if (ask->stream) {
        json_object_set_new(body, "stream", json_true());
    }
    provider_request_json(request, "/v1/messages", ask->stream, body);
    add_header(request, "anthropic-version: 2023-06-01");
    return 0;
}

const struct provider provider_anthropic = {
    .protocol = "anthropic",
    .type = "chat",
    .key_header = "x-api-key: ",
    .usual_max_tokens = DEFAULT_MAX_TOKENS,
    .build = anthropic_build,
    .read = anthropic_read,
    .stream = &anthropic_stream,
};
