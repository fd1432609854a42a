/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_items: the input items of OpenAI's Responses as the messages of a job, which are those of Chat
 * Completions. provider/openai_responses has the way back.
 */
#include "job/batch_items.h"

#include <string.h>

#include "base/jsontext.h"

/* A part of a content; NULL with *refusal. */
static json_t *convert_part(json_t *part, struct refusal *refusal)
{
    const char *type = jsontext_get_text(part, "type", "");
    json_t *text = json_object_get(part, "text");
    json_t *url = json_object_get(part, "image_url");
    if (strcmp(type, "input_text") == 0 || strcmp(type, "output_text") == 0) {
        return json_pack("{s:s, s:O?}", "type", "text", "text", text);
    }
    if (strcmp(type, "input_image") == 0 && json_is_string(url)) {
        return json_pack("{s:s, s:{s:O, s:O*}}", "type", "image_url", "image_url", "url", url,
                         "detail", json_object_get(part, "detail"));
    }
    if (strcmp(type, "input_image") == 0) {
        refuse(refusal, "unsupported", "\"input\": an image must be given by its image_url");
        return NULL;
    }
    if (strcmp(type, "input_file") == 0) {
        json_t *file = json_copy(part);
        json_object_del(file, "type");
        return json_pack("{s:s, s:o}", "type", "file", "file", file);
    }
    return json_incref(part);
}

static json_t *convert_content(json_t *content, struct refusal *refusal)
{
    json_t *parts, *part;
    size_t i;
    if (!json_is_array(content)) {
        return content != NULL ? json_incref(content) : json_null();
    }
    parts = json_array();
    json_array_foreach (content, i, part) {
        json_t *converted = convert_part(part, refusal);
        if (converted == NULL) {
            json_decref(parts);
            return NULL;
        }
        json_array_append_new(parts, converted);
    }
    return parts;
}

static int add_message(json_t *messages, const json_t *item, struct refusal *refusal)
{
    json_t *content = convert_content(json_object_get(item, "content"), refusal);
    return content == NULL
               ? -1
               : json_array_append_new(messages, json_pack("{s:O?, s:o}", "role",
                                                           json_object_get(item, "role"),
                                                           "content", content));
}

/* The calls of one turn are one message here. */
static json_t *calls_of_last(json_t *messages)
{
    size_t count = json_array_size(messages);
    json_t *last = count > 0 ? json_array_get(messages, count - 1) : NULL;
    json_t *calls = json_object_get(last, "tool_calls");
    if (strcmp(jsontext_get_text(last, "role", ""), "assistant") != 0) {
        last = json_pack("{s:s, s:n}", "role", "assistant", "content");
        json_array_append_new(messages, last);
    }
    if (calls == NULL) {
        calls = json_array();
        json_object_set_new(last, "tool_calls", calls);
    }
    return calls;
}

static int add_call(json_t *messages, const json_t *item, const char *kind, const char *key)
{
    json_t *call = json_pack("{s:O?, s:s, s:{s:O?, s:O?}}", "id", json_object_get(item, "call_id"),
                             "type", kind, kind, "name", json_object_get(item, "name"), key,
                             json_object_get(item, key));
    return json_array_append_new(calls_of_last(messages), call);
}

static int add_output(json_t *messages, const json_t *item, struct refusal *refusal)
{
    json_t *content = convert_content(json_object_get(item, "output"), refusal);
    return content == NULL
               ? -1
               : json_array_append_new(messages,
                                       json_pack("{s:s, s:O?, s:o}", "role", "tool", "tool_call_id",
                                                 json_object_get(item, "call_id"), "content",
                                                 content));
}

static int add_item(json_t *messages, const json_t *item, struct refusal *refusal)
{
    char shown[REFUSAL_QUOTE_SIZE];
    const char *type = jsontext_get_text(item, "type", "message");
    if (!json_is_object(item)) {
        return refuse(refusal, "bad_value", "\"input\": an item must be an object");
    }
    if (strcmp(type, "message") == 0) {
        return add_message(messages, item, refusal);
    }
    if (strcmp(type, "function_call") == 0) {
        return add_call(messages, item, "function", "arguments");
    }
    if (strcmp(type, "custom_tool_call") == 0) {
        return add_call(messages, item, "custom", "input");
    }
    if (strcmp(type, "function_call_output") == 0 || strcmp(type, "custom_tool_call_output") == 0) {
        return add_output(messages, item, refusal);
    }
    return refuse(refusal, "unsupported", "\"input\": an item of type %s is not supported",
                  refusal_quote(type, shown));
}

json_t *batch_items_messages(const json_t *items, struct refusal *refusal)
{
    json_t *messages = json_array();
    if (!json_is_array(items)) {
        refuse(refusal, "bad_value", "\"input\" must be text or an array of items");
        json_decref(messages);
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(items); i++) {
        if (add_item(messages, json_array_get(items, i), refusal) != 0) {
            json_decref(messages);
            return NULL;
        }
    }
    return messages;
}
