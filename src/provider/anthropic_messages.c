/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * anthropic_messages: the messages of Chat Completions as Messages have them.
 *
 * Where both speak of the same, Chat Completions' form is rewritten; content parts that only
 * Messages know (image, document, tool_result, thinking …) stay as they are.
 */
#include <string.h>
#include <strings.h>

#include "base/jsontext.h"
#include "provider/anthropic.h"
#include "provider/file_part.h"

/* A conversation half rewritten. */
struct turns {
    json_t *messages;
    json_t *system;
    json_t *results; /* content of the last message, when it holds results of tools; else NULL */
    size_t number;   /* of the message, from 1 */
    struct error *error;
};

/* Content parts */

/* data:image/png;base64,… as a source; NULL when it is none of these. */
static json_t *data_source(const char *url)
{
    static const char mark[] = ";base64,";
    const char *media = url + strlen("data:");
    const char *end = strstr(media, mark);
    const char *comma = strchr(media, ',');
    if (end == NULL || end == media || comma == NULL || comma < end) {
        return NULL;
    }
    json_t *source = json_pack("{s:s, s:s%, s:s}", "type", "base64", "media_type", media,
                               (size_t)(end - media), "data", end + sizeof mark - 1);
    return source;
}

static json_t *image_source(const char *url)
{
    if (strncasecmp(url, "data:", 5) == 0) {
        return data_source(url);
    }
    bool web = strncasecmp(url, "https://", 8) == 0 || strncasecmp(url, "http://", 7) == 0;
    return web ? json_pack("{s:s, s:s}", "type", "url", "url", url) : NULL;
}

static json_t *convert_image(const json_t *part, const struct turns *turns)
{
    const json_t *image = json_object_get(part, "image_url");
    const char *url =
        json_is_string(image) ? json_string_value(image) : jsontext_get_text(image, "url", "");
    json_t *source = image_source(url);
    if (source == NULL) {
        anthropic_cannot(turns->error,
                         "the image of message %zu, whose URL is neither http nor "
                         "data in base64,",
                         turns->number);
        return NULL;
    }
    json_t *block = json_pack("{s:s, s:o}", "type", "image", "source", source);
    json_t *cache = json_object_get(part, "cache_control");
    if (cache != NULL) {
        json_object_set(block, "cache_control", cache);
    }
    return block;
}

/* OpenAI's own part of type file, as far as it holds a PDF. */
static json_t *convert_file(const json_t *part, const struct turns *turns)
{
    static const char pdf[] = "data:application/pdf;base64,";
    const json_t *file = json_object_get(part, "file");
    const char *url = jsontext_get_text(file, "file_data", "");
    if (strncasecmp(url, pdf, sizeof pdf - 1) != 0) {
        anthropic_cannot(turns->error, "the file of message %zu, which is no PDF as data in base64,",
                         turns->number);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:s*}", "type", "document", "source", data_source(url), "title",
                     jsontext_get_text(file, "filename", NULL));
}

/* An attachment: images are blocks of their own, all else are documents. */
static json_t *convert_attachment(const struct file_part *file)
{
    bool text = file->media == MEDIA_TEXT;
    json_t *source =
        json_pack("{s:s, s:s, s:O}", "type", text ? "text" : "base64", "media_type",
                  file->media_type, "data", text ? file->text : file->data);
    if (file->media == MEDIA_IMAGE) {
        return json_pack("{s:s, s:o}", "type", "image", "source", source);
    }
    return json_pack("{s:s, s:o, s:s*}", "type", "document", "source", source, "title",
                     file->filename);
}

static json_t *convert_part(json_t *part, const struct turns *turns)
{
    static const char *const unknown[] = {"input_audio", "video_url", "audio_url"};
    const char *type = jsontext_get_text(part, "type", "");
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        if (strcmp(type, unknown[i]) == 0) {
            anthropic_cannot(turns->error, "the %s of message %zu", type, turns->number);
            return NULL;
        }
    }
    struct file_part file;
    if (file_part_read(part, &file)) {
        return convert_attachment(&file);
    }
    if (strcmp(type, "file") == 0) {
        return convert_file(part, turns);
    }
    if (strcmp(type, "image_url") == 0) {
        return convert_image(part, turns);
    }
    if (strcmp(type, "refusal") == 0) {
        return json_pack("{s:s, s:s}", "type", "text", "text",
                         jsontext_get_text(part, "refusal", ""));
    }
    return json_incref(part);
}

/* Appends the blocks of a content, text or parts, to an array; an empty text is no block. */
static int add_blocks(const json_t *content, json_t *blocks, const struct turns *turns)
{
    size_t i;
    json_t *part;
    if (json_string_length(content) > 0) {
        json_array_append_new(blocks,
                              json_pack("{s:s, s:s%}", "type", "text", "text",
                                        json_string_value(content), json_string_length(content)));
    }
    json_array_foreach (content, i, part) {
        json_t *block = convert_part(part, turns);
        if (block == NULL) {
            return -1;
        }
        json_array_append_new(blocks, block);
    }
    return 0;
}

