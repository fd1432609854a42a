/* SPDX-License-Identifier: GPL-2.0-or-later */
/* messages: reading and checking requests of the Messages API. */
#include "mock/messages.h"

#include <string.h>

#include "base/jsontext.h"
#include "mock/input.h"
#include "mock/message.h"
#include "mock/parameter.h"
#include "mock/said.h"

static const struct parameter parameters[] = {
    {"max_tokens", PARAMETER_INTEGER, 1, 1e9}, {"temperature", PARAMETER_NUMBER, 0, 1},
    {"top_p", PARAMETER_NUMBER, 0, 1},         {"top_k", PARAMETER_INTEGER, 0, 1e9},
    {"stream", PARAMETER_BOOLEAN, 0, 0},       {"service_tier", PARAMETER_STRING, 0, 0},
    {"inference_geo", PARAMETER_STRING, 0, 0}, {"metadata", PARAMETER_OBJECT, 0, 0},
    {"output_config", PARAMETER_OBJECT, 0, 0}, {"thinking", PARAMETER_OBJECT, 0, 0},
    {"tool_choice", PARAMETER_OBJECT, 0, 0},   {"cache_control", PARAMETER_OBJECT, 0, 0},
    {"stop_sequences", PARAMETER_ARRAY, 0, 0}, {"tools", PARAMETER_ARRAY, 0, 0},
    {"messages", PARAMETER_ARRAY, 0, 0},
};

enum { PARAMETERS = sizeof parameters / sizeof parameters[0] };

/* What a request may have besides. */
static const char *const others[] = {"model", "system", "container", "context_management",
                                     "mcp_servers"};

/* Takes the file that a block of type image or document holds. */
static void take_source(struct call *call, const json_t *block)
{
    const json_t *source = json_object_get(block, "source");
    const json_t *data = json_object_get(source, "data");

    if (strcmp(jsontext_get_text(source, "type", ""), "base64") == 0) {
        input_take_base64(call, data);
    } else if (json_is_string(data)) {
        input_take_bytes(call, json_string_value(data), json_string_length(data));
    }
}

static void take_files(struct call *call, const json_t *content)
{
    for (size_t i = 0; i < json_array_size(content); i++) {
        take_source(call, json_array_get(content, i));
    }
}

/* Appends the text of a content: a string, or blocks of text, pictures and results of tools. */
static void append_content(struct buffer *out, const json_t *content, int64_t *pictures)
{
    input_append_string(out, content);
    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *block = json_array_get(content, i);
        const json_t *inner = json_object_get(block, "content");

        input_append_string(out, json_object_get(block, "text"));
        *pictures += strcmp(jsontext_get_text(block, "type", ""), "image") == 0;
        input_append_string(out, inner);
        for (size_t j = 0; j < json_array_size(inner); j++) {
            input_append_string(out, json_object_get(json_array_get(inner, j), "text"));
        }
    }
}

static void messages_read(struct call *call)
{
    const json_t *messages = json_object_get(call->body, "messages");
    int64_t pictures = 0;

    append_content(&call->system, json_object_get(call->body, "system"), &pictures);
    buffer_append(&call->text, call->system.bytes != NULL ? call->system.bytes : "",
                  call->system.length);
    call->prompt_tokens = INPUT_TURN_TOKENS + call_tokens(call->text.length);
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *message = json_array_get(messages, i);
        size_t before = call->text.length;

        append_content(&call->text, json_object_get(message, "content"), &pictures);
        take_files(call, json_object_get(message, "content"));
        input_take_turn(call, jsontext_get_text(message, "role", ""), before);
    }
    call->prompt_tokens += pictures * INPUT_PICTURE_TOKENS;
}

static int refuse(struct reply *reply, const char *message)
{
    reply_refuse(reply, 400, NULL, NULL, "%s", message);
    return -1;
}

