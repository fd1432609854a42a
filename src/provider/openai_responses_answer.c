/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openai_responses_answer: the answers of OpenAI's Responses.
 *
 * Whether there is an answer is told by its status, not by HTTP's alone: a failed response comes
 * with 200 and an error in it, which is classified as any other.
 */
#include <string.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "provider/flaw.h"
#include "provider/openai.h"
#include "provider/openai_responses.h"

/* What the items of an output are, put together. */
struct output {
    struct buffer text;
    bool has_text; /* a part of text came, be it empty */
    struct buffer refusal;
    json_t *calls; /* in the form of Chat Completions; NULL: none */
    bool other;    /* something beside text, calls and reasoning: an image, a search */
};

static void output_clear(struct output *output)
{
    buffer_free(&output->text);
    buffer_free(&output->refusal);
    json_decref(output->calls);
}

static void add_part(struct output *output, const json_t *part)
{
    const char *type = jsontext_get_text(part, "type", "");
    const json_t *text = json_object_get(part, "text");
    if (strcmp(type, "output_text") == 0 && json_is_string(text)) {
        buffer_append(&output->text, json_string_value(text), json_string_length(text));
        output->has_text = true;
    } else if (strcmp(type, "refusal") == 0) {
        buffer_text(&output->refusal, jsontext_get_text(part, "refusal", ""));
    }
}

static void add_message(struct output *output, const json_t *item)
{
    size_t i;
    const json_t *part;
    json_array_foreach (json_object_get(item, "content"), i, part) {
        add_part(output, part);
    }
}

/* A call as Chat Completions has it: kind is "function" or "custom", key where its input stands. */
static void add_call(struct output *output, const json_t *item, const char *kind, const char *key)
{
    json_t *id = json_object_get(item, "call_id");
    id = id != NULL ? id : json_object_get(item, "id");
    output->calls = output->calls != NULL ? output->calls : json_array();
    json_array_append_new(
        output->calls, json_pack("{s:O?,s:s,s:{s:O?,s:O?}}", "id", id, "type", kind, kind, "name",
                                 json_object_get(item, "name"), key, json_object_get(item, key)));
}

static struct output read_items(const json_t *items)
{
    struct output output = {.calls = NULL};
    size_t i;
    const json_t *item;
    json_array_foreach (items, i, item) {
        const char *type = jsontext_get_text(item, "type", "");
        if (strcmp(type, "message") == 0) {
            add_message(&output, item);
        } else if (strcmp(type, "function_call") == 0) {
            add_call(&output, item, "function", "arguments");
        } else if (strcmp(type, "custom_tool_call") == 0) {
            add_call(&output, item, "custom", "input");
        } else if (strcmp(type, "reasoning") != 0) {
            output.other = true;
        }
    }
    return output;
}

/* Why a response ended, in our words. */
static const struct {
    const char *status;
    const char *reason; /* of incomplete_details; NULL: any */
    const char *finish; /* NULL: it broke off, or has not ended */
} ends[] = {
    {"completed", NULL, "stop"},
    {"incomplete", "max_output_tokens", "length"},
    {"incomplete", "content_filter", "content_filter"},
    {"incomplete", NULL, "length"},
    {"failed", NULL, NULL},
    {"cancelled", NULL, NULL},
    {"queued", NULL, NULL},
    {"in_progress", NULL, NULL},
};

/* Finds the end of a document. */
static enum flaw read_end(const json_t *document, const char **finish)
{
    const char *status = jsontext_get_text(document, "status", "");
    const json_t *details = json_object_get(document, "incomplete_details");
    const char *reason = jsontext_get_text(details, "reason", "");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (strcmp(ends[i].status, status) == 0 &&
            (ends[i].reason == NULL || strcmp(ends[i].reason, reason) == 0)) {
            *finish = ends[i].finish;
            return *finish == NULL ? FLAW_FINISH_ERROR : FLAW_NONE;
        }
    }
    return FLAW_NO_FINISH;
}

static struct usage read_usage(const json_t *usage)
{
    const json_t *input = json_object_get(usage, "input_tokens_details");
    const json_t *output = json_object_get(usage, "output_tokens_details");
    return (struct usage){
        .input_tokens = flaw_count_tokens(usage, "input_tokens"),
        .output_tokens = flaw_count_tokens(usage, "output_tokens"),
        .cached_tokens = flaw_count_tokens(input, "cached_tokens"),
        .reasoning_tokens = flaw_count_tokens(output, "reasoning_tokens"),
    };
}

/* The output of an answer that ended so; what stands for it is the same as in Chat Completions. */
static enum flaw settle(const struct job *job, const struct output *output, const char *finish,
                        struct answer *answer)
{
    bool cut = strcmp(finish, "length") == 0;
    bool filtered = strcmp(finish, "content_filter") == 0;
    if (output->refusal.length > 0) {
        answer->refusal = xstrdup(output->refusal.bytes);
    }
    if (answer->refusal != NULL || (output->text.length == 0 && (output->calls || output->other))) {
        answer->output = json_null();
        return FLAW_NONE;
    }
    if (filtered && output->text.length == 0) {
        return FLAW_FILTERED;
    }
    if (!output->has_text && !cut) {
        return FLAW_NO_CONTENT;
    }
    answer->output =
        json_stringn(output->text.length > 0 ? output->text.bytes : "", output->text.length);
    return output->calls == NULL ? flaw_parse_output(job, cut, &answer->output) : FLAW_NONE;
}

static enum flaw read_response(const struct job *job, json_t *document, struct answer *answer)
{
    const json_t *items = json_object_get(document, "output");
    const char *finish = NULL;
    enum flaw flaw = read_end(document, &finish);
    if (flaw != FLAW_NONE) {
        return flaw;
    }
    if (!json_is_array(items)) {
        return FLAW_NO_CONTENT;
    }
    struct output output = read_items(items);
    flaw = settle(job, &output, finish, answer);
    answer->tool_calls = json_incref(output.calls);
    answer->truncated = strcmp(finish, "stop") != 0;
    answer->finish_reason =
        xstrdup(output.calls != NULL && !answer->truncated ? "tool_calls" : finish);
    answer->model = xstrdup(jsontext_get_text(document, "model", NULL));
    answer->usage = read_usage(json_object_get(document, "usage"));
    output_clear(&output);
    return flaw;
}

struct verdict openai_responses_read(const struct job *job, const struct provider_reply *reply,
                                     struct wall now, struct answer *answer)
{
    return flaw_read(read_response, openai_errors, job, reply, now, answer);
}
