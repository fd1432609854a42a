/* SPDX-License-Identifier: GPL-2.0-or-later */
/* completion: cutting, and writing JSON by hand because every request comes through here. */
#include "mock/completion.h"

#include <string.h>

#include "base/jsontext.h"

enum { DELTA_BYTES = 24 };

static const char fingerprint[] = "fp_llmspool_mock";

static void cut_at_stop(struct completion *completion, const json_t *stop)
{
    const char *sequence = json_string_value(stop);
    const char *found = NULL;

    if (sequence != NULL && *sequence != '\0' && completion->text.length > 0) {
        found = strstr(completion->text.bytes, sequence);
    }
    if (found != NULL) {
        completion->text.length = (size_t)(found - completion->text.bytes);
        completion->text.bytes[completion->text.length] = '\0';
    }
}

/* Where a text may be cut at or before position without cutting a character. */
static size_t cut_position(const struct buffer *text, size_t position)
{
    while (position > 0 && position < text->length &&
           ((unsigned char)text->bytes[position] & 0xc0) == 0x80) {
        position--;
    }
    return position;
}

void completion_finish(struct completion *completion)
{
    const json_t *body = completion->call->body;
    const json_t *stop = json_object_get(body, "stop");
    json_int_t limit =
        jsontext_get_int(body, "max_tokens", jsontext_get_int(body, "max_completion_tokens", 0));

    completion->finish = completion->tool != NULL ? "tool_calls" : "stop";
    cut_at_stop(completion, stop);
    for (size_t i = 0; i < json_array_size(stop); i++) {
        cut_at_stop(completion, json_array_get(stop, i));
    }
    if (limit > 0 && call_tokens(completion->text.length) > limit) {
        completion->text.length = cut_position(&completion->text, (size_t)limit * 4);
        completion->text.bytes[completion->text.length] = '\0';
        completion->finish = "length";
    }
    completion->tokens = call_tokens(completion->text.length);
}

static json_int_t choice_count(const struct completion *completion)
{
    return jsontext_get_int(completion->call->body, "n", 1);
}

static void write_usage(struct buffer *out, const struct completion *completion)
{
    long long prompt = completion->call->prompt_tokens;
    long long answer = completion->tokens * choice_count(completion);

    buffer_printf(out,
                  "{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,\"total_tokens\":%lld,"
                  "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
                  "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"
                  "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}",
                  prompt, answer, prompt + answer);
}

static void write_tool_call(struct buffer *out, const struct completion *completion)
{
    buffer_printf(out,
                  "\"tool_calls\":[{\"id\":\"call_%s\",\"type\":\"function\",\"function\":"
                  "{\"name\":",
                  completion->call->id);
    jsontext_write_string(out, completion->tool, strlen(completion->tool));
    buffer_text(out, ",\"arguments\":");
    jsontext_write_string(out, completion->text.bytes, completion->text.length);
    buffer_text(out, "}}]");
}

static const char *text_of(const struct completion *completion)
{
    return completion->text.bytes != NULL ? completion->text.bytes : "";
}

static void write_choice(struct buffer *out, const struct completion *completion, json_int_t index)
{
    buffer_printf(
        out, "{\"index\":%lld,\"message\":{\"role\":\"assistant\",\"content\":", (long long)index);
    if (completion->tool != NULL) {
        buffer_text(out, "null,");
        write_tool_call(out, completion);
    } else {
        jsontext_write_string(out, text_of(completion), completion->text.length);
    }
    buffer_printf(out,
                  ",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,"
                  "\"finish_reason\":\"%s\"}",
                  completion->finish);
}

/* The members that objects of both kinds begin with. */
static void write_head(struct buffer *out, const struct completion *completion, const char *object)
{
    const struct call *call = completion->call;

    buffer_printf(out,
                  "{\"id\":\"chatcmpl-%s\",\"object\":\"%s\",\"created\":%lld,\"model\":", call->id,
                  object, (long long)call->created_s);
    jsontext_write_string(out, call->model, strlen(call->model));
    buffer_printf(out, ",\"service_tier\":\"default\",\"system_fingerprint\":\"%s\",\"choices\":[",
                  fingerprint);
}

