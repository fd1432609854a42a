/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * anthropic_answer: the answers of Messages, in the terms of Chat Completions.
 *
 * Of the blocks of a message the texts together are the answer and each tool_use is a call; what a
 * model thinks, and what tools of the server do, is in the response alone.
 */
#include <string.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "provider/anthropic.h"
#include "provider/flaw.h"

/* Our word for a stop_reason; others are kept as they are. */
static const struct finish {
    const char *word;
    const char *neutral;
    bool truncated;
} finishes[] = {
    {"end_turn", "stop", false},       {"stop_sequence", "stop", false},
    {"max_tokens", "length", true},    {"model_context_window_exceeded", "length", true},
    {"tool_use", "tool_calls", false},
};

static struct finish find_finish(const char *word)
{
    for (size_t i = 0; i < sizeof finishes / sizeof *finishes; i++) {
        if (strcmp(finishes[i].word, word) == 0) {
            return finishes[i];
        }
    }
    return (struct finish){word, word, false};
}

/* The blocks' texts, one after the other. */
static json_t *join_texts(const json_t *content)
{
    struct buffer text = {0};
    size_t i;
    const json_t *block;
    json_array_foreach (content, i, block) {
        const json_t *piece = json_object_get(block, "text");
        if (strcmp(jsontext_get_text(block, "type", ""), "text") == 0 && json_is_string(piece)) {
            buffer_append(&text, json_string_value(piece), json_string_length(piece));
        }
    }
    json_t *whole = json_stringn(text.bytes != NULL ? text.bytes : "", text.length);
    buffer_free(&text);
    return whole;
}

/* A tool_use as a call: its input as JSON in a text. An input that is a text already is what was
 * left of one that a stream did not bring to its end. */
static json_t *convert_call(const json_t *block)
{
    struct buffer arguments = {0};
    const json_t *input = json_object_get(block, "input");
    if (json_is_string(input)) {
        buffer_text(&arguments, json_string_value(input));
    } else if (input != NULL) {
        jsontext_write(&arguments, input);
    }
    json_t *call =
        json_pack("{s:s, s:s, s:{s:s, s:s}}", "id", jsontext_get_text(block, "id", ""), "type",
                  "function", "function", "name", jsontext_get_text(block, "name", ""), "arguments",
                  arguments.bytes != NULL ? arguments.bytes : "{}");
    buffer_free(&arguments);
    return call;
}

/* The calls, or NULL when there is none. */
static json_t *find_calls(const json_t *content)
{
    json_t *calls = NULL;
    size_t i;
    const json_t *block;
    json_array_foreach (content, i, block) {
        if (strcmp(jsontext_get_text(block, "type", ""), "tool_use") == 0) {
            calls = calls != NULL ? calls : json_array();
            json_array_append_new(calls, convert_call(block));
        }
    }
    return calls;
}

/* Why there is no answer, as the server explains it; else what the model said until then. */
static char *find_refusal(const json_t *document, const json_t *text)
{
    const json_t *details = json_object_get(document, "stop_details");
    const char *explanation = jsontext_get_text(details, "explanation", "");
    const char *category = jsontext_get_text(details, "category", NULL);
    if (*explanation != '\0') {
        return xstrdup(explanation);
    }
    if (json_string_length(text) > 0) {
        return xstrdup(json_string_value(text));
    }
    return category != NULL ? xasprintf("the model refused to answer: %s", category)
                            : xstrdup("the model refused to answer");
}

/* Those that are counted apart are all of the input; -1 where the first is not told. */
static int64_t add_input(const json_t *usage)
{
    static const char *const apart[] = {"cache_creation_input_tokens", "cache_read_input_tokens"};
    int64_t input = flaw_count_tokens(usage, "input_tokens");
    for (size_t i = 0; input >= 0 && i < sizeof apart / sizeof *apart; i++) {
        int64_t more = flaw_count_tokens(usage, apart[i]);
        input += more > 0 && more < INT64_MAX / 4 && input < INT64_MAX / 4 ? more : 0;
    }
    return input;
}

static struct usage read_usage(const json_t *usage)
{
    const json_t *details = json_object_get(usage, "output_tokens_details");
    return (struct usage){
        .input_tokens = add_input(usage),
        .output_tokens = flaw_count_tokens(usage, "output_tokens"),
        .cached_tokens = flaw_count_tokens(usage, "cache_read_input_tokens"),
        .reasoning_tokens = flaw_count_tokens(details, "thinking_tokens"),
    };
}

/* Turns text, which it takes over, into the output of an answer that has its calls. */
static enum flaw settle_output(const struct job *job, struct answer *answer, json_t *text)
{
    bool silent =
        answer->refusal != NULL || (answer->tool_calls != NULL && json_string_length(text) == 0);
    answer->output = silent ? json_null() : text;
    if (silent) {
        json_decref(text);
        return FLAW_NONE;
    }
    return answer->tool_calls == NULL ? flaw_parse_output(job, answer->truncated, &answer->output)
                                      : FLAW_NONE;
}

static enum flaw read_message(const struct job *job, json_t *document, struct answer *answer)
{
    const json_t *content = json_object_get(document, "content");
    const char *word = jsontext_get_text(document, "stop_reason", "");
    if (!json_is_array(content)) {
        return FLAW_NO_MESSAGE;
    }
    if (*word == '\0') {
        return FLAW_NO_FINISH;
    }
    struct finish finish = find_finish(word);
    json_t *text = join_texts(content);
    answer->finish_reason = xstrdup(finish.neutral);
    answer->truncated = finish.truncated;
    answer->refusal = strcmp(word, "refusal") == 0 ? find_refusal(document, text) : NULL;
    answer->tool_calls = find_calls(content);
    answer->model = xstrdup(jsontext_get_text(document, "model", NULL));
    answer->usage = read_usage(json_object_get(document, "usage"));
    return settle_output(job, answer, text);
}

struct verdict anthropic_read(const struct job *job, const struct provider_reply *reply,
                              struct wall now, struct answer *answer)
{
    return flaw_read(read_message, anthropic_errors, job, reply, now, answer);
}
