/* SPDX-License-Identifier: GPL-2.0-or-later */
/* embedding: checking inputs, hashing words into vectors, writing floats or base64. */
#include "mock/embedding.h"

#include <ctype.h>
#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "mock/input.h"
#include "mock/parameter.h"

enum { INPUTS_MAX = 2048, DIMENSIONS_MAX = 4096, TOKENS_MAX = 8192, TOKENS_SUM_MAX = 300000 };

static const struct parameter parameters[] = {
    {"dimensions", PARAMETER_INTEGER, 1, DIMENSIONS_MAX},
    {"encoding_format", PARAMETER_STRING, 0, 0},
    {"user", PARAMETER_STRING, 0, 0},
};

static void embedding_read(struct call *call)
{
    input_take(call, json_object_get(call->body, "input"));
}

static bool is_empty(const json_t *input)
{
    return json_string_length(input) == 0 && json_array_size(input) == 0;
}

static int check_one(const json_t *input, struct reply *reply)
{
    if (is_empty(input) || !input_is_good(input)) {
        reply_refuse(reply, 400, "input", NULL,
                     "Invalid 'input': expected a text that is not empty, a list of tokens, or a "
                     "list of those.");
        return -1;
    }
    if (input_tokens(input) > TOKENS_MAX) {
        reply_refuse(reply, 400, "input", NULL,
                     "This model's maximum context length is %d tokens, however you requested "
                     "%lld tokens. Please reduce your prompt.",
                     TOKENS_MAX, (long long)input_tokens(input));
        return -1;
    }
    return 0;
}

static int check_inputs(const struct call *call, struct reply *reply)
{
    const json_t *input = json_object_get(call->body, "input");
    size_t count = input_count(input);

    if (input == NULL) {
        reply_refuse(reply, 400, "input", "missing_required_parameter",
                     "Missing required parameter: 'input'.");
        return -1;
    }
    if (count == 0 || count > INPUTS_MAX) {
        reply_refuse(reply, 400, "input", NULL,
                     "Invalid 'input': expected from 1 to %d inputs, got %zu.", INPUTS_MAX, count);
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (check_one(input_at(input, i), reply) != 0) {
            return -1;
        }
    }
    if (call->prompt_tokens > TOKENS_SUM_MAX) {
        reply_refuse(reply, 400, "input", "max_tokens_per_request",
                     "Requested %lld tokens, max %d tokens per request.",
                     (long long)call->prompt_tokens, TOKENS_SUM_MAX);
        return -1;
    }
    return 0;
}

static int embedding_check(struct call *call, struct reply *reply)
{
    const char *format = jsontext_get_text(call->body, "encoding_format", "float");

    if (parameter_check(call->body, parameters, sizeof parameters / sizeof parameters[0], reply) !=
            0 ||
        check_inputs(call, reply) != 0) {
        return -1;
    }
    if (strcmp(format, "float") != 0 && strcmp(format, "base64") != 0) {
        reply_refuse(reply, 400, "encoding_format", "invalid_value",
                     "Invalid value for 'encoding_format': expected 'float' or 'base64'.");
        return -1;
    }
    return 0;
}

/* FNV-1a, 64 bits, of a word in lower case. */
static uint64_t hash_word(const char *word, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (uint64_t)tolower((unsigned char)word[i])) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* Each word points in a direction of its own, spread over all dimensions. */
static void add_word(double *vector, size_t dimensions, const char *word, size_t length)
{
    struct random random;

    random_init(&random, hash_word(word, length) | 1);
    for (size_t i = 0; i < dimensions; i++) {
        vector[i] += (double)random_below(&random, 1 << 20) / (1 << 19) - 1;
    }
}

static bool is_word_byte(char byte)
{
    return isalnum((unsigned char)byte) || (unsigned char)byte >= 0x80;
}

static void add_words(double *vector, size_t dimensions, const struct buffer *text)
{
    size_t words = 0;

    for (size_t i = 0; i < text->length;) {
        size_t end = i;

        while (end < text->length && is_word_byte(text->bytes[end])) {
            end++;
        }
        if (end > i) {
            add_word(vector, dimensions, text->bytes + i, end - i);
            words++;
        }
        i = end > i ? end : i + 1;
    }
    if (words == 0) {
        add_word(vector, dimensions, text->bytes, text->length);
    }
}

