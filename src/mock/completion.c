/* SPDX-License-Identifier: GPL-2.0-or-later */
/* completion: writing JSON by hand because every request comes through here. */
#include "mock/completion.h"

#include <string.h>

#include "base/jsontext.h"

static const char fingerprint[] = "fp_llmspool_mock";

/* What Azure adds to say that nothing was filtered. */
static const char filter_results[] =
    "\"content_filter_results\":{\"hate\":{\"filtered\":false,\"severity\":\"safe\"}},";

const char *completion_finish(enum said_end end)
{
    static const char *const reasons[SAID_ENDS] = {
        [SAID_STOP] = "stop",       [SAID_SEQUENCE] = "stop",         [SAID_LENGTH] = "length",
        [SAID_TOOL] = "tool_calls", [SAID_FILTER] = "content_filter", [SAID_REFUSAL] = "stop",
    };

    return reasons[end];
}

static json_int_t choice_count(const struct call *call)
{
    return jsontext_get_int(call->body, "n", 1);
}

void completion_write_usage(const struct call *call, int64_t tokens, struct buffer *out)
{
    long long prompt = call->prompt_tokens, answer = tokens;

    buffer_printf(out,
                  "{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,\"total_tokens\":%lld,"
                  "\"prompt_tokens_details\":{\"cached_tokens\":%lld,\"audio_tokens\":0},"
                  "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"
                  "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}",
                  prompt, answer, prompt + answer, (long long)call->marker.cached);
}

/* null while it goes on, and with the fault that keeps it back. */
static void write_finish(struct buffer *out, const struct said *said, bool ended)
{
    if (ended && said->finish) {
        buffer_text(out, "\"finish_reason\":\"");
        buffer_text(out, completion_finish(said->end));
        buffer_byte(out, '"');
    } else {
        buffer_text(out, "\"finish_reason\":null");
    }
}

static void write_tool_call(struct buffer *out, const struct call *call, const struct said *said)
{
    buffer_printf(out,
                  "\"tool_calls\":[{\"id\":\"call_%s\",\"type\":\"function\",\"function\":"
                  "{\"name\":",
                  call->id);
    jsontext_write_string(out, said->tool, strlen(said->tool));
    buffer_text(out, ",\"arguments\":");
    jsontext_write_string(out, said_text(said), said->text.length);
    buffer_text(out, "}}],");
}

static void write_message(struct buffer *out, const struct call *call, const struct said *said)
{
    bool refused = said->end == SAID_REFUSAL;

    buffer_text(out, "\"message\":{\"role\":\"assistant\",\"content\":");
    if (said->tool != NULL || refused) {
        buffer_text(out, "null,");
    } else {
        jsontext_write_string(out, said_text(said), said->text.length);
        buffer_byte(out, ',');
    }
    if (said->tool != NULL) {
        write_tool_call(out, call, said);
    }
    if (refused) {
        buffer_text(out, "\"refusal\":");
        jsontext_write_string(out, said_text(said), said->text.length);
        buffer_text(out, ",\"annotations\":[]},");
    } else {
        buffer_text(out, "\"refusal\":null,\"annotations\":[]},");
    }
}

static bool is_azure(const struct call *call)
{
    return reply_dialect(&call->exchange->reply) == &dialect_azure;
}

static void write_choice(struct buffer *out, const struct call *call, const struct said *said,
                         json_int_t index)
{
    buffer_printf(out, "{\"index\":%lld,", (long long)index);
    write_message(out, call, said);
    buffer_text(out, is_azure(call) ? filter_results : "");
    buffer_text(out, "\"logprobs\":null,");
    write_finish(out, said, true);
    buffer_byte(out, '}');
}

/* The members that objects of both kinds begin with. */
static void write_head(struct buffer *out, const struct call *call, const char *object)
{
    buffer_printf(out,
                  "{\"id\":\"chatcmpl-%s\",\"object\":\"%s\",\"created\":%lld,\"model\":", call->id,
                  object, (long long)call->created_s);
    jsontext_write_string(out, call->model, strlen(call->model));
    buffer_printf(out, ",\"service_tier\":\"default\",\"system_fingerprint\":\"%s\",\"choices\":[",
                  fingerprint);
}

void completion_write(const struct call *call, const struct said *said, struct reply *reply)
{
    struct buffer *out = &reply->body;
    json_int_t count = choice_count(call);

    reply_begin(reply, 200, "application/json");
    buffer_reserve(out, 800 + (size_t)count * (said->text.length + 200));
    write_head(out, call, "chat.completion");
    for (json_int_t i = 0; i < count; i++) {
        buffer_text(out, i > 0 ? "," : "");
        write_choice(out, call, said, i);
    }
    buffer_byte(out, ']');
    if (said->usage) {
        buffer_text(out, ",\"usage\":");
        completion_write_usage(call, said->tokens * count, out);
    }
    buffer_text(out, "}\n");
}