/* A text stays a text, parts become blocks: a new reference, or NULL with an error. */
static json_t *convert_content(json_t *content, const struct turns *turns)
{
    if (json_is_string(content)) {
        return json_incref(content);
    }
    json_t *blocks = json_array();
    if (add_blocks(content, blocks, turns) != 0) {
        json_decref(blocks);
        return NULL;
    }
    return blocks;
}

/* Roles */

static int take_system(struct turns *turns, json_t *message)
{
    turns->results = NULL;
    return add_blocks(json_object_get(message, "content"), turns->system, turns);
}

static void add_message(struct turns *turns, const char *role, json_t *content)
{
    json_array_append_new(turns->messages,
                          json_pack("{s:s, s:o}", "role", role, "content", content));
    turns->results = NULL;
}

static int take_user(struct turns *turns, json_t *message)
{
    json_t *given = json_object_get(message, "content");
    if (!json_is_string(given) && !json_is_array(given)) {
        return anthropic_cannot(turns->error, "message %zu, which has no content,", turns->number);
    }
    json_t *content = convert_content(given, turns);
    if (content == NULL) {
        return -1;
    }
    add_message(turns, "user", content);
    return 0;
}

/* The arguments of a call are JSON in a text, its input the same as a value. */
static json_t *read_arguments(const json_t *function)
{
    const json_t *text = json_object_get(function, "arguments");
    if (json_string_length(text) == 0) {
        return json_object();
    }
    json_t *input = jsontext_read_lenient(json_string_value(text), json_string_length(text), NULL);
    if (!json_is_object(input)) {
        json_decref(input);
        return NULL;
    }
    return input;
}

static json_t *convert_call(const json_t *call, const struct turns *turns)
{
    const json_t *function = json_object_get(call, "function");
    const char *name = jsontext_get_text(function, "name", NULL);
    json_t *input = name == NULL ? NULL : read_arguments(function);
    if (input == NULL) {
        anthropic_cannot(turns->error,
                         "a tool call of message %zu, which is no function with an object for "
                         "arguments,",
                         turns->number);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:o}", "type", "tool_use", "id",
                     jsontext_get_text(call, "id", ""), "name", name, "input", input);
}

static int add_calls(const json_t *calls, json_t *blocks, const struct turns *turns)
{
    size_t i;
    const json_t *call;
    json_array_foreach (calls, i, call) {
        json_t *block = convert_call(call, turns);
        if (block == NULL) {
            return -1;
        }
        json_array_append_new(blocks, block);
    }
    return 0;
}

static int take_assistant(struct turns *turns, json_t *message)
{
    json_t *given = json_object_get(message, "content");
    const json_t *calls = json_object_get(message, "tool_calls");
    if (json_is_object(json_object_get(message, "function_call"))) {
        return anthropic_cannot(turns->error, "the \"function_call\" of message %zu",
                                turns->number);
    }
    if (json_array_size(calls) == 0 && !json_is_string(given) && !json_is_array(given)) {
        return anthropic_cannot(turns->error, "message %zu, which has no content,", turns->number);
    }
    json_t *content = NULL;
    if (json_array_size(calls) == 0) {
        content = convert_content(given, turns);
    } else {
        json_t *blocks = json_array();
        bool good = add_blocks(given, blocks, turns) == 0 && add_calls(calls, blocks, turns) == 0;
        content = good ? json_incref(blocks) : NULL;
        json_decref(blocks);
    }
    if (content == NULL) {
        return -1;
    }
    add_message(turns, "assistant", content);
    return 0;
}

/* Results that follow each other are one message: all of a turn's calls are answered at once. */
static int take_tool(struct turns *turns, json_t *message)
{
    const char *id = jsontext_get_text(message, "tool_call_id", NULL);
    json_t *given = json_object_get(message, "content");
    if (id == NULL) {
        return anthropic_cannot(turns->error, "message %zu, which has no \"tool_call_id\",",
                                turns->number);
    }
    json_t *content = convert_content(given, turns);
    if (content == NULL) {
        return -1;
    }
    if (turns->results == NULL) {
        json_t *results = json_array();
        add_message(turns, "user", results);
        turns->results = results;
    }
    json_array_append_new(turns->results, json_pack("{s:s, s:s, s:o}", "type", "tool_result",
                                                    "tool_use_id", id, "content", content));
    return 0;
}

static const struct role {
    const char *name;
    int (*take)(struct turns *turns, json_t *message);
} roles[] = {
    {"system", take_system},       {"developer", take_system}, {"user", take_user},
    {"assistant", take_assistant}, {"tool", take_tool},
};

static int take_message(struct turns *turns, json_t *message)
{
    const char *word = jsontext_get_text(message, "role", "");
    if (json_is_string(json_object_get(message, "name"))) {
        return anthropic_cannot(turns->error, "the \"name\" of message %zu", turns->number);
    }
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (strcmp(roles[i].name, word) == 0) {
            return roles[i].take(turns, message);
        }
    }
    return anthropic_cannot(turns->error, "the role of message %zu", turns->number);
}

int anthropic_add_messages(const json_t *conversation, json_t *messages, json_t *system,
                           struct error *error)
{
    struct turns turns = {.messages = messages, .system = system, .error = error};
    size_t i;
    json_t *message;
    json_array_foreach (conversation, i, message) {
        turns.number = i + 1;
        if (take_message(&turns, message) != 0) {
            return -1;
        }
    }
    return 0;
}
