/* SPDX-License-Identifier: GPL-2.0-or-later */
/* legacy: prompts, and the completions of each. */
#include "mock/legacy.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "mock/completion.h"
#include "mock/input.h"
#include "mock/parameter.h"
#include "mock/said.h"

enum { PROMPTS_MAX = 2048, USUAL_TOKENS = 16 };

static const struct parameter parameters[] = {
    {"temperature", PARAMETER_NUMBER, 0, 2},
    {"top_p", PARAMETER_NUMBER, 0, 1},
    {"presence_penalty", PARAMETER_NUMBER, -2, 2},
    {"frequency_penalty", PARAMETER_NUMBER, -2, 2},
    {"n", PARAMETER_INTEGER, 1, 128},
    {"best_of", PARAMETER_INTEGER, 0, 20},
    {"max_tokens", PARAMETER_INTEGER, 0, 1e9},
    {"logprobs", PARAMETER_INTEGER, 0, 5},
    {"seed", PARAMETER_INTEGER, -9.3e18, 9.3e18},
    {"echo", PARAMETER_BOOLEAN, 0, 0},
    {"stream", PARAMETER_BOOLEAN, 0, 0},
    {"suffix", PARAMETER_STRING, 0, 0},
    {"user", PARAMETER_STRING, 0, 0},
    {"stream_options", PARAMETER_OBJECT, 0, 0},
    {"logit_bias", PARAMETER_OBJECT, 0, 0},
};

static const json_t *find_prompts(const struct call *call)
{
    return json_object_get(call->body, "prompt");
}

static size_t count_prompts(const struct call *call)
{
    return input_count(find_prompts(call));
}

static void legacy_read(struct call *call)
{
    input_take(call, find_prompts(call));
}

static int check_prompts(const struct call *call, struct reply *reply)
{
    size_t count = count_prompts(call);
    bool good = count > 0 && count <= PROMPTS_MAX;

    if (find_prompts(call) == NULL) {
        reply_refuse(reply, 400, "prompt", "missing_required_parameter",
                     "Missing required parameter: 'prompt'.");
        return -1;
    }
    for (size_t i = 0; good && i < count; i++) {
        good = input_is_good(input_at(find_prompts(call), i));
    }
    if (!good) {
        reply_refuse(reply, 400, "prompt", "invalid_type",
                     "Invalid 'prompt': expected a text, a list of tokens, or a list of those.");
        return -1;
    }
    return 0;
}

static json_int_t token_limit(const struct call *call)
{
    return jsontext_get_int(call->body, "max_tokens", USUAL_TOKENS);
}

static json_int_t count_each(const struct call *call)
{
    return jsontext_get_int(call->body, "n", 1);
}

static int legacy_check(struct call *call, struct reply *reply)
{
    if (parameter_check(call->body, parameters, sizeof parameters / sizeof parameters[0], reply) !=
            0 ||
        check_prompts(call, reply) != 0 || parameter_check_stop(call->body, reply) != 0) {
        return -1;
    }
    call->answer_tokens = token_limit(call) * count_each(call) * (int64_t)count_prompts(call);
    return 0;
}

/* What is said to one prompt; with `echo` the prompt comes first. */
static void say(const struct call *call, size_t index, struct said *said)
{
    struct said_wish wish = {.prompt = said_prompt(call),
                             .stops = json_object_get(call->body, "stop"),
                             .limit = token_limit(call)};
    struct buffer prompt = {0}, whole = {0};

    input_append(&prompt, input_at(find_prompts(call), index));
    marker_strip(&prompt);
    wish.prompt.question = prompt.bytes != NULL ? prompt.bytes : "";
    said_make(call, &wish, said);
    if (jsontext_get_bool(call->body, "echo", false)) {
        buffer_text(&whole, wish.prompt.question);
        buffer_text(&whole, said_text(said));
        buffer_free(&said->text);
        said->text = whole;
    }
    buffer_free(&prompt);
}

static void write_head(const struct call *call, struct buffer *out)
{
    buffer_printf(out,
                  "{\"id\":\"cmpl-%s\",\"object\":\"text_completion\",\"created\":%lld,\"model\":",
                  call->id, (long long)call->created_s);
    jsontext_write_string(out, call->model, strlen(call->model));
    buffer_text(out, ",\"system_fingerprint\":\"fp_llmspool_mock\",\"choices\":[");
}