static const char *find_version(const struct call *call)
{
    return MHD_lookup_connection_value(call->exchange->connection, MHD_HEADER_KIND,
                                       "anthropic-version");
}

/* The newer version knows no sampling parameters, not even at their defaults. */
static int check_version(const struct call *call, struct reply *reply)
{
    static const char *const gone[] = {"temperature", "top_p", "top_k"};
    const char *version = find_version(call);

    if (version == NULL) {
        return refuse(reply, "anthropic-version: header is required");
    }
    if (strcmp(version, "2023-06-01") != 0 && strcmp(version, "2026-10-21") != 0) {
        reply_refuse(reply, 400, NULL, NULL, "anthropic-version: \"%.40s\" is not a valid version",
                     version);
        return -1;
    }
    for (size_t i = 0; strcmp(version, "2026-10-21") == 0 && i < sizeof gone / sizeof gone[0];
         i++) {
        if (json_object_get(call->body, gone[i]) != NULL) {
            reply_refuse(reply, 400, NULL, NULL, "%s: Extra inputs are not permitted", gone[i]);
            return -1;
        }
    }
    return 0;
}

static int check_names(const struct call *call, struct reply *reply)
{
    const char *name = parameter_stranger(call->body, parameters, PARAMETERS, others,
                                          sizeof others / sizeof others[0]);

    if (name == NULL) {
        return 0;
    }
    reply_refuse(reply, 400, NULL, NULL, "%.60s: Extra inputs are not permitted", name);
    return -1;
}

static int check_needed(const struct call *call, struct reply *reply)
{
    if (!json_is_integer(json_object_get(call->body, "max_tokens"))) {
        return refuse(reply, "max_tokens: Field required");
    }
    if (json_object_get(call->body, "messages") == NULL) {
        return refuse(reply, "messages: Field required");
    }
    if (json_array_size(json_object_get(call->body, "messages")) == 0) {
        return refuse(reply, "messages: at least one message is required");
    }
    return 0;
}

static bool is_good_content(const json_t *content)
{
    bool good = json_string_length(content) > 0 || json_array_size(content) > 0;

    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *block = json_array_get(content, i);
        const char *type = jsontext_get_text(block, "type", NULL);

        good = good && type != NULL &&
               (strcmp(type, "text") != 0 || *jsontext_get_text(block, "text", "") != '\0');
    }
    return good;
}

static int check_messages(const struct call *call, struct reply *reply)
{
    static const char *const roles[] = {"user", "assistant", "system"};
    const json_t *messages = json_object_get(call->body, "messages");

    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *message = json_array_get(messages, i);
        const char *role = jsontext_get_text(message, "role", "");
        bool known = false;

        for (size_t j = 0; j < sizeof roles / sizeof roles[0]; j++) {
            known = known || strcmp(role, roles[j]) == 0;
        }
        if (!known) {
            reply_refuse(reply, 400, NULL, NULL,
                         "messages.%zu.role: Input should be 'user' or 'assistant'", i);
            return -1;
        }
        if (!is_good_content(json_object_get(message, "content"))) {
            reply_refuse(reply, 400, NULL, NULL,
                         "messages.%zu: all messages must have non-empty content", i);
            return -1;
        }
    }
    return 0;
}

static int check_system(const struct call *call, struct reply *reply)
{
    const json_t *system = json_object_get(call->body, "system");

    if (system == NULL || json_is_string(system) || is_good_content(system)) {
        return 0;
    }
    return refuse(reply, "system: Input should be a valid string or a list of text blocks");
}

static int check_stops(const struct call *call, struct reply *reply)
{
    const json_t *stops = json_object_get(call->body, "stop_sequences");

    for (size_t i = 0; i < json_array_size(stops); i++) {
        const char *stop = json_string_value(json_array_get(stops, i));

        if (stop == NULL || stop[strspn(stop, " \t\r\n")] == '\0') {
            return refuse(reply, "stop_sequences: each stop sequence must contain non-whitespace");
        }
    }
    return 0;
}

