/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chat: reading and checking requests for chat completions. */
#include "mock/chat.h"

#include <string.h>

#include "base/jsontext.h"
#include "mock/completion.h"
#include "mock/input.h"
#include "mock/parameter.h"
#include "mock/said.h"

static const struct parameter parameters[] = {
    {"temperature", PARAMETER_NUMBER, 0, 2},
    {"top_p", PARAMETER_NUMBER, 0, 1},
    {"presence_penalty", PARAMETER_NUMBER, -2, 2},
    {"frequency_penalty", PARAMETER_NUMBER, -2, 2},
    {"n", PARAMETER_INTEGER, 1, 128},
    {"max_tokens", PARAMETER_INTEGER, 1, 1e9},
    {"max_completion_tokens", PARAMETER_INTEGER, 1, 1e9},
    {"top_logprobs", PARAMETER_INTEGER, 0, 20},
    {"seed", PARAMETER_INTEGER, -9.3e18, 9.3e18},
    {"logprobs", PARAMETER_BOOLEAN, 0, 0},
    {"stream", PARAMETER_BOOLEAN, 0, 0},
    {"store", PARAMETER_BOOLEAN, 0, 0},
    {"parallel_tool_calls", PARAMETER_BOOLEAN, 0, 0},
    {"user", PARAMETER_STRING, 0, 0},
    {"service_tier", PARAMETER_STRING, 0, 0},
    {"reasoning_effort", PARAMETER_STRING, 0, 0},
    {"stream_options", PARAMETER_OBJECT, 0, 0},
    {"response_format", PARAMETER_OBJECT, 0, 0},
    {"metadata", PARAMETER_OBJECT, 0, 0},
    {"logit_bias", PARAMETER_OBJECT, 0, 0},
    {"tools", PARAMETER_ARRAY, 0, 0},
};

/* Appends the text of a message's content, a string or a list of parts; counts pictures, takes files. */
static void append_content(struct call *call, const json_t *content, int64_t *pictures)
{
    struct buffer *out = &call->text;

    input_append_string(out, content);
    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *part = json_array_get(content, i);

        input_append_string(out, json_object_get(part, "text"));
        *pictures += json_object_get(part, "image_url") != NULL;
        input_take_url(call, json_object_get(json_object_get(part, "image_url"), "url"));
        input_take_url(call, json_object_get(json_object_get(part, "file"), "file_data"));
    }
}

static void chat_read(struct call *call)
{
    const json_t *messages = json_object_get(call->body, "messages");
    int64_t pictures = 0;

    call->prompt_tokens = INPUT_TURN_TOKENS;
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *message = json_array_get(messages, i);
        size_t before = call->text.length;

        append_content(call, json_object_get(message, "content"), &pictures);
        input_take_turn(call, jsontext_get_text(message, "role", ""), before);
    }
    call->prompt_tokens += pictures * INPUT_PICTURE_TOKENS;
}

static int refuse(struct reply *reply, const char *param, const char *code, const char *message)
{
    reply_refuse(reply, 400, param, code, "%s", message);
    return -1;
}

/* Whether a message says something: an assistant's may consist of calls or a refusal. */
static bool has_content(const json_t *message)
{
    const json_t *content = json_object_get(message, "content");

    if (json_is_string(content) || json_array_size(content) > 0) {
        return true;
    }
    return strcmp(jsontext_get_text(message, "role", ""), "assistant") == 0 &&
           (content == NULL || json_is_null(content)) &&
           (json_object_get(message, "tool_calls") != NULL ||
            json_object_get(message, "function_call") != NULL ||
            json_is_string(json_object_get(message, "refusal")));
}

static int check_message(const json_t *message, size_t index, struct reply *reply)
{
    static const char *const roles[] = {"system",    "developer", "user",
                                        "assistant", "tool",      "function"};
    const char *role = jsontext_get_text(message, "role", NULL);
    char param[48];

    (void)snprintf(param, sizeof param, "messages[%zu]", index);
    if (!json_is_object(message)) {
        reply_refuse(reply, 400, param, "invalid_type",
                     "Invalid type for '%s': expected an object.", param);
        return -1;
    }
    for (size_t i = 0; role != NULL && i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(role, roles[i]) == 0) {
            if (has_content(message)) {
                return 0;
            }
            (void)snprintf(param, sizeof param, "messages[%zu].content", index);
            reply_refuse(reply, 400, param, "invalid_type",
                         "Invalid type for '%s': expected a string or an array of parts.", param);
            return -1;
        }
    }
    (void)snprintf(param, sizeof param, "messages[%zu].role", index);
    if (role == NULL) {
        reply_refuse(reply, 400, param, "missing_required_parameter",
                     "Missing required parameter: '%s'.", param);
    } else {
        reply_refuse(reply, 400, param, "invalid_value",
                     "Invalid value: '%.60s'. Supported values are: 'system', 'developer', "
                     "'assistant', 'user', 'function', and 'tool'.",
                     role);
    }
    return -1;
}

static int check_messages(const struct call *call, struct reply *reply)
{
    const json_t *messages = json_object_get(call->body, "messages");

    if (messages == NULL) {
        return refuse(reply, "messages", "missing_required_parameter",
                      "Missing required parameter: 'messages'.");
    }
    if (!json_is_array(messages)) {
        return refuse(reply, "messages", "invalid_type",
                      "Invalid type for 'messages': expected an array of objects.");
    }
    if (json_array_size(messages) == 0) {
        return refuse(reply, "messages", "empty_array",
                      "Invalid 'messages': empty array. Expected an array with minimum length 1.");
    }
    for (size_t i = 0; i < json_array_size(messages); i++) {
        if (check_message(json_array_get(messages, i), i, reply) != 0) {
            return -1;
        }
    }
    return 0;
}

