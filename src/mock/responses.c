/* SPDX-License-Identifier: GPL-2.0-or-later */
/* responses: reading and checking requests of the Responses API. */
#include "mock/responses.h"

#include <string.h>

#include "base/jsontext.h"
#include "mock/input.h"
#include "mock/parameter.h"
#include "mock/response.h"
#include "mock/said.h"

enum { OUTPUT_LEAST = 16 };

static const struct parameter parameters[] = {
    {"temperature", PARAMETER_NUMBER, 0, 2},
    {"top_p", PARAMETER_NUMBER, 0, 1},
    {"max_output_tokens", PARAMETER_INTEGER, OUTPUT_LEAST, 1e9},
    {"max_tool_calls", PARAMETER_INTEGER, 1, 1e9},
    {"top_logprobs", PARAMETER_INTEGER, 0, 20},
    {"background", PARAMETER_BOOLEAN, 0, 0},
    {"parallel_tool_calls", PARAMETER_BOOLEAN, 0, 0},
    {"store", PARAMETER_BOOLEAN, 0, 0},
    {"stream", PARAMETER_BOOLEAN, 0, 0},
    {"instructions", PARAMETER_STRING, 0, 0},
    {"previous_response_id", PARAMETER_STRING, 0, 0},
    {"prompt_cache_key", PARAMETER_STRING, 0, 0},
    {"prompt_cache_retention", PARAMETER_STRING, 0, 0},
    {"safety_identifier", PARAMETER_STRING, 0, 0},
    {"service_tier", PARAMETER_STRING, 0, 0},
    {"truncation", PARAMETER_STRING, 0, 0},
    {"user", PARAMETER_STRING, 0, 0},
    {"metadata", PARAMETER_OBJECT, 0, 0},
    {"reasoning", PARAMETER_OBJECT, 0, 0},
    {"stream_options", PARAMETER_OBJECT, 0, 0},
    {"text", PARAMETER_OBJECT, 0, 0},
    {"include", PARAMETER_ARRAY, 0, 0},
    {"tools", PARAMETER_ARRAY, 0, 0},
};

enum { PARAMETERS = sizeof parameters / sizeof parameters[0] };

/* What a request may have besides. */
static const char *const others[] = {"model",  "input",        "tool_choice",
                                     "prompt", "conversation", "context_management"};

/* Appends the text of an item: a message's content, or the output of a tool. */
static void append_item(struct call *call, const json_t *item, int64_t *pictures)
{
    struct buffer *out = &call->text;
    const json_t *content = json_object_get(item, "content");

    input_append_string(out, content);
    input_append_string(out, json_object_get(item, "output"));
    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *part = json_array_get(content, i);

        input_append_string(out, json_object_get(part, "text"));
        *pictures += json_object_get(part, "image_url") != NULL;
        input_take_url(call, json_object_get(part, "image_url"));
        input_take_url(call, json_object_get(part, "file_data"));
    }
}

static void responses_read(struct call *call)
{
    const json_t *instructions = json_object_get(call->body, "instructions");
    const json_t *input = json_object_get(call->body, "input");
    int64_t pictures = 0;

    input_append_string(&call->text, instructions);
    input_append_string(&call->system, instructions);
    input_append_string(&call->text, input);
    input_append_string(&call->question, input);
    call->prompt_tokens = INPUT_TURN_TOKENS + call_tokens(call->text.length);
    for (size_t i = 0; i < json_array_size(input); i++) {
        const json_t *item = json_array_get(input, i);
        size_t before = call->text.length;

        append_item(call, item, &pictures);
        input_take_turn(call, jsontext_get_text(item, "role", ""), before);
    }
    call->prompt_tokens += pictures * INPUT_PICTURE_TOKENS;
}

/* The API takes no member that it does not know. */
static int check_names(const struct call *call, struct reply *reply)
{
    const char *name = parameter_stranger(call->body, parameters, PARAMETERS, others,
                                          sizeof others / sizeof others[0]);

    if (name == NULL) {
        return 0;
    }
    reply_refuse(reply, 400, name, "unknown_parameter", "Unknown parameter: '%.60s'.", name);
    return -1;
}

static bool is_good_item(const json_t *item)
{
    static const char *const roles[] = {"user", "assistant", "system", "developer"};
    const char *type = jsontext_get_text(item, "type", "message");
    const char *role = jsontext_get_text(item, "role", "");
    const json_t *content = json_object_get(item, "content");

    if (!json_is_object(item) || strcmp(type, "message") != 0) {
        return json_is_object(item);
    }
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(role, roles[i]) == 0) {
            return json_is_string(content) || json_is_array(content);
        }
    }
    return false;
}

