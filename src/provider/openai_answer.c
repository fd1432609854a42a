/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openai_answer: the answers of Chat Completions.
 *
 * What servers send instead of what the specification says is met here once: an answer is one only
 * with status 200, no error in it, a choice, a message and a finish_reason.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "provider/flaw.h"
#include "provider/openai.h"

/* What servers write as finish_reason, and our word for it; others are kept as they are. */
struct finish {
    const char *word;
    const char *neutral;
    bool truncated;
};

static const struct finish finishes[] = {
    {"stop", "stop", false},
    {"eos", "stop", false},
    {"length", "length", true},
    {"max_tokens", "length", true},
    {"model_length", "length", true},
    {"tool_calls", "tool_calls", false},
    {"function_call", "tool_calls", false},
    {"content_filter", "content_filter", true},
    {"safety", "content_filter", true},
    {"error", NULL, false},
    {"abort", NULL, false},
};

static struct finish find_finish(const char *word)
{
    for (size_t i = 0; i < sizeof finishes / sizeof *finishes; i++) {
        if (strcasecmp(finishes[i].word, word) == 0) {
            return finishes[i];
        }
    }
    return (struct finish){word, word, false};
}

/* One choice that was read. The references are owned, refusal is borrowed. */
struct choice {
    json_t *output;
    json_t *tool_calls; /* NULL: none */
    const char *refusal;
    struct finish finish;
};

static void choice_clear(struct choice *choice)
{
    json_decref(choice->output);
    json_decref(choice->tool_calls);
}

static bool choice_is(const struct choice *choice, const char *finish)
{
    return strcmp(choice->finish.neutral, finish) == 0;
}

/* The text of a content that may be text or an array of parts: a new reference, NULL for none. */
static json_t *content_text(json_t *content)
{
    struct buffer text = {0};
    size_t i;
    const json_t *part;
    if (json_is_string(content)) {
        return json_incref(content);
    }
    json_array_foreach (content, i, part) {
        const json_t *piece = json_object_get(part, "text");
        if (json_is_string(piece)) {
            buffer_append(&text, json_string_value(piece), json_string_length(piece));
        }
    }
    json_t *whole = text.length == 0 ? NULL : json_stringn(text.bytes, text.length);
    buffer_free(&text);
    return whole;
}

/* Tool calls as they are; the older function_call in their form. */
static json_t *message_tool_calls(const json_t *message)
{
    json_t *calls = json_object_get(message, "tool_calls");
    json_t *function = json_object_get(message, "function_call");
    if (json_array_size(calls) > 0) {
        return json_incref(calls);
    }
    if (!json_is_object(function)) {
        return NULL;
    }
    json_t *call = json_object();
    json_object_set_new(call, "type", json_string("function"));
    json_object_set(call, "function", function);
    calls = json_array();
    json_array_append_new(calls, call);
    return calls;
}

static void set_output(struct choice *choice, json_t *output)
{
    json_decref(choice->output);
    choice->output = output;
}

/* Turns the text of a choice, NULL for none, into its output. */
static enum flaw settle_output(const struct job *job, struct choice *choice)
{
    bool empty = choice->output == NULL || json_string_length(choice->output) == 0;
    bool filtered = choice_is(choice, "content_filter");
    if (choice->refusal != NULL || (empty && (choice->tool_calls != NULL || filtered))) {
        set_output(choice, json_null());
        return filtered && choice->refusal == NULL ? FLAW_FILTERED : FLAW_NONE;
    }
    if (choice->output == NULL && choice_is(choice, "length")) {
        set_output(choice, json_string("")); /* all of max_tokens went into reasoning */
    }
    if (choice->output == NULL) {
        return FLAW_NO_CONTENT;
    }
    bool cut = choice_is(choice, "length");
    return choice->tool_calls == NULL ? flaw_parse_output(job, cut, &choice->output) : FLAW_NONE;
}

static enum flaw read_choice(const struct job *job, const json_t *value, struct choice *choice)
{
    const json_t *message = json_object_get(value, "message");
    const char *word = jsontext_get_text(value, "finish_reason", NULL);
    *choice = (struct choice){.output = NULL};
    if (!json_is_object(message)) {
        return FLAW_NO_MESSAGE;
    }
    if (word == NULL || *word == '\0') {
        return FLAW_NO_FINISH;
    }
    choice->finish = find_finish(word);
    if (choice->finish.neutral == NULL) {
        return FLAW_FINISH_ERROR;
    }
    const char *refusal = jsontext_get_text(message, "refusal", "");
    choice->refusal = *refusal == '\0' ? NULL : refusal;
    choice->tool_calls = message_tool_calls(message);
    choice->output = content_text(json_object_get(message, "content"));
    return settle_output(job, choice);
}

