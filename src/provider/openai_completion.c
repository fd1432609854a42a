/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openai_completion: OpenAI's text completions.
 *
 * But for the place of the text they are answered as chats are. So a choice's text is put where a
 * chat has it, read as a chat, and put back.
 */
#include "provider/openai_completion.h"

#include <string.h>

#include "base/jsontext.h"
#include "provider/flaw.h"
#include "provider/openai.h"

static void add_limit(json_t *body, const json_t *params, const struct provider_ask *ask)
{
    json_t *limit = json_object_get(params, "max_tokens");
    limit = limit != NULL ? limit : json_object_get(params, "max_completion_tokens");
    if (ask->max_tokens > 0) {
        json_object_set_new(body, "max_tokens", json_integer(ask->max_tokens));
    } else if (limit != NULL) {
        json_object_set(body, "max_tokens", limit);
    }
}

static int completion_build(const struct job *job, const struct provider_ask *ask,
                            struct provider_request *request, struct error *error)
{
    json_t *params = json_object_get(job->document, "params");
    json_t *prompt = json_object_get(job->document, "prompt");
    if (!json_is_string(prompt)) {
        error_set(error, ERROR_DATA, "a completion needs a \"prompt\", and the job has none");
        return -1;
    }
    json_t *body = json_pack("{s:s, s:O}", "model", ask->model, "prompt", prompt);
    openai_add_params(body, params);
    json_object_set(body, "prompt", prompt); /* whatever the params say */
    add_limit(body, params, ask);
    if (job->user != NULL && json_object_get(body, "user") == NULL) {
        json_object_set_new(body, "user", json_string(job->user));
    }
    if (ask->stream) {
        openai_add_stream(body);
    }
    provider_request_json(request, "/completions", ask->stream, body);
    return 0;
}

/* A choice with its text as the content of a message, or of a delta. */
static json_t *to_chat(json_t *choice, const char *place)
{
    json_t *chat = json_copy(choice);
    json_t *text = json_object_get(choice, "text");
    if (text != NULL) {
        json_object_set_new(chat, place, json_pack("{s:O}", "content", text));
        json_object_del(chat, "text");
    }
    return chat;
}

/* A document with all of its choices so. */
static json_t *document_to_chat(json_t *document, const char *place)
{
    json_t *chat = json_copy(document);
    json_t *choices = json_array();
    size_t i;
    json_t *choice;
    json_array_foreach (json_object_get(document, "choices"), i, choice) {
        json_array_append_new(choices, json_is_object(choice) ? to_chat(choice, place)
                                                              : json_incref(choice));
    }
    json_object_set_new(chat, "choices", choices);
    return chat;
}

/* The response that is kept is the one that came. */
static enum flaw read_completion(const struct job *job, json_t *document, struct answer *answer)
{
    json_t *chat = json_is_object(document) ? document_to_chat(document, "message") : json_object();
    enum flaw flaw = openai_read_choices(job, chat, answer);
    json_decref(answer->response);
    answer->response = json_incref(document);
    json_decref(chat);
    return flaw;
}

static struct verdict completion_read(const struct job *job, const struct provider_reply *reply,
                                      struct wall now, struct answer *answer)
{
    return flaw_read(read_completion, openai_errors, job, reply, now, answer);
}

static bool completion_take(struct fold *fold, const char *name, json_t *data)
{
    json_t *chunk = document_to_chat(data, "delta");
    bool good = openai_chat_stream.take(fold, name, chunk);
    json_decref(chunk);
    return good;
}

static bool completion_complete(struct fold *fold, const struct job *job)
{
    bool whole = openai_chat_stream.complete(fold, job);
    size_t i;
    json_t *choice;
    json_array_foreach (json_object_get(fold->document, "choices"), i, choice) {
        json_t *message = json_object_get(choice, "message");
        json_object_set(choice, "text", json_object_get(message, "content"));
        json_object_del(choice, "message");
    }
    json_object_set_new(fold->document, "object", json_string("text_completion"));
    return whole;
}

static const struct stream_kind completion_stream = {.take = completion_take,
                                                     .complete = completion_complete};

const struct provider provider_openai_completion = {
    .protocol = "openai",
    .type = "completion",
    .key_header = "Authorization: Bearer ",
    .build = completion_build,
    .read = completion_read,
    .stream = &completion_stream,
};
