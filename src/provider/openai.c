/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openai: OpenAI's Chat Completions.
 *
 * What servers send instead of what the specification says is met here once: an answer is one only
 * with status 200, no error in it, a choice, a message and a finish_reason.
 */
#include "provider/openai.h"

#include <assert.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "provider/classify.h"

/* Building a request */

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
        json_array_extend(messages, given);
    } else {
        json_array_append_new(messages, new_message("user", prompt));
    }
    return messages;
}

/* Passes params on, but for what is said elsewhere. */
static void add_params(json_t *body, json_t *params)
{
    static const char *const ours[] = {
        "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens",
        NULL};
    const char *key;
    json_t *value;
    json_object_foreach(params, key, value)
    {
        if (!is_one_of(key, ours)) {
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
static void add_stream(json_t *body)
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
    const json_t *params = json_object_get(job->document, "params");
    json_t *body = json_object();
    json_object_set_new(body, "model", json_string(ask->model));
    json_object_set_new(body, "messages", messages);
    add_params(body, json_object_get(job->document, "params"));
    add_limit(body, params, ask);
    if (job->user != NULL && json_object_get(body, "user") == NULL) {
        json_object_set_new(body, "user", json_string(job->user));
    }
    if (ask->stream) {
        add_stream(body);
    }
    provider_request_json(request, "/chat/completions", ask->stream, body);
    return 0;
}

/* Reading an answer */

/* Why an answer with status 200 is no good. */
enum flaw {
    FLAWLESS,
    NOT_JSON,
    NO_CHOICES,
    NO_MESSAGE,
    NO_FINISH,
    NO_CONTENT,
    INVALID_JSON,
    CUT_JSON,
    FINISH_ERROR,
    FILTERED,
};

static const struct {
    enum outcome outcome;
    const char *code;
    const char *message;
} flaws[] = {
    [NOT_JSON] = {OUTCOME_UNUSABLE, "not_json", "the answer is not JSON"},
    [NO_CHOICES] = {OUTCOME_UNUSABLE, "no_choices", "the answer has no choices"},
    [NO_MESSAGE] = {OUTCOME_UNUSABLE, "no_message", "the answer has a choice without a message"},
    [NO_FINISH] = {OUTCOME_UNUSABLE, "no_finish_reason",
                   "the answer has no finish_reason: it may not be whole"},
    [NO_CONTENT] = {OUTCOME_UNUSABLE, "no_content", "the answer has neither text nor tool calls"},
    [INVALID_JSON] = {OUTCOME_UNUSABLE, PROVIDER_INVALID_JSON,
                      "JSON was asked for and the text of the answer is none"},
    [CUT_JSON] = {OUTCOME_UNUSABLE, PROVIDER_INVALID_JSON,
                  "JSON was asked for and the answer was cut before its end: raise max_tokens"},
    [FINISH_ERROR] = {OUTCOME_TRANSIENT, "finish_reason_error",
                      "the server broke the answer off with an error"},
    [FILTERED] = {OUTCOME_JOB, "content_filter",
                  "the provider withheld the answer for its content"},
};

static struct verdict judge_flaw(enum flaw flaw, const struct provider_reply *reply,
                                 struct wall now)
{
    struct verdict verdict = verdict_begin(reply, now, flaws[flaw].outcome);
    verdict.moderation = flaw == FILTERED;
    verdict.refused = verdict.moderation;
    verdict_say(&verdict, flaws[flaw].code, "%s", flaws[flaw].message);
    return verdict;
}

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
    json_array_foreach(content, i, part)
    {
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

/* Replaces the text that a choice came with by the value it denotes. */
static enum flaw parse_output(struct choice *choice)
{
    json_t *value = jsontext_read_lenient(json_string_value(choice->output),
                                          json_string_length(choice->output), NULL);
    if (value == NULL) {
        return choice_is(choice, "length") ? CUT_JSON : INVALID_JSON;
    }
    json_decref(choice->output);
    choice->output = value;
    return FLAWLESS;
}

static void set_output(struct choice *choice, json_t *output)
{
    json_decref(choice->output);
    choice->output = output;
}

/* Turns the text of a choice, NULL for none, into its output. */
static enum flaw settle_output(struct choice *choice, bool json)
{
    bool empty = choice->output == NULL || json_string_length(choice->output) == 0;
    bool filtered = choice_is(choice, "content_filter");
    if (choice->refusal != NULL || (empty && (choice->tool_calls != NULL || filtered))) {
        set_output(choice, json_null());
        return filtered && choice->refusal == NULL ? FILTERED : FLAWLESS;
    }
    if (choice->output == NULL && choice_is(choice, "length")) {
        set_output(choice, json_string("")); /* all of max_tokens went into reasoning */
    }
    if (choice->output == NULL) {
        return NO_CONTENT;
    }
    return json && choice->tool_calls == NULL ? parse_output(choice) : FLAWLESS;
}

static enum flaw read_choice(const json_t *value, bool json, struct choice *choice)
{
    const json_t *message = json_object_get(value, "message");
    const char *word = jsontext_get_text(value, "finish_reason", NULL);
    *choice = (struct choice){.output = NULL};
    if (!json_is_object(message)) {
        return NO_MESSAGE;
    }
    if (word == NULL) {
        return NO_FINISH;
    }
    choice->finish = find_finish(word);
    if (choice->finish.neutral == NULL) {
        return FINISH_ERROR;
    }
    const char *refusal = jsontext_get_text(message, "refusal", "");
    choice->refusal = *refusal == '\0' ? NULL : refusal;
    choice->tool_calls = message_tool_calls(message);
    choice->output = content_text(json_object_get(message, "content"));
    return settle_output(choice, json);
}

/* The choices in the order of their indexes; as they came where those do not number them. Returns
 * an array that the caller frees. */
static json_t **order_choices(const json_t *choices, size_t count)
{
    json_t **ordered = xcalloc(count, sizeof *ordered);
    size_t i;
    json_t *choice;
    json_array_foreach(choices, i, choice)
    {
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
static enum flaw add_choices(struct answer *answer, json_t **choices, size_t count, bool json,
                             bool several)
{
    size_t filtered = 0;
    bool calls = false;
    for (size_t i = 0; i < count; i++) {
        struct choice choice;
        enum flaw flaw = read_choice(choices[i], json, &choice);
        filtered += flaw == FILTERED;
        if (flaw != FLAWLESS && flaw != FILTERED) {
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
    return filtered == count ? FILTERED : FLAWLESS;
}

/* A count of tokens: -1 where the server did not say. */
static int64_t count_tokens(const json_t *object, const char *key)
{
    json_int_t count = jsontext_get_int(object, key, -1);
    return count < 0 ? -1 : (int64_t)count;
}

static struct usage read_usage(const json_t *usage)
{
    const json_t *input = json_object_get(usage, "prompt_tokens_details");
    const json_t *output = json_object_get(usage, "completion_tokens_details");
    return (struct usage){
        .input_tokens = count_tokens(usage, "prompt_tokens"),
        .output_tokens = count_tokens(usage, "completion_tokens"),
        .cached_tokens = count_tokens(input, "cached_tokens"),
        .reasoning_tokens = count_tokens(output, "reasoning_tokens"),
    };
}

static bool wants_json(const struct job *job)
{
    static const char *const formats[] = {"json_object", "json_schema", NULL};
    const json_t *params = json_object_get(job->document, "params");
    const json_t *format = json_object_get(params, "response_format");
    return is_one_of(jsontext_get_text(format, "type", ""), formats);
}

static enum flaw read_completion(const struct job *job, json_t *document, struct answer *answer)
{
    const json_t *values = json_object_get(document, "choices");
    const json_t *params = json_object_get(job->document, "params");
    size_t count = json_array_size(values);
    if (count == 0) {
        return NO_CHOICES;
    }
    json_t **choices = order_choices(values, count);
    bool several = count > 1 || jsontext_get_int(params, "n", 1) > 1;
    enum flaw flaw = add_choices(answer, choices, count, wants_json(job), several);
    free(choices);
    answer->model = xstrdup(jsontext_get_text(document, "model", NULL));
    answer->usage = read_usage(json_object_get(document, "usage"));
    answer->response = json_incref(document);
    return flaw;
}

static struct verdict openai_read(const struct job *job, const struct provider_reply *reply,
                                  struct wall now, struct answer *answer)
{
    json_t *document = reply->body_length == 0
                           ? NULL
                           : jsontext_read_lenient(reply->body, reply->body_length, NULL);
    struct verdict verdict;
    *answer = (struct answer){.output = NULL};
    if (reply->status != 200 || classify_find_error(document) != NULL) {
        verdict = classify_error(reply, document, now);
    } else {
        enum flaw flaw = document == NULL ? NOT_JSON : read_completion(job, document, answer);
        verdict =
            flaw == FLAWLESS ? verdict_begin(reply, now, OUTCOME_OK) : judge_flaw(flaw, reply, now);
    }
    if (verdict.outcome != OUTCOME_OK) {
        answer_clear(answer);
    } else {
        verdict.refused = answer->refusal != NULL;
    }
    json_decref(document);
    return verdict;
}

const struct provider provider_openai = {
    .protocol = "openai",
    .type = "chat",
    .key_header = "Authorization: Bearer ",
    .build = openai_build,
    .read = openai_read,
};