static void make_unit(double *vector, size_t dimensions)
{
    double square = 0;

    for (size_t i = 0; i < dimensions; i++) {
        square += vector[i] * vector[i];
    }
    /* All zero is next to impossible; a unit vector it must be all the same. */
    vector[0] += square > 0 ? 0 : 1;
    square += square > 0 ? 0 : 1;
    for (size_t i = 0; i < dimensions; i++) {
        vector[i] /= sqrt(square);
    }
}

static void write_floats(struct buffer *out, const double *vector, size_t dimensions)
{
    for (size_t i = 0; i < dimensions; i++) {
        buffer_printf(out, "%s%.8g", i > 0 ? "," : "[", (double)(float)vector[i]);
    }
    buffer_byte(out, ']');
}

static void write_base64(struct buffer *out, const unsigned char *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < length; i += 3) {
        unsigned left = length - i < 3 ? (unsigned)(length - i) : 3;
        unsigned bits = (unsigned)bytes[i] << 16;

        bits |= left > 1 ? (unsigned)bytes[i + 1] << 8 : 0;
        bits |= left > 2 ? (unsigned)bytes[i + 2] : 0;
        buffer_byte(out, digits[bits >> 18]);
        buffer_byte(out, digits[bits >> 12 & 63]);
        buffer_byte(out, left > 1 ? digits[bits >> 6 & 63] : '=');
        buffer_byte(out, left > 2 ? digits[bits & 63] : '=');
    }
}

/* Little-endian floats of 32 bits, as base64. */
static void write_packed(struct buffer *out, const double *vector, size_t dimensions)
{
    unsigned char *bytes = xmalloc(dimensions * sizeof(uint32_t));

    for (size_t i = 0; i < dimensions; i++) {
        float value = (float)vector[i];
        uint32_t bits;

        memcpy(&bits, &value, sizeof bits);
        bits = htole32(bits);
        memcpy(bytes + i * sizeof bits, &bits, sizeof bits);
    }
    buffer_byte(out, '"');
    write_base64(out, bytes, dimensions * sizeof(uint32_t));
    buffer_byte(out, '"');
    free(bytes);
}

static size_t choose_dimensions(const struct call *call)
{
    size_t usual = strstr(call->model, "large") != NULL ? 3072 : 1536;

    return (size_t)jsontext_get_int(call->body, "dimensions", (json_int_t)usual);
}

static void write_embedding(const struct call *call, size_t index, struct buffer *out)
{
    bool packed = strcmp(jsontext_get_text(call->body, "encoding_format", "float"), "base64") == 0;
    size_t dimensions = choose_dimensions(call);
    double *vector = xcalloc(dimensions, sizeof *vector);
    struct buffer text = {0};

    input_append(&text, input_at(json_object_get(call->body, "input"), index));
    marker_strip(&text);
    add_words(vector, dimensions, &text);
    make_unit(vector, dimensions);
    buffer_printf(out,
                  "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", index > 0 ? "," : "",
                  index);
    (packed ? write_packed : write_floats)(out, vector, dimensions);
    buffer_byte(out, '}');
    buffer_free(&text);
    free(vector);
}

static void embedding_answer(struct call *call, struct reply *reply)
{
    const json_t *input = json_object_get(call->body, "input");
    struct buffer *out = &reply->body;

    reply_begin(reply, 200, "application/json");
    buffer_text(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < input_count(input); i++) {
        write_embedding(call, i, out);
    }
    buffer_text(out, "],\"model\":");
    jsontext_write_string(out, call->model, strlen(call->model));
    if (call->fault != FAULT_NO_USAGE) {
        buffer_printf(out, ",\"usage\":{\"prompt_tokens\":%lld,\"total_tokens\":%lld}",
                      (long long)call->prompt_tokens, (long long)call->prompt_tokens);
    }
    buffer_text(out, "}\n");
}

const struct call_kind embedding_kind = {
    .endpoint = LEDGER_EMBEDDINGS,
    .empty = "{\"object\":\"list\",\"data\":[],\"model\":\"mock\"}",
    .endless = "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
               "\"embedding\":\"",
    .read = embedding_read,
    .check = embedding_check,
    .answer = embedding_answer,
};
