/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openai_stream: the chunks of a streamed chat completion put together to a chat completion.
 *
 * Chunks differ as much as servers: the usage comes in a chunk of its own, in the last one, in
 * every one, or as Groq's; first chunks may have no choice (Azure); a finish_reason, a role, a name
 * may be repeated. So members are merged: texts known to come in pieces are joined, of all others
 * the last one that is not null stays.
 */
#include <string.h>

#include "base/jsontext.h"
#include "provider/openai.h"

enum {
    CHOICES_LIMIT = 128, /* OpenAI's bound of n */
    CALLS_LIMIT = 512,   /* tool calls of one message */
    DEPTH_LIMIT = 8,     /* of what is merged within a delta */
};

/* Members that come in pieces, wherever in a delta they are. */
static const char *const pieces[] = {
    "content",   "refusal",   "reasoning_content", /* DeepSeek, vLLM */
    "reasoning",                                   /* Ollama, OpenRouter, newer vLLM */
    "thinking",  "arguments", "transcript",        "data", NULL,
};

static const char *find_piece(const char *key)
{
    for (size_t i = 0; pieces[i] != NULL; i++) {
        if (strcmp(pieces[i], key) == 0) {
            return pieces[i];
        }
    }
    return NULL;
}

/* The object that is the owner's member key, made where there is none. */
static json_t *member_object(json_t *owner, const char *key)
{
    json_t *object = json_object_get(owner, key);
    if (!json_is_object(object)) {
        object = json_object();
        json_object_set_new(owner, key, object);
    }
    return object;
}

static json_t *member_array(json_t *owner, const char *key)
{
    json_t *array = json_object_get(owner, key);
    if (!json_is_array(array)) {
        array = json_array();
        json_object_set_new(owner, key, array);
    }
    return array;
}

/* The object of an array that has this index, made where there is none; NULL: it is beyond the
 * limit. */
static json_t *find_indexed(json_t *array, json_int_t index, json_int_t limit)
{
    size_t i;
    json_t *entry;
    json_array_foreach (array, i, entry) {
        if (jsontext_get_int(entry, "index", -1) == index) {
            return entry;
        }
    }
    if (index < 0 || index >= limit) {
        return NULL;
    }
    entry = json_pack("{s:I}", "index", index);
    json_array_append_new(array, entry);
    return entry;
}

static bool is_whole_json(const char *text, size_t length)
{
    json_t *value = length == 0 ? NULL : jsontext_read_lenient(text, length, NULL);
    json_decref(value);
    return value != NULL;
}

/* Whether a fragment is a call of its own though it has the index of an earlier one: another id,
 * and both are whole. Gemini numbers all calls 0. An id alone proves nothing: vLLM has sent a new
 * one with each fragment. */
static bool is_another_call(const struct fold *fold, const json_t *call, const json_t *fragment)
{
    const char *id = jsontext_get_text(fragment, "id", "");
    const json_t *function = json_object_get(fragment, "function");
    const json_t *given = json_object_get(function, "arguments");
    const struct buffer *earlier = fold_look(fold, json_object_get(call, "function"), "arguments");
    return *id != '\0' && strcmp(id, jsontext_get_text(call, "id", "")) != 0 && earlier != NULL &&
           *jsontext_get_text(function, "name", "") != '\0' && json_is_string(given) &&
           is_whole_json(json_string_value(given), json_string_length(given)) &&
           is_whole_json(earlier->bytes, earlier->length);
}

/* The call that a fragment without a number belongs to: servers that send calls whole may not
 * number them, and a new id begins a new call. */
static json_t *find_unnumbered_call(json_t *calls, const json_t *fragment)
{
    size_t count = json_array_size(calls);
    const char *id = jsontext_get_text(fragment, "id", "");
    json_t *newest = count == 0 ? NULL : json_array_get(calls, count - 1);
    bool same = *id == '\0' || strcmp(id, jsontext_get_text(newest, "id", "")) == 0;
    return newest != NULL && same ? newest : find_indexed(calls, (json_int_t)count, CALLS_LIMIT);
}

/* The call that a fragment belongs to, made where there is none; NULL: there are too many. */
static json_t *find_call(const struct fold *fold, json_t *calls, const json_t *fragment)
{
    json_int_t index = jsontext_get_int(fragment, "index", -1);
    if (index < 0) {
        return find_unnumbered_call(calls, fragment);
    }
    json_t *call = find_indexed(calls, index, CALLS_LIMIT);
    if (call != NULL && is_another_call(fold, call, fragment)) {
        return find_unnumbered_call(calls, fragment);
    }
    return call;
}

/* How a delta is merged. */
enum mode {
    JOIN,    /* texts come in pieces: a message */
    REPLACE, /* they do not: what stands beside it */
};

static bool merge(struct fold *fold, json_t *target, json_t *delta, enum mode mode, int depth);

static bool merge_calls(struct fold *fold, json_t *calls, json_t *fragments, int depth)
{
    size_t i;
    json_t *fragment;
    json_array_foreach (fragments, i, fragment) {
        json_t *call = find_call(fold, calls, fragment);
        if (call == NULL || !merge(fold, call, fragment, JOIN, depth)) {
            return false;
        }
    }
    return true;
}

/* The text parts of a content that is an array (Mistral); what is no text is left out. */
static bool merge_parts(struct fold *fold, json_t *target, const char *key, const json_t *parts)
{
    size_t i;
    const json_t *part;
    json_array_foreach (parts, i, part) {
        if (!fold_append(fold, target, key, json_object_get(part, "text"))) {
            return false;
        }
    }
    return true;
}