/* The choices in the order of their indexes; as they came where those do not number them. Returns
 * an array that the caller frees. */
static json_t **order_choices(const json_t *choices, size_t count)
{
    json_t **ordered = xcalloc(count, sizeof *ordered);
    size_t i;
    json_t *choice;
    json_array_foreach (choices, i, choice) {
        json_int_t index = jsontext_get_int(choice, "index", -1);
        if (index < 0 || (size_t)index >= count || ordered[index] != NULL) {
            break;
        }
        ordered[index] = choice;
    }
    for (size_t k = 0; i < count && k < count; k++) {
        ordered[k] = json_array_get(choices, k);
    }
    return ordered;
}

/* Adds a choice to an answer: what is asked for once stands alone, of several there are arrays. */
static void add_choice(struct answer *answer, const struct choice *choice, bool several)
{
    json_t *calls = choice->tool_calls;
    if (answer->finish_reason == NULL) {
        answer->finish_reason = xstrdup(choice->finish.neutral);
        answer->output = several ? json_array() : json_incref(choice->output);
        answer->tool_calls = several ? json_array() : json_incref(calls);
    }
    if (several) {
        json_array_append(answer->output, choice->output);
        json_array_append_new(answer->tool_calls, calls == NULL ? json_null() : json_incref(calls));
    }
    if (answer->refusal == NULL) {
        answer->refusal = xstrdup(choice->refusal);
    }
    answer->truncated = answer->truncated || choice->finish.truncated;
}

/* Reads all choices into an answer. Some of several may be withheld, not all. */
static enum flaw add_choices(const struct job *job, struct answer *answer, json_t **choices,
                             size_t count, bool several)
{
    size_t filtered = 0;
    bool calls = false;
    for (size_t i = 0; i < count; i++) {
        struct choice choice;
        enum flaw flaw = read_choice(job, choices[i], &choice);
        filtered += flaw == FLAW_FILTERED;
        if (flaw != FLAW_NONE && flaw != FLAW_FILTERED) {
            choice_clear(&choice);
            return flaw;
        }
        calls = calls || choice.tool_calls != NULL;
        add_choice(answer, &choice, several);
        choice_clear(&choice);
    }
    if (!calls) {
        json_decref(answer->tool_calls);
        answer->tool_calls = NULL;
    }
    return filtered == count ? FLAW_FILTERED : FLAW_NONE;
}

/* OpenAI's place for it, Moonshot's and DeepSeek's. */
static int64_t read_cached(const json_t *usage)
{
    const json_t *details = json_object_get(usage, "prompt_tokens_details");
    int64_t cached = flaw_count_tokens(details, "cached_tokens");
    cached = cached >= 0 ? cached : flaw_count_tokens(usage, "cached_tokens");
    return cached >= 0 ? cached : flaw_count_tokens(usage, "prompt_cache_hit_tokens");
}

static struct usage read_usage(const json_t *usage)
{
    const json_t *output = json_object_get(usage, "completion_tokens_details");
    return (struct usage){
        .input_tokens = flaw_count_tokens(usage, "prompt_tokens"),
        .output_tokens = flaw_count_tokens(usage, "completion_tokens"),
        .cached_tokens = read_cached(usage),
        .reasoning_tokens = flaw_count_tokens(output, "reasoning_tokens"),
    };
}

enum flaw openai_read_choices(const struct job *job, json_t *document, struct answer *answer)
{
    const json_t *values = json_object_get(document, "choices");
    const json_t *params = json_object_get(job->document, "params");
    size_t count = json_array_size(values);
    if (count == 0) {
        return FLAW_NO_CHOICES;
    }
    json_t **choices = order_choices(values, count);
    bool several = count > 1 || jsontext_get_int(params, "n", 1) > 1;
    enum flaw flaw = add_choices(job, answer, choices, count, several);
    free(choices);
    answer->model = xstrdup(jsontext_get_text(document, "model", NULL));
    answer->usage = read_usage(json_object_get(document, "usage"));
    answer->response = json_incref(document);
    return flaw;
}

struct verdict openai_chat_read(const struct job *job, const struct provider_reply *reply,
                                struct wall now, struct answer *answer)
{
    return flaw_read(openai_read_choices, openai_errors, job, reply, now, answer);
}