static int check_input(const struct call *call, struct reply *reply)
{
    const json_t *input = json_object_get(call->body, "input");
    char param[48];

    if (input == NULL) {
        reply_refuse(reply, 400, "input", "missing_required_parameter",
                     "Missing required parameter: 'input'.");
        return -1;
    }
    if (!json_is_string(input) && !json_is_array(input)) {
        reply_refuse(reply, 400, "input", "invalid_type",
                     "Invalid type for 'input': expected a string or an array of items.");
        return -1;
    }
    for (size_t i = 0; i < json_array_size(input); i++) {
        if (!is_good_item(json_array_get(input, i))) {
            (void)snprintf(param, sizeof param, "input[%zu]", i);
            reply_refuse(reply, 400, param, "invalid_value",
                         "Invalid value for '%s': expected an item with role and content.", param);
            return -1;
        }
    }
    return 0;
}

static const json_t *find_format(const struct call *call)
{
    return json_object_get(json_object_get(call->body, "text"), "format");
}

/* The schema stands flat in the format, not in a member of it as in chats. */
static int check_format(const struct call *call, struct reply *reply)
{
    const json_t *format = find_format(call);
    const char *type = jsontext_get_text(format, "type", "text");
    const char *missing = NULL;

    if (strcmp(type, "json_schema") == 0) {
        missing = *jsontext_get_text(format, "name", "") == '\0'       ? "text.format.name"
                  : !json_is_object(json_object_get(format, "schema")) ? "text.format.schema"
                                                                       : NULL;
    }
    if (missing != NULL) {
        reply_refuse(reply, 400, missing, "missing_required_parameter",
                     "Missing required parameter: '%s'.", missing);
        return -1;
    }
    if (strcmp(type, "json_schema") != 0 && strcmp(type, "json_object") != 0 &&
        strcmp(type, "text") != 0) {
        reply_refuse(reply, 400, "text.format.type", "invalid_value",
                     "Invalid value for 'text.format.type'. Supported values are: 'text', "
                     "'json_object', and 'json_schema'.");
        return -1;
    }
    return 0;
}

/* Functions stand flat, too. */
static int check_tools(const struct call *call, struct reply *reply)
{
    const json_t *tools = json_object_get(call->body, "tools");
    char param[48];

    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);

        if (strcmp(jsontext_get_text(tool, "type", ""), "function") == 0 &&
            jsontext_get_text(tool, "name", NULL) == NULL) {
            (void)snprintf(param, sizeof param, "tools[%zu].name", i);
            reply_refuse(reply, 400, param, "missing_required_parameter",
                         "Missing required parameter: '%s'.", param);
            return -1;
        }
    }
    return 0;
}

static int responses_check(struct call *call, struct reply *reply)
{
    static int (*const checks[])(const struct call *call, struct reply *reply) = {
        check_names, check_input, check_format, check_tools};

    if (parameter_check(call->body, parameters, PARAMETERS, reply) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (checks[i](call, reply) != 0) {
            return -1;
        }
    }
    call->answer_tokens = jsontext_get_int(call->body, "max_output_tokens", 0);
    return 0;
}

/* The tool that must be called, or NULL. */
static const json_t *find_tool(const json_t *body)
{
    const json_t *choice = json_object_get(body, "tool_choice");
    const char *name = jsontext_get_text(choice, "name", NULL);
    bool required = json_is_string(choice) && strcmp(json_string_value(choice), "required") == 0;

    return name != NULL || required ? answer_tool(json_object_get(body, "tools"), NULL, name)
                                    : NULL;
}

static void responses_answer(struct call *call, struct reply *reply)
{
    const json_t *tool = find_tool(call->body);
    struct said_wish wish = {
        .prompt = said_prompt(call),
        .tool = jsontext_get_text(tool, "name", NULL),
        .parameters = json_object_get(tool, "parameters"),
        .limit = jsontext_get_int(call->body, "max_output_tokens", 0),
    };
    struct said said;

    answer_set_form(&wish.prompt, find_format(call), find_format(call));
    said_make(call, &wish, &said);
    (call->stream ? response_write_stream : response_write)(call, &said, reply);
    said_free(&said);
}

const struct call_kind responses_kind = {
    .endpoint = LEDGER_RESPONSES,
    .empty = "{\"id\":\"resp_mock\",\"object\":\"response\",\"created_at\":0,\"status\":"
             "\"completed\",\"error\":null,\"incomplete_details\":null,\"model\":\"mock\","
             "\"output\":[]}",
    .endless = "{\"id\":\"resp_mock\",\"object\":\"response\",\"status\":\"completed\",\"output\":"
               "[{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":"
               "\"output_text\",\"text\":\"",
    .tells_failures = true,
    .read = responses_read,
    .check = responses_check,
    .answer = responses_answer,
};
