/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tokens_job: what a job asks with and may be answered with, in tokens; declared in tokens.h.
 */
#include <string.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "job/attachment.h"
#include "job/tokens.h"

enum {
    A_MESSAGE = 4, /* beside its content: who speaks, and where it ends */
    AN_ANSWER = 3, /* what makes the model begin */
    A_TOOL = 8,    /* beside its JSON */
    CHOICES_LIMIT = 128,
    TOKENS_ATTACHED = 16, /* what stands around an attachment that is no image */
};

/* How a text is measured: tokens_estimate, or as many tokens as it has bytes. */
typedef int64_t measure(const char *text, size_t length);

static int64_t measure_bytes(const char *text, size_t length)
{
    (void)text;
    return length < INT64_MAX ? (int64_t)length : INT64_MAX;
}

static int64_t tokens_of_text(const json_t *text, measure *tokens_of)
{
    return tokens_of(json_string_value(text), json_string_length(text));
}

/* Text as text, anything else as its JSON. */
static int64_t tokens_of_value(const json_t *value, measure *tokens_of)
{
    struct buffer text = {0};
    int64_t tokens;

    if (value == NULL || json_is_null(value)) {
        return 0;
    }
    if (json_is_string(value)) {
        return tokens_of_text(value, tokens_of);
    }
    jsontext_write(&text, value);
    tokens = tokens_of(text.bytes, text.length);
    buffer_free(&text);
    return tokens;
}

/* {"type": "image_url", "image_url": {"url": …, "detail": "low"}}, and the forms of other
 * protocols. */
static int64_t tokens_of_image(const json_t *part)
{
    const json_t *image = json_object_get(part, "image_url");
    const char *detail = jsontext_get_text(image, "detail", jsontext_get_text(part, "detail", ""));

    return strcmp(detail, "low") == 0 ? TOKENS_IMAGE_LOW : TOKENS_IMAGE;
}

static int64_t tokens_of_part(const json_t *part, measure *tokens_of)
{
    struct attachment attachment;
    const char *type = jsontext_get_text(part, "type", "");
    const json_t *text = json_object_get(part, "text");

    if (strstr(type, "image") != NULL) {
        return tokens_of_image(part);
    }
    if (attachment_read(part, &attachment)) {
        return attachment.media == MEDIA_IMAGE ? TOKENS_IMAGE : TOKENS_ATTACHED;
    }
    return json_is_string(text) ? tokens_of_text(text, tokens_of)
                                : tokens_of_value(part, tokens_of);
}

static int64_t tokens_of_content(const json_t *content, measure *tokens_of)
{
    const json_t *part;
    int64_t tokens = 0;
    size_t i;

    if (!json_is_array(content)) {
        return tokens_of_value(content, tokens_of);
    }
    json_array_foreach (content, i, part) {
        tokens += tokens_of_part(part, tokens_of);
    }
    return tokens;
}

/* Members beside role and content, such as the calls of tools, are sent as well. */
static int64_t tokens_of_message(const json_t *message, measure *tokens_of)
{
    int64_t tokens = A_MESSAGE;
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)message, key, value) {
        if (strcmp(key, "content") == 0) {
            tokens += tokens_of_content(value, tokens_of);
        } else if (strcmp(key, "role") != 0) {
            tokens += tokens_of_value(value, tokens_of);
        }
    }
    return tokens;
}

static int64_t tokens_of_messages(const json_t *messages, measure *tokens_of)
{
    const json_t *message;
    int64_t tokens = AN_ANSWER;
    size_t i;

    json_array_foreach (messages, i, message) {
        tokens += tokens_of_message(message, tokens_of);
    }
    return tokens;
}

/* Of embeddings: texts, or tokens as numbers, or arrays of either. */
static int64_t tokens_of_input(const json_t *input, measure *tokens_of)
{
    const json_t *item;
    int64_t tokens = 0;
    size_t i;

    if (json_is_integer(input)) {
        return 1;
    }
    if (!json_is_array(input)) {
        return tokens_of_value(input, tokens_of);
    }
    json_array_foreach (input, i, item) {
        tokens += tokens_of_input(item, tokens_of);
    }
    return tokens;
}

/* What params adds to the prompt: tools and the schema of the answer. */
static int64_t tokens_of_params(const json_t *params, measure *tokens_of)
{
    const json_t *tools = json_object_get(params, "tools");

    return tokens_of_value(tools, tokens_of) + A_TOOL * (int64_t)json_array_size(tools) +
           tokens_of_value(json_object_get(params, "functions"), tokens_of) +
           tokens_of_value(
               json_object_get(json_object_get(params, "response_format"), "json_schema"),
               tokens_of);
}

/* What was measured of attachments that are no images. */
static int64_t tokens_of_attachments(const struct job *job, measure *tokens_of)
{
    int64_t text = job->attached_text;
    int64_t pages = (job->attached_pdf + TOKENS_PAGE_BYTES - 1) / TOKENS_PAGE_BYTES;

    return (tokens_of == measure_bytes ? text : text / TOKENS_TEXT_BYTES) + pages * TOKENS_PAGE;
}

static int64_t measure_job(const struct job *job, measure *tokens_of)
{
    const json_t *document = job->document;
    const json_t *prompt = json_object_get(document, "prompt");
    const json_t *system = json_object_get(document, "system");
    bool chat = strcmp(job->type, "chat") == 0;
    int64_t tokens = tokens_of_params(json_object_get(document, "params"), tokens_of);

    if (prompt != NULL) {
        tokens += tokens_of_value(prompt, tokens_of) + (chat ? A_MESSAGE + AN_ANSWER : 0);
    }
    if (system != NULL) {
        tokens += tokens_of_value(system, tokens_of) + A_MESSAGE;
    }
    if (json_object_get(document, "messages") != NULL) {
        tokens += tokens_of_messages(json_object_get(document, "messages"), tokens_of);
    }
    tokens += tokens_of_input(json_object_get(document, "input"), tokens_of);
    tokens += tokens_of_attachments(job, tokens_of);
    return tokens > 0 ? tokens : 1;
}

int64_t tokens_of_job(const struct job *job)
{
    return measure_job(job, tokens_estimate);
}

int64_t tokens_ceiling_of_job(const struct job *job)
{
    return measure_job(job, measure_bytes);
}

int64_t tokens_bound(const struct job *job)
{
    static const char *const names[] = {"max_tokens", "max_completion_tokens", "max_output_tokens"};
    const json_t *params = json_object_get(job->document, "params");
    int64_t bound = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int64_t given = jsontext_get_int(params, names[i], 0);

        bound = given > bound ? given : bound;
    }
    return bound;
}

static int64_t choices(const struct job *job)
{
    int64_t number = jsontext_get_int(json_object_get(job->document, "params"), "n", 1);

    return number < 1 ? 1 : number > CHOICES_LIMIT ? CHOICES_LIMIT : number;
}

int64_t tokens_of_output(const struct job *job, uint64_t usual)
{
    int64_t bound = tokens_bound(job);
    int64_t product;

    if (strcmp(job->type, "embed") == 0) {
        return 0;
    }
    if (bound == 0) {
        bound = usual < INT64_MAX ? (int64_t)usual : INT64_MAX;
    }
    return __builtin_mul_overflow(bound, choices(job), &product) ? INT64_MAX : product;
}