static int check_tools(const struct call *call, struct reply *reply)
{
    static const char *const types[] = {"auto", "any", "tool", "none"};
    const json_t *tools = json_object_get(call->body, "tools");
    const json_t *choice = json_object_get(call->body, "tool_choice");
    const char *type = jsontext_get_text(choice, "type", "");
    bool known = choice == NULL;

    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        const char *missing = jsontext_get_text(tool, "name", NULL) == NULL ? "name"
                              : json_object_get(tool, "type") == NULL &&
                                      !json_is_object(json_object_get(tool, "input_schema"))
                                  ? "input_schema"
                                  : NULL;

        if (missing != NULL) {
            reply_refuse(reply, 400, NULL, NULL, "tools.%zu.%s: Field required", i, missing);
            return -1;
        }
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        known = known || strcmp(type, types[i]) == 0;
    }
    return known ? 0 : refuse(reply, "tool_choice: Input tag does not match any of the expected");
}

static const json_t *find_format(const struct call *call)
{
    return json_object_get(json_object_get(call->body, "output_config"), "format");
}

static int check_format(const struct call *call, struct reply *reply)
{
    const json_t *format = find_format(call);

    if (format == NULL || json_is_null(format)) {
        return 0;
    }
    if (strcmp(jsontext_get_text(format, "type", ""), "json_schema") != 0) {
        return refuse(reply, "output_config.format.type: Input should be 'json_schema'");
    }
    if (!json_is_object(json_object_get(format, "schema"))) {
        return refuse(reply, "output_config.format.schema: Field required");
    }
    return 0;
}

static int messages_check(struct call *call, struct reply *reply)
{
    static int (*const checks[])(const struct call *call, struct reply *reply) = {
        check_needed, check_messages, check_system, check_stops, check_tools, check_format};

    if (check_version(call, reply) != 0 || check_names(call, reply) != 0 ||
        parameter_check(call->body, parameters, PARAMETERS, reply) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (checks[i](call, reply) != 0) {
            return -1;
        }
    }
    call->answer_tokens = jsontext_get_int(call->body, "max_tokens", 0);
    return 0;
}

/* The tool that must be called, or NULL. */
static const json_t *find_tool(const json_t *body)
{
    const json_t *choice = json_object_get(body, "tool_choice");
    const char *type = jsontext_get_text(choice, "type", "auto");
    const json_t *tools = json_object_get(body, "tools");

    if (strcmp(type, "any") == 0) {
        return answer_tool(tools, NULL, NULL);
    }
    return strcmp(type, "tool") == 0
               ? answer_tool(tools, NULL, jsontext_get_text(choice, "name", NULL))
               : NULL;
}

static void messages_answer(struct call *call, struct reply *reply)
{
    const json_t *tool = find_tool(call->body);
    struct said_wish wish = {
        .prompt = said_prompt(call),
        .tool = jsontext_get_text(tool, "name", NULL),
        .parameters = json_object_get(tool, "input_schema"),
        .stops = json_object_get(call->body, "stop_sequences"),
        .limit = jsontext_get_int(call->body, "max_tokens", 0),
    };
    struct said said;

    answer_set_form(&wish.prompt, find_format(call), find_format(call));
    said_make(call, &wish, &said);
    (call->stream ? message_write_stream : message_write)(call, &said, reply);
    said_free(&said);
}

const struct call_kind messages_kind = {
    .endpoint = LEDGER_MESSAGES,
    .empty = "{\"id\":\"msg_mock\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"mock\","
             "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":"
             "{\"input_tokens\":0,\"output_tokens\":0}}",
    .endless = "{\"id\":\"msg_mock\",\"type\":\"message\",\"role\":\"assistant\",\"content\":"
               "[{\"type\":\"text\",\"text\":\"",
    .read = messages_read,
    .check = messages_check,
    .answer = messages_answer,
};