static bool merge_array(struct fold *fold, json_t *target, const char *key, json_t *value,
                        enum mode mode, int depth)
{
    const char *piece = mode == JOIN ? find_piece(key) : NULL;
    if (mode == JOIN && strcmp(key, "tool_calls") == 0) {
        return merge_calls(fold, member_array(target, key), value, depth);
    }
    if (piece != NULL) {
        return merge_parts(fold, target, piece, value);
    }
    json_array_extend(member_array(target, key), value);
    return true;
}

/* An empty text says nothing of what an earlier chunk has said. */
static void set_member(json_t *target, const char *key, json_t *value)
{
    bool empty = json_is_string(value) && json_string_length(value) == 0;
    if (!json_is_null(value) && (!empty || json_object_get(target, key) == NULL)) {
        json_object_set(target, key, value);
    }
}

static bool merge_member(struct fold *fold, json_t *target, const char *key, json_t *value,
                         enum mode mode, int depth)
{
    const char *piece = mode == JOIN ? find_piece(key) : NULL;
    if (json_is_array(value)) {
        return merge_array(fold, target, key, value, mode, depth);
    }
    if (json_is_object(value)) {
        return merge(fold, member_object(target, key), value, mode, depth);
    }
    if (piece != NULL && json_is_string(value)) {
        return fold_append(fold, target, piece, value);
    }
    set_member(target, key, value);
    return true;
}

/* Merges a delta into what earlier ones have made; indexes are find_indexed's. false: it is more
 * than we take. */
static bool merge(struct fold *fold, json_t *target, json_t *delta, enum mode mode, int depth)
{
    const char *key;
    json_t *value;
    bool good = depth < DEPTH_LIMIT;
    json_object_foreach (delta, key, value) {
        if (good && strcmp(key, "index") != 0) {
            good = merge_member(fold, target, key, value, mode, depth + 1);
        }
    }
    return good;
}

/* What a watcher is shown: the visible text of the first choice. */
static void show_content(struct fold *fold, const json_t *content)
{
    size_t i;
    const json_t *part;
    fold_show(fold, content);
    json_array_foreach (content, i, part) {
        fold_show(fold, json_object_get(part, "text"));
    }
}

static bool take_choice(struct fold *fold, json_t *chunk)
{
    json_int_t index = jsontext_get_int(chunk, "index", 0);
    json_t *choices = member_array(fold->document, "choices");
    json_t *choice = json_is_object(chunk) ? find_indexed(choices, index, CHOICES_LIMIT) : NULL;
    json_t *delta = json_object_get(chunk, "delta");
    if (choice == NULL) {
        return false;
    }
    delta = json_is_object(delta) ? delta : json_object_get(chunk, "message");
    json_t *rest = json_copy(chunk);
    json_object_del(rest, "delta");
    json_object_del(rest, "message");
    bool good = merge(fold, choice, rest, REPLACE, 0) &&
                merge(fold, member_object(choice, "message"), delta, JOIN, 0);
    json_decref(rest);
    if (good && index == 0) {
        show_content(fold, json_object_get(delta, "content"));
    }
    return good;
}

/* Members of a chunk beside its choices: the last one of each stays. */
static void take_members(json_t *document, json_t *chunk)
{
    const char *key;
    json_t *value;
    json_object_foreach (chunk, key, value) {
        bool ours = strcmp(key, "choices") == 0 || strcmp(key, "object") == 0 ||
                    strcmp(key, "obfuscation") == 0;
        if (!ours && !json_is_null(value)) {
            json_object_set(document, key, value);
        }
    }
}

static bool openai_take(struct fold *fold, const char *name, json_t *data)
{
    size_t i;
    json_t *chunk;
    (void)name;
    if (fold->document == NULL) {
        fold->document = json_pack("{s:s,s:[]}", "object", "chat.completion", "choices");
    }
    take_members(fold->document, data);
    json_array_foreach (json_object_get(data, "choices"), i, chunk) {
        if (!take_choice(fold, chunk)) {
            return false;
        }
    }
    return true;
}

/* Gives a choice the form that it has without a stream; false: it has no end. */
static bool complete_choice(json_t *choice)
{
    size_t i;
    json_t *call;
    json_t *message = json_object_get(choice, "message");
    if (json_object_get(message, "content") == NULL) {
        json_object_set_new(message, "content", json_null());
    }
    json_array_foreach (json_object_get(message, "tool_calls"), i, call) {
        json_object_del(call, "index");
    }
    return json_string_length(json_object_get(choice, "finish_reason")) > 0;
}

/* Groq and Moonshot tell the usage of a stream in places of their own. */
static void complete_usage(json_t *document)
{
    const json_t *choice = json_array_get(json_object_get(document, "choices"), 0);
    json_t *usage = json_object_get(json_object_get(document, "x_groq"), "usage");
    usage = json_is_object(usage) ? usage : json_object_get(choice, "usage");
    if (!json_is_object(json_object_get(document, "usage")) && json_is_object(usage)) {
        json_object_set(document, "usage", usage);
    }
}

/* Without [DONE] a stream is whole when all choices that were asked for have come to an end. */
static bool openai_complete(struct fold *fold, const struct job *job)
{
    size_t i;
    json_t *choice;
    const json_t *choices = json_object_get(fold->document, "choices");
    json_int_t asked = jsontext_get_int(json_object_get(job->document, "params"), "n", 1);
    json_int_t count = (json_int_t)json_array_size(choices);
    bool whole = count > 0 && (fold->last_word || count >= asked);
    json_array_foreach (choices, i, choice) {
        whole = complete_choice(choice) && whole;
    }
    complete_usage(fold->document);
    return whole;
}

const struct stream_kind openai_chat_stream = {.take = openai_take, .complete = openai_complete};