void completion_write(const struct completion *completion, struct reply *reply)
{
    struct buffer *out = &reply->body;
    json_int_t count = choice_count(completion);

    reply_begin(reply, 200, "application/json");
    buffer_reserve(out, 800 + (size_t)count * (completion->text.length + 200));
    write_head(out, completion, "chat.completion");
    for (json_int_t i = 0; i < count; i++) {
        buffer_text(out, i > 0 ? "," : "");
        write_choice(out, completion, i);
    }
    buffer_text(out, "],\"usage\":");
    write_usage(out, completion);
    buffer_text(out, "}\n");
}

/* A stream being written. */
struct stream {
    struct buffer *out;
    const struct completion *completion;
    bool usage; /* stream_options.include_usage */
};

static void begin_chunk(const struct stream *stream, json_int_t index)
{
    buffer_text(stream->out, "data: ");
    write_head(stream->out, stream->completion, "chat.completion.chunk");
    buffer_printf(stream->out, "{\"index\":%lld,\"delta\":{", (long long)index);
}

static void end_chunk(const struct stream *stream, const char *finish)
{
    buffer_text(stream->out, "},\"logprobs\":null,\"finish_reason\":");
    if (finish != NULL) {
        buffer_printf(stream->out, "\"%s\"", finish);
    } else {
        buffer_text(stream->out, "null");
    }
    buffer_text(stream->out, stream->usage ? "}],\"usage\":null}\n\n" : "}]}\n\n");
}

static void write_role(const struct stream *stream, json_int_t index)
{
    const struct completion *completion = stream->completion;

    begin_chunk(stream, index);
    buffer_text(stream->out, "\"role\":\"assistant\",\"content\":");
    buffer_text(stream->out, completion->tool != NULL ? "null," : "\"\",");
    if (completion->tool != NULL) {
        buffer_printf(stream->out,
                      "\"tool_calls\":[{\"index\":0,\"id\":\"call_%s\",\"type\":"
                      "\"function\",\"function\":{\"name\":",
                      completion->call->id);
        jsontext_write_string(stream->out, completion->tool, strlen(completion->tool));
        buffer_text(stream->out, ",\"arguments\":\"\"}}],");
    }
    buffer_text(stream->out, "\"refusal\":null");
    end_chunk(stream, NULL);
}

static void write_delta(const struct stream *stream, json_int_t index, const char *text,
                        size_t length)
{
    bool tool = stream->completion->tool != NULL;

    begin_chunk(stream, index);
    buffer_text(stream->out, tool ? "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
                                  : "\"content\":");
    jsontext_write_string(stream->out, text, length);
    buffer_text(stream->out, tool ? "}}]" : "");
    end_chunk(stream, NULL);
}

/* Where the delta that begins at `from` ends: after a blank, or when it is long enough. */
static size_t delta_end(const struct buffer *text, size_t from)
{
    size_t most = from + DELTA_BYTES < text->length ? from + DELTA_BYTES : text->length;

    for (size_t i = from; i < most; i++) {
        if (text->bytes[i] == ' ') {
            return i + 1;
        }
    }
    return cut_position(text, most);
}

static void write_deltas(const struct stream *stream, json_int_t index)
{
    const struct buffer *text = &stream->completion->text;
    size_t end;

    for (size_t from = 0; from < text->length; from = end) {
        end = delta_end(text, from);
        write_delta(stream, index, text->bytes + from, end - from);
    }
}

static void write_end(const struct stream *stream)
{
    if (stream->usage) {
        buffer_text(stream->out, "data: ");
        write_head(stream->out, stream->completion, "chat.completion.chunk");
        buffer_text(stream->out, "],\"usage\":");
        write_usage(stream->out, stream->completion);
        buffer_text(stream->out, "}\n\n");
    }
    buffer_text(stream->out, "data: [DONE]\n\n");
}

void completion_write_stream(const struct completion *completion, struct reply *reply)
{
    const struct call *call = completion->call;
    const json_t *options = json_object_get(call->body, "stream_options");
    const struct stream stream = {&reply->body, completion,
                                  jsontext_get_bool(options, "include_usage", false)};
    bool cut = call->fault == FAULT_CUT_STREAM;

    reply_begin(reply, 200, "text/event-stream; charset=utf-8");
    reply->streamed = true;
    for (json_int_t i = 0; i < choice_count(completion); i++) {
        write_role(&stream, i);
        write_deltas(&stream, i);
        if (!cut) {
            begin_chunk(&stream, i);
            end_chunk(&stream, completion->finish);
        }
    }
    if (cut) {
        reply->delivery = DELIVERY_WHOLE;
    } else {
        write_end(&stream);
    }
}