static void write_choice(struct buffer *out, const char *text, size_t length, json_int_t index,
                         const char *finish)
{
    buffer_text(out, "{\"text\":");
    jsontext_write_string(out, text, length);
    buffer_printf(out, ",\"index\":%lld,\"logprobs\":null,\"finish_reason\":", (long long)index);
    if (finish != NULL) {
        buffer_printf(out, "\"%s\"}", finish);
    } else {
        buffer_text(out, "null}");
    }
}

/* One prompt's answer and where its choices begin. */
struct part {
    struct said said;
    json_int_t first;
};

static const char *part_finish(const struct part *part)
{
    return part->said.finish ? completion_finish(part->said.end) : NULL;
}

static void write_whole(const struct call *call, const struct part *part, struct buffer *out)
{
    for (json_int_t i = part->first; i < part->first + count_each(call); i++) {
        buffer_text(out, i > 0 ? "," : "");
        write_choice(out, said_text(&part->said), part->said.text.length, i, part_finish(part));
    }
}

static void write_chunk(const struct call *call, const char *text, size_t length, json_int_t index,
                        const char *finish, struct buffer *out)
{
    buffer_text(out, "data: ");
    write_head(call, out);
    write_choice(out, text, length, index, finish);
    buffer_text(out, "]}\n\n");
}

static void write_chunks(const struct call *call, const struct part *part, struct buffer *out)
{
    const struct said *said = &part->said;
    size_t end;

    for (json_int_t i = part->first; i < part->first + count_each(call); i++) {
        for (size_t from = 0; from < said->text.length; from = end) {
            end = said_next(said, from);
            write_chunk(call, said->text.bytes + from, end - from, i, NULL, out);
        }
        if (said->stream == SAID_WHOLE) {
            write_chunk(call, "", 0, i, part_finish(part), out);
        }
    }
}

static void end_whole(const struct call *call, const struct said *last, int64_t tokens,
                      struct buffer *out)
{
    buffer_byte(out, ']');
    if (last->usage) {
        buffer_text(out, ",\"usage\":");
        completion_write_usage(call, tokens, out);
    }
    buffer_text(out, "}\n");
}

static void end_chunks(const struct call *call, const struct said *last, int64_t tokens,
                       struct reply *reply)
{
    const json_t *options = json_object_get(call->body, "stream_options");
    struct buffer *out = &reply->body;

    if (last->stream == SAID_CUT) {
        reply->delivery = DELIVERY_WHOLE;
        return;
    }
    if (last->stream == SAID_ERROR) {
        buffer_printf(out,
                      "data: {\"error\":{\"message\":\"%s\",\"type\":\"server_error\",\"param\":"
                      "null,\"code\":null}}\n\n",
                      said_error);
    } else if (last->stream == SAID_WHOLE && last->usage &&
               jsontext_get_bool(options, "include_usage", false)) {
        buffer_text(out, "data: ");
        write_head(call, out);
        end_whole(call, last, tokens, out);
        buffer_byte(out, '\n');
    }
    buffer_text(out, "data: [DONE]\n\n");
}

static void legacy_answer(struct call *call, struct reply *reply)
{
    struct part part = {.first = 0};
    int64_t tokens = 0;

    reply_begin(reply, 200, call->stream ? "text/event-stream; charset=utf-8" : "application/json");
    reply->streamed = call->stream;
    if (!call->stream) {
        write_head(call, &reply->body);
    }
    for (size_t i = 0; i < count_prompts(call); i++) {
        said_free(&part.said);
        say(call, i, &part.said);
        tokens += part.said.tokens * count_each(call);
        if (!call->stream) {
            write_whole(call, &part, &reply->body);
        } else if (part.said.stream != SAID_EMPTY) {
            write_chunks(call, &part, &reply->body);
        }
        part.first += count_each(call);
    }
    if (call->stream) {
        end_chunks(call, &part.said, tokens, reply);
    } else {
        end_whole(call, &part.said, tokens, &reply->body);
    }
    said_free(&part.said);
}

const struct call_kind legacy_kind = {
    .endpoint = LEDGER_COMPLETIONS,
    .empty = "{\"id\":\"cmpl-mock\",\"object\":\"text_completion\",\"created\":0,\"model\":"
             "\"mock\",\"choices\":[]}",
    .endless = "{\"id\":\"cmpl-mock\",\"object\":\"text_completion\",\"choices\":[{\"index\":0,"
               "\"text\":\"",
    .read = legacy_read,
    .check = legacy_check,
    .answer = legacy_answer,
};
