/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * anthropic_stream: the events of a streamed message put together to a message.
 *
 * Events and deltas of kinds that we do not know may come at any time, and say nothing to us.
 */
#include <string.h>

#include "base/jsontext.h"
#include "provider/anthropic.h"

enum { BLOCKS_LIMIT = 1024 };

/* A member of a block while it arrives: the text of its input. */
static const char partial[] = "partial_json";

/* Sets the members of part that say something: what is null leaves what an earlier event has said.
 */
static void set_members(json_t *object, json_t *part)
{
    const char *key;
    json_t *value;
    json_object_foreach (part, key, value) {
        if (!json_is_null(value) || json_object_get(object, key) == NULL) {
            json_object_set(object, key, value);
        }
    }
}

static bool take_start(struct fold *fold, json_t *data)
{
    json_t *message = json_object_get(data, "message");
    if (!json_is_object(message) || fold->document != NULL) {
        return false;
    }
    fold->document = json_deep_copy(message);
    json_object_set_new(fold->document, "content", json_array());
    return true;
}

static json_t *find_block(const struct fold *fold, const json_t *data)
{
    json_int_t index = jsontext_get_int(data, "index", -1);
    const json_t *content = json_object_get(fold->document, "content");
    return index < 0 ? NULL : json_array_get(content, (size_t)index);
}

/* A block that a text arrives for may begin with some of it. */
static bool begin_text(struct fold *fold, json_t *block, const char *type)
{
    if (strcmp(type, "text") == 0) {
        fold_show(fold, json_object_get(block, "text"));
        return fold_append(fold, block, "text", json_object_get(block, "text"));
    }
    return strcmp(type, "thinking") != 0 ||
           fold_append(fold, block, "thinking", json_object_get(block, "thinking"));
}

static bool take_block_start(struct fold *fold, json_t *data)
{
    json_t *content = json_object_get(fold->document, "content");
    const json_t *given = json_object_get(data, "content_block");
    size_t count = json_array_size(content);
    const char *type = jsontext_get_text(given, "type", "");
    bool next = jsontext_get_int(data, "index", -1) == (json_int_t)count;
    if (!json_is_object(given) || !next || count == BLOCKS_LIMIT) {
        return false;
    }
    json_t *block = json_deep_copy(given);
    json_array_append_new(content, block);
    return begin_text(fold, block, type);
}

/* Deltas */

static bool take_text(struct fold *fold, json_t *block, const json_t *delta)
{
    fold_show(fold, json_object_get(delta, "text"));
    return fold_append(fold, block, "text", json_object_get(delta, "text"));
}

static bool take_json(struct fold *fold, json_t *block, const json_t *delta)
{
    return fold_append(fold, block, partial, json_object_get(delta, partial));
}

static bool take_thinking(struct fold *fold, json_t *block, const json_t *delta)
{
    return fold_append(fold, block, "thinking", json_object_get(delta, "thinking"));
}

static bool take_signature(struct fold *fold, json_t *block, const json_t *delta)
{
    json_t *signature = json_object_get(delta, "signature");
    (void)fold;
    if (signature != NULL) {
        json_object_set(block, "signature", signature);
    }
    return true;
}

static bool take_citation(struct fold *fold, json_t *block, const json_t *delta)
{
    json_t *citation = json_object_get(delta, "citation");
    json_t *citations = json_object_get(block, "citations");
    (void)fold;
    if (!json_is_array(citations)) {
        citations = json_array();
        json_object_set_new(block, "citations", citations);
    }
    if (citation != NULL) {
        json_array_append(citations, citation);
    }
    return true;
}

static const struct delta_kind {
    const char *type;
    bool (*take)(struct fold *fold, json_t *block, const json_t *delta);
} deltas[] = {
    {"text_delta", take_text},          {"input_json_delta", take_json},
    {"thinking_delta", take_thinking},  {"signature_delta", take_signature},
    {"citations_delta", take_citation},
};

static bool take_block_delta(struct fold *fold, json_t *data)
{
    json_t *block = find_block(fold, data);
    const json_t *delta = json_object_get(data, "delta");
    const char *type = jsontext_get_text(delta, "type", "");
    if (block == NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof deltas / sizeof *deltas; i++) {
        if (strcmp(deltas[i].type, type) == 0) {
            return deltas[i].take(fold, block, delta);
        }
    }
    return true;
}

/* The counts of the usage are those of all so far. */
static bool take_message_delta(struct fold *fold, json_t *data)
{
    json_t *usage = json_object_get(fold->document, "usage");
    if (!json_is_object(usage)) {
        usage = json_object();
        json_object_set_new(fold->document, "usage", usage);
    }
    set_members(fold->document, json_object_get(data, "delta"));
    set_members(usage, json_object_get(data, "usage"));
    return true;
}

static bool take_stop(struct fold *fold, json_t *data)
{
    (void)data;
    fold->done = true;
    return true;
}

static const struct event_kind {
    const char *type;
    bool (*take)(struct fold *fold, json_t *data);
} events[] = {
    {"message_start", take_start},
    {"content_block_start", take_block_start},
    {"content_block_delta", take_block_delta},
    {"message_delta", take_message_delta},
    {"message_stop", take_stop},
};

static bool take_event(struct fold *fold, const char *name, json_t *data)
{
    const char *type = jsontext_get_text(data, "type", name);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        if (strcmp(events[i].type, type) == 0) {
            bool begun = fold->document != NULL || events[i].take == take_start;
            return begun && events[i].take(fold, data);
        }
    }
    return true;
}

/* The input of a tool whose text is no JSON, because the answer was cut, stays that text. */
static void complete_block(json_t *block)
{
    json_t *text = json_object_get(block, partial);
    if (!json_is_string(text)) {
        return;
    }
    json_t *input =
        json_string_length(text) == 0
            ? json_object()
            : jsontext_read_lenient(json_string_value(text), json_string_length(text), NULL);
    json_object_set_new(block, "input", input != NULL ? input : json_incref(text));
    json_object_del(block, partial);
}

static bool complete(struct fold *fold, const struct job *job)
{
    size_t i;
    json_t *block;
    (void)job;
    json_array_foreach (json_object_get(fold->document, "content"), i, block) {
        complete_block(block);
    }
    return fold->done;
}

const struct stream_kind anthropic_stream = {.take = take_event, .complete = complete};
