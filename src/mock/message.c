/* SPDX-License-Identifier: GPL-2.0-or-later */
/* message: writing the object and the events. */
#include "mock/message.h"

#include <string.h>

#include "base/jsontext.h"

static const char *stop_reason(enum said_end end)
{
    static const char *const reasons[SAID_ENDS] = {
        [SAID_STOP] = "end_turn", [SAID_SEQUENCE] = "stop_sequence", [SAID_LENGTH] = "max_tokens",
        [SAID_TOOL] = "tool_use", [SAID_FILTER] = "refusal",         [SAID_REFUSAL] = "refusal",
    };

    return reasons[end];
}

/* Appends "stop_reason":…,"stop_sequence":… */
static void write_stop(struct buffer *out, const struct said *said)
{
    if (said->finish) {
        buffer_printf(out, "\"stop_reason\":\"%s\",\"stop_sequence\":", stop_reason(said->end));
    } else {
        buffer_text(out, "\"stop_reason\":null,\"stop_sequence\":");
    }
    if (said->sequence != NULL) {
        jsontext_write_string(out, said->sequence, strlen(said->sequence));
    } else {
        buffer_text(out, "null");
    }
}

/* The tokens of the input are told without those that came out of the cache. */
static void write_usage(struct buffer *out, const struct call *call, int64_t output)
{
    long long cached = call->marker.cached;
    long long input = call->prompt_tokens - cached;

    buffer_printf(out,
                  "{\"input_tokens\":%lld,\"cache_creation_input_tokens\":0,"
                  "\"cache_read_input_tokens\":%lld,\"cache_creation\":"
                  "{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},"
                  "\"output_tokens\":%lld,\"service_tier\":\"standard\"}",
                  input > 0 ? input : 0, cached, (long long)output);
}

static void write_head(struct buffer *out, const struct call *call)
{
    buffer_printf(
        out, "{\"id\":\"msg_%s\",\"type\":\"message\",\"role\":\"assistant\",\"model\":", call->id);
    jsontext_write_string(out, call->model, strlen(call->model));
    buffer_text(out, ",\"content\":[");
}

/* A tool's input is a value, not the text of one; what is no JSON goes out as the text that it is.
 */
static void write_input(struct buffer *out, const struct said *said)
{
    struct error error = {.kind = ERROR_NONE};
    json_t *input = jsontext_read_lenient(said_text(said), said->text.length, &error);

    if (input != NULL) {
        buffer_append(out, said_text(said), said->text.length);
    } else {
        jsontext_write_string(out, said_text(said), said->text.length);
    }
    json_decref(input);
}

static void write_block(struct buffer *out, const struct call *call, const struct said *said)
{
    if (said->tool != NULL) {
        buffer_printf(out, "{\"type\":\"tool_use\",\"id\":\"toolu_%s\",\"name\":", call->id);
        jsontext_write_string(out, said->tool, strlen(said->tool));
        buffer_text(out, ",\"input\":");
        write_input(out, said);
    } else {
        buffer_text(out, "{\"type\":\"text\",\"text\":");
        jsontext_write_string(out, said_text(said), said->text.length);
    }
    buffer_byte(out, '}');
}

/* Why it was refused, where it was. */
static const char *stop_details(const struct said *said)
{
    return said->end == SAID_REFUSAL || said->end == SAID_FILTER
               ? ",\"stop_details\":{\"type\":\"refusal\",\"category\":null,\"explanation\":null}"
               : ",\"stop_details\":null";
}

void message_write(const struct call *call, const struct said *said, struct reply *reply)
{
    struct buffer *out = &reply->body;

    reply_begin(reply, 200, "application/json");
    buffer_reserve(out, 600 + said->text.length);
    write_head(out, call);
    write_block(out, call, said);
    buffer_text(out, "],");
    write_stop(out, said);
    buffer_text(out, stop_details(said));
    if (said->usage) {
        buffer_text(out, ",\"usage\":");
        write_usage(out, call, said->tokens);
    }
    buffer_text(out, "}\n");
}

/* Each event is named, and says its name again in its data. */
static void begin_event(struct buffer *out, const char *type)
{
    buffer_printf(out, "event: %s\ndata: {\"type\":\"%s\"", type, type);
}

static void end_event(struct buffer *out)
{
    buffer_text(out, "}\n\n");
}

static void write_start(struct buffer *out, const struct call *call, const struct said *said)
{
    begin_event(out, "message_start");
    buffer_text(out, ",\"message\":");
    write_head(out, call);
    buffer_text(out, "],\"stop_reason\":null,\"stop_sequence\":null");
    if (said->usage) {
        buffer_text(out, ",\"usage\":");
        write_usage(out, call, 1);
    }
    buffer_byte(out, '}');
    end_event(out);
}

static void write_block_start(struct buffer *out, const struct call *call, const struct said *said)
{
    begin_event(out, "content_block_start");
    if (said->tool != NULL) {
        buffer_printf(out,
                      ",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_%s\","
                      "\"name\":",
                      call->id);
        jsontext_write_string(out, said->tool, strlen(said->tool));
        buffer_text(out, ",\"input\":{}}");
    } else {
        buffer_text(out, ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}");
    }
    end_event(out);
}

static void write_delta(struct buffer *out, const struct said *said, size_t from, size_t end)
{
    begin_event(out, "content_block_delta");
    buffer_text(out, said->tool != NULL
                         ? ",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":"
                         : ",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":");
    jsontext_write_string(out, said_text(said) + from, end - from);
    buffer_byte(out, '}');
    end_event(out);
}

static void write_ping(struct buffer *out)
{
    begin_event(out, "ping");
    end_event(out);
}

static void write_content(struct buffer *out, const struct call *call, const struct said *said)
{
    size_t end;

    write_start(out, call, said);
    write_block_start(out, call, said);
    write_ping(out);
    for (size_t from = 0; from < said->text.length; from = end) {
        end = said_next(said, from);
        write_delta(out, said, from, end);
    }
}

static void write_end(struct buffer *out, const struct said *said)
{
    begin_event(out, "content_block_stop");
    buffer_text(out, ",\"index\":0");
    end_event(out);
    begin_event(out, "message_delta");
    buffer_text(out, ",\"delta\":{");
    write_stop(out, said);
    buffer_text(out, stop_details(said));
    buffer_byte(out, '}');
    if (said->usage) {
        buffer_printf(out, ",\"usage\":{\"output_tokens\":%lld}", (long long)said->tokens);
    }
    end_event(out);
}

static void write_error(struct buffer *out)
{
    begin_event(out, "error");
    buffer_text(out, ",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}");
    end_event(out);
}

void message_write_stream(const struct call *call, const struct said *said, struct reply *reply)
{
    struct buffer *out = &reply->body;

    reply_begin(reply, 200, "text/event-stream; charset=utf-8");
    reply->streamed = true;
    if (said->stream != SAID_EMPTY) {
        write_content(out, call, said);
    }
    if (said->stream == SAID_CUT) {
        reply->delivery = DELIVERY_WHOLE;
    } else if (said->stream == SAID_ERROR) {
        write_error(out);
    } else {
        if (said->stream == SAID_WHOLE) {
            write_end(out, said);
        }
        begin_event(out, "message_stop");
        end_event(out);
    }
}
