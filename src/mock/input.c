/* SPDX-License-Identifier: GPL-2.0-or-later */
/* input: gathering. */
#include "mock/input.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/sha256.h"

void input_append_string(struct buffer *out, const json_t *string)
{
    if (json_is_string(string)) {
        buffer_append(out, json_string_value(string), json_string_length(string));
    }
}

void input_take_bytes(struct call *call, const char *bytes, size_t length)
{
    struct buffer files = {0};
    char hex[SHA256_HEX_SIZE];

    sha256_hex(bytes, length, hex);
    if (call->files != NULL) {
        buffer_append(&files, call->files, strlen(call->files) - 1);
        free(call->files);
    }
    buffer_printf(&files, "%s\"%s\"]", files.length > 0 ? "," : "[", hex);
    call->files = buffer_take(&files);
}

static void take_encoded(struct call *call, const char *text, size_t length)
{
    struct buffer bytes = {0};

    if (base64_decode(text, length, &bytes)) {
        input_take_bytes(call, bytes.bytes, bytes.length);
    }
    buffer_free(&bytes);
}

void input_take_base64(struct call *call, const json_t *data)
{
    if (json_is_string(data)) {
        take_encoded(call, json_string_value(data), json_string_length(data));
    }
}

void input_take_url(struct call *call, const json_t *url)
{
    const char *text = json_is_string(url) ? json_string_value(url) : "";
    const char *data = strncmp(text, "data:", 5) == 0 ? strstr(text, ";base64,") : NULL;

    if (data != NULL) {
        data += strlen(";base64,");
        take_encoded(call, data, strlen(data));
    }
}

static bool is_instruction(const char *role)
{
    return strcmp(role, "system") == 0 || strcmp(role, "developer") == 0;
}

void input_take_turn(struct call *call, const char *role, size_t before)
{
    const char *text = call->text.bytes != NULL ? call->text.bytes + before : "";
    size_t length = call->text.length - before;

    call->prompt_tokens += INPUT_TURN_TOKENS + call_tokens(length);
    if (strcmp(role, "user") == 0) {
        buffer_clear(&call->question);
        buffer_append(&call->question, text, length);
    } else if (is_instruction(role)) {
        buffer_append(&call->system, text, length);
        buffer_byte(&call->system, '\n');
    }
}

static bool is_several(const json_t *input)
{
    return json_is_array(input) && !json_is_integer(json_array_get(input, 0));
}

size_t input_count(const json_t *input)
{
    return is_several(input) ? json_array_size(input) : 1;
}

const json_t *input_at(const json_t *input, size_t index)
{
    return is_several(input) ? json_array_get(input, index) : input;
}

int64_t input_tokens(const json_t *one)
{
    return json_is_array(one) ? (int64_t)json_array_size(one)
                              : call_tokens(json_string_length(one));
}

void input_append(struct buffer *out, const json_t *one)
{
    input_append_string(out, one);
    for (size_t i = 0; i < json_array_size(one); i++) {
        buffer_printf(out, "%lld ", (long long)json_integer_value(json_array_get(one, i)));
    }
}

bool input_is_good(const json_t *one)
{
    bool good = json_is_string(one) || json_array_size(one) > 0;

    for (size_t i = 0; i < json_array_size(one); i++) {
        good = good && json_is_integer(json_array_get(one, i));
    }
    return good;
}

void input_take(struct call *call, const json_t *input)
{
    for (size_t i = 0; i < input_count(input); i++) {
        input_append(&call->text, input_at(input, i));
        call->prompt_tokens += input_tokens(input_at(input, i));
    }
    buffer_append(&call->question, call->text.bytes != NULL ? call->text.bytes : "",
                  call->text.length);
}