static bool is_reasoning_model(const char *model)
{
    static const char *const prefixes[] = {"o1", "o3", "o4", "gpt-5"};

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (strncmp(model, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

static int check_lengths(const struct call *call, struct reply *reply)
{
    bool old = json_is_integer(json_object_get(call->body, "max_tokens"));
    bool new = json_is_integer(json_object_get(call->body, "max_completion_tokens"));

    if (old && new) {
        return refuse(reply, "max_tokens", "invalid_parameter_combination",
                      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not "
                      "supported.");
    }
    if (old && is_reasoning_model(call->model)) {
        return refuse(reply, "max_tokens", "unsupported_parameter",
                      "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                      "'max_completion_tokens' instead.");
    }
    return 0;
}

static int check_stop(const struct call *call, struct reply *reply)
{
    return parameter_check_stop(call->body, reply);
}

static int check_stream_options(const struct call *call, struct reply *reply)
{
    if (json_is_object(json_object_get(call->body, "stream_options")) &&
        !json_is_true(json_object_get(call->body, "stream"))) {
        return refuse(reply, "stream_options", NULL,
                      "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
    }
    return 0;
}

static int check_schema(const json_t *format, struct reply *reply)
{
    const json_t *schema = json_object_get(format, "json_schema");
    const char *name = jsontext_get_text(schema, "name", NULL);
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    if (!json_is_object(schema)) {
        return refuse(reply, "response_format.json_schema", "missing_required_parameter",
                      "Missing required parameter: 'response_format.json_schema'.");
    }
    if (name == NULL || *name == '\0') {
        return refuse(reply, "response_format.json_schema.name", "missing_required_parameter",
                      "Missing required parameter: 'response_format.json_schema.name'.");
    }
    if (strlen(name) > 64 || name[strspn(name, allowed)] != '\0') {
        return refuse(reply, "response_format.json_schema.name", "invalid_value",
                      "Invalid 'response_format.json_schema.name': expected up to 64 letters, "
                      "digits, '_' and '-'.");
    }
    return 0;
}

static int check_format(const struct call *call, struct reply *reply)
{
    const json_t *format = json_object_get(call->body, "response_format");
    const char *type = jsontext_get_text(format, "type", NULL);

    if (!json_is_object(format) || (type != NULL && strcmp(type, "text") == 0)) {
        return 0;
    }
    if (type != NULL && strcmp(type, "json_schema") == 0) {
        return check_schema(format, reply);
    }
    if (type == NULL || strcmp(type, "json_object") != 0) {
        return refuse(reply, "response_format.type", "invalid_value",
                      "Invalid value for 'response_format.type'. Supported values are: 'text', "
                      "'json_object', and 'json_schema'.");
    }
    if (call->text.bytes == NULL || strcasestr(call->text.bytes, "json") == NULL) {
        return refuse(reply, "messages", NULL,
                      "'messages' must contain the word 'json' in some form, to use "
                      "'response_format' of type 'json_object'.");
    }
    return 0;
}

static int chat_check(struct call *call, struct reply *reply)
{
    static int (*const checks[])(const struct call *call, struct reply *reply) = {
        check_messages, check_lengths, check_stop, check_stream_options, check_format,
    };
    json_int_t limit;

    if (parameter_check(call->body, parameters, sizeof parameters / sizeof parameters[0], reply) !=
        0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (checks[i](call, reply) != 0) {
            return -1;
        }
    }
    limit = jsontext_get_int(call->body, "max_tokens",
                             jsontext_get_int(call->body, "max_completion_tokens", 0));
    call->answer_tokens = limit * jsontext_get_int(call->body, "n", 1);
    return 0;
}

/* The tool that must be called, or NULL. */
static const json_t *find_tool(const json_t *body)
{
    const json_t *choice = json_object_get(body, "tool_choice");
    const json_t *tools = json_object_get(body, "tools");
    const char *name = jsontext_get_text(json_object_get(choice, "function"), "name", NULL);
    bool required = json_is_string(choice) && strcmp(json_string_value(choice), "required") == 0;

    return name != NULL || required ? answer_tool(tools, "function", name) : NULL;
}

static void chat_answer(struct call *call, struct reply *reply)
{
    const json_t *body = call->body;
    const json_t *format = json_object_get(body, "response_format");
    const json_t *tool = find_tool(body);
    struct said_wish wish = {
        .prompt = said_prompt(call),
        .tool = jsontext_get_text(tool, "name", NULL),
        .parameters = json_object_get(tool, "parameters"),
        .stops = json_object_get(body, "stop"),
        .limit = jsontext_get_int(body, "max_tokens",
                                  jsontext_get_int(body, "max_completion_tokens", 0)),
    };
    struct said said;

    answer_set_form(&wish.prompt, format, json_object_get(format, "json_schema"));
    said_make(call, &wish, &said);
    (call->stream ? completion_write_stream : completion_write)(call, &said, reply);
    said_free(&said);
}

const struct call_kind chat_kind = {
    .endpoint = LEDGER_CHAT,
    .empty = "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":0,"
             "\"model\":\"mock\",\"choices\":[]}",
    .endless = "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"choices\":"
               "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"",
    .read = chat_read,
    .check = chat_check,
    .answer = chat_answer,
};