/* A stream being written. */
struct stream {
    struct buffer *out;
    const struct call *call;
    const struct said *said;
    bool usage; /* stream_options.include_usage */
};

static void begin_chunk(const struct stream *stream, json_int_t index)
{
    buffer_text(stream->out, "data: ");
    write_head(stream->out, stream->call, "chat.completion.chunk");
    buffer_printf(stream->out, "{\"index\":%lld,\"delta\":{", (long long)index);
}

static void end_chunk(const struct stream *stream, bool ended)
{
    buffer_text(stream->out, "},\"logprobs\":null,");
    write_finish(stream->out, stream->said, ended);
    buffer_text(stream->out, stream->usage ? "}],\"usage\":null}\n\n" : "}]}\n\n");
}

static void write_role(const struct stream *stream, json_int_t index)
{
    const char *tool = stream->said->tool;
    bool silent = tool != NULL || stream->said->end == SAID_REFUSAL;

    begin_chunk(stream, index);
    buffer_text(stream->out, "\"role\":\"assistant\",\"content\":");
    buffer_text(stream->out, silent ? "null," : "\"\",");
    if (tool != NULL) {
        buffer_printf(stream->out,
                      "\"tool_calls\":[{\"index\":0,\"id\":\"call_%s\",\"type\":"
                      "\"function\",\"function\":{\"name\":",
                      stream->call->id);
        jsontext_write_string(stream->out, tool, strlen(tool));
        buffer_text(stream->out, ",\"arguments\":\"\"}}],");
    }
    buffer_text(stream->out, "\"refusal\":null");
    end_chunk(stream, false);
}

static void write_delta(const struct stream *stream, json_int_t index, const char *text,
                        size_t length)
{
    bool tool = stream->said->tool != NULL;

    begin_chunk(stream, index);
    buffer_text(stream->out, tool ? "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
                             : stream->said->end == SAID_REFUSAL ? "\"refusal\":"
                                                                 : "\"content\":");
    jsontext_write_string(stream->out, text, length);
    buffer_text(stream->out, tool ? "}}]" : "");
    end_chunk(stream, false);
}

static void write_choice_deltas(const struct stream *stream, json_int_t index)
{
    const struct said *said = stream->said;
    size_t end;

    write_role(stream, index);
    for (size_t from = 0; from < said->text.length; from = end) {
        end = said_next(said, from);
        write_delta(stream, index, said->text.bytes + from, end - from);
    }
    if (said->stream == SAID_WHOLE) {
        begin_chunk(stream, index);
        end_chunk(stream, true);
    }
}

/* An error in the midst of a stream is followed by its end all the same, as vLLM has it. */
static void write_end(const struct stream *stream)
{
    struct buffer *out = stream->out;

    if (stream->said->stream == SAID_ERROR) {
        buffer_printf(out,
                      "data: {\"error\":{\"message\":\"%s\",\"type\":\"server_error\",\"param\":"
                      "null,\"code\":null}}\n\n",
                      said_error);
    } else if (stream->usage && stream->said->usage && stream->said->stream == SAID_WHOLE) {
        buffer_text(out, "data: ");
        write_head(out, stream->call, "chat.completion.chunk");
        buffer_text(out, "],\"usage\":");
        completion_write_usage(stream->call, stream->said->tokens * choice_count(stream->call),
                               out);
        buffer_text(out, "}\n\n");
    }
    buffer_text(out, "data: [DONE]\n\n");
}

/* Azure's first chunk speaks of the prompt only. */
static void write_prompt_filter(struct buffer *out)
{
    buffer_text(out, "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":"
                     "\"\",\"prompt_filter_results\":[{\"prompt_index\":0,"
                     "\"content_filter_results\":{\"hate\":{\"filtered\":false,\"severity\":"
                     "\"safe\"}}}]}\n\n");
}

void completion_write_stream(const struct call *call, const struct said *said, struct reply *reply)
{
    const json_t *options = json_object_get(call->body, "stream_options");
    const struct stream stream = {&reply->body, call, said,
                                  jsontext_get_bool(options, "include_usage", false)};

    reply_begin(reply, 200, "text/event-stream; charset=utf-8");
    reply->streamed = true;
    if (is_azure(call) && said->stream != SAID_EMPTY) {
        write_prompt_filter(&reply->body);
    }
    for (json_int_t i = 0; said->stream != SAID_EMPTY && i < choice_count(call); i++) {
        write_choice_deltas(&stream, i);
    }
    if (said->stream == SAID_CUT) {
        reply->delivery = DELIVERY_WHOLE;
    } else {
        write_end(&stream);
    }
}
