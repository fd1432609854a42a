/* SPDX-License-Identifier: GPL-2.0-or-later */
/* openai: OpenAI's Chat Completions: the requests. */
#include "provider/openai.h"

#include <fnmatch.h>
#include <string.h>

#include "base/jsontext.h"
#include "provider/file_part.h"
#include "provider/chat_params.h"
#include "provider/structured.h"

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(word, *words) == 0) {
            return true;
        }
    }
    return false;
}

/* OpenAI's reasoning models refuse max_tokens; other servers often know nothing else. A vendor in
 * front ("openai/gpt-5") and the mark of a fine-tuned model ("ft:gpt-5:…") do not matter. */
static bool takes_completion_tokens(const char *model)
{
    static const char *const patterns[] = {"o[1-9]", "o[1-9]-*", "o[1-9]:*", "gpt-[5-9]*", NULL};
    const char *slash = strrchr(model, '/');
    const char *name = slash == NULL ? model : slash + 1;
    name += strncmp(name, "ft:", 3) == 0 ? 3 : 0;
    for (size_t i = 0; patterns[i] != NULL; i++) {
        if (fnmatch(patterns[i], name, 0) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *new_message(const char *role, json_t *content)
{
    json_t *message = json_object();
    json_object_set_new(message, "role", json_string(role));
    json_object_set(message, "content", content);
    return message;
}

/* An attachment as a part of Chat Completions, appended to parts. Of files there the protocol takes
 * PDF alone; a text is a text. */
static void add_file(const struct file_part *file, json_t *parts)
{
    json_t *url;
    switch (file->media) {
    case MEDIA_IMAGE:
        url = json_pack("{s:o}", "url", file_part_url(file));
        json_array_append_new(parts,
                              json_pack("{s:s, s:o}", "type", "image_url", "image_url", url));
        break;
    case MEDIA_PDF:
        json_array_append_new(parts, json_pack("{s:s, s:{s:s, s:o}}", "type", "file", "file",
                                               "filename", file_part_name(file), "file_data",
                                               file_part_url(file)));
        break;
    default:
        file_part_add_text(file, "text", parts);
        break;
    }
}

/* A message with its attachments as this protocol takes them: a new reference. */
static json_t *build_message(json_t *message)
{
    json_t *content = json_object_get(message, "content");
    json_t *parts = json_array();
    bool files = false;
    size_t i;
    json_t *part;
    json_array_foreach (content, i, part) {
        struct file_part file;
        if (file_part_read(part, &file)) {
            files = true;
            add_file(&file, parts);
        } else {
            json_array_append(parts, part);
        }
    }
    json_t *built = files ? json_copy(message) : json_incref(message);
    if (files) {
        json_object_set(built, "content", parts);
    }
    json_decref(parts);
    return built;
}

static void add_messages(json_t *messages, const json_t *given)
{
    size_t i;
    json_t *message;
    json_array_foreach (given, i, message) {
        json_array_append_new(messages, build_message(message));
    }
}

/* The job's messages, or its prompt as one, with its system text in front. NULL when it has
 * neither. */
static json_t *build_messages(const struct job *job)
{
    json_t *given = json_object_get(job->document, "messages");
    json_t *prompt = json_object_get(job->document, "prompt");
    json_t *system = json_object_get(job->document, "system");
    if (!json_is_array(given) && !json_is_string(prompt)) {
        return NULL;
    }
    json_t *messages = json_array();
    if (json_is_string(system)) {
        json_array_append_new(messages, new_message("system", system));
    }
    if (json_is_array(given)) {
        add_messages(messages, given);
    } else {
        json_array_append_new(messages, new_message("user", prompt));
    }
    return messages;
}

/* Passes params on, but for what is said elsewhere. */
void openai_add_params(json_t *body, json_t *params)
{
    static const char *const ours[] = {
        "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens",
        NULL};
    const char *key;
    json_t *value;
    json_object_foreach (params, key, value) {
        if (!is_one_of(key, ours) && !structured_is_ours(key, value)) {
            json_object_set(body, key, value);
        }
    }
}

/* Bounds the answer: one limit, under the name that the job chose or that the model takes. */
static void add_limit(json_t *body, const json_t *params, const struct provider_ask *ask)
{
    json_t *limit = json_object_get(params, "max_completion_tokens");
    bool completion = limit != NULL || takes_completion_tokens(ask->model);
    const char *key = completion ? "max_completion_tokens" : "max_tokens";
    limit = limit != NULL ? limit : json_object_get(params, "max_tokens");
    if (ask->max_tokens > 0) {
        json_object_set_new(body, key, json_integer(ask->max_tokens));
    } else if (limit != NULL) {
        json_object_set(body, key, limit);
    }
}

/* Without include_usage nobody says what a stream has cost. */
void openai_add_stream(json_t *body)
{
    json_object_set_new(body, "stream", json_true());
    json_object_set_new(body, "stream_options", json_pack("{s:b}", "include_usage", 1));
}

static int openai_build(const struct job *job, const struct provider_ask *ask,
                        struct provider_request *request, struct error *error)
{
    json_t *messages = build_messages(job);
    if (messages == NULL) {
        error_set(error, ERROR_DATA,
                  "a chat needs a \"prompt\" or \"messages\", and the job has neither");
        return -1;
    }
    json_t *params = chat_params(json_object_get(job->document, "params"));
    json_t *body = json_object();
    json_object_set_new(body, "model", json_string(ask->model));
    json_object_set_new(body, "messages", messages);
    openai_add_params(body, params);
    add_limit(body, params, ask);
    json_decref(params);
    if (job->user != NULL && json_object_get(body, "user") == NULL) {
        json_object_set_new(body, "user", json_string(job->user));
    }
    if (ask->stream) {
        openai_add_stream(body);
    }
    provider_request_json(request, "/chat/completions", ask->stream, body);
    return 0;
}

const struct provider provider_openai = {
    .protocol = "openai",
    .type = "chat",
    .key_header = "Authorization: Bearer ",
    .build = openai_build,
    .read = openai_chat_read,
    .stream = &openai_chat_stream,
};
