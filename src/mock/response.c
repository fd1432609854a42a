/* SPDX-License-Identifier: GPL-2.0-or-later */
/* response: writing the object, its items, and events in their order. */
#include "mock/response.h"

#include <string.h>

#include "base/jsontext.h"

enum state { IN_PROGRESS, COMPLETED, INCOMPLETE, FAILED };

static const char *const state_names[] = {"in_progress", "completed", "incomplete", "failed"};

/* What a call ends with. */
static enum state end_state(const struct call *call, const struct said *said)
{
    if (call->fault == FAULT_ERROR200) {
        return FAILED;
    }
    return said->end == SAID_LENGTH || said->end == SAID_FILTER ? INCOMPLETE : COMPLETED;
}

/* Appends ,"name": and the body's own value of that name, or the default. */
static void write_own(struct buffer *out, const struct call *call, const char *name,
                      const char *otherwise)
{
    const json_t *value = json_object_get(call->body, name);

    buffer_printf(out, ",\"%s\":", name);
    if (value != NULL && !json_is_null(value)) {
        jsontext_write(out, value);
    } else {
        buffer_text(out, otherwise);
    }
}

static void write_usage(struct buffer *out, const struct call *call, const struct said *said)
{
    long long input = call->prompt_tokens, output = said->tokens;

    buffer_printf(out,
                  "{\"input_tokens\":%lld,\"input_tokens_details\":{\"cached_tokens\":%lld},"
                  "\"output_tokens\":%lld,\"output_tokens_details\":{\"reasoning_tokens\":0},"
                  "\"total_tokens\":%lld}",
                  input, (long long)call->marker.cached, output, input + output);
}

/* The part of a message that has this text. */
static void write_part(struct buffer *out, const struct said *said, const char *text, size_t length)
{
    bool refused = said->end == SAID_REFUSAL;

    buffer_text(out, refused ? "{\"type\":\"refusal\",\"refusal\":"
                             : "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],"
                               "\"text\":");
    jsontext_write_string(out, text, length);
    buffer_byte(out, '}');
}

/* The one item of the output, finished or just begun. */
static void write_item(struct buffer *out, const struct call *call, const struct said *said,
                       bool finished)
{
    const char *status = !finished                             ? state_names[IN_PROGRESS]
                         : end_state(call, said) == INCOMPLETE ? state_names[INCOMPLETE]
                                                               : state_names[COMPLETED];

    if (said->tool != NULL) {
        buffer_printf(out,
                      "{\"id\":\"fc_%s\",\"type\":\"function_call\",\"status\":\"%s\",\"call_id\":"
                      "\"call_%s\",\"name\":",
                      call->id, status, call->id);
        jsontext_write_string(out, said->tool, strlen(said->tool));
        buffer_text(out, ",\"arguments\":");
        jsontext_write_string(out, said_text(said), finished ? said->text.length : 0);
        buffer_byte(out, '}');
        return;
    }
    buffer_printf(out,
                  "{\"id\":\"msg_%s\",\"type\":\"message\",\"status\":\"%s\",\"role\":"
                  "\"assistant\",\"content\":[",
                  call->id, status);
    if (finished) {
        write_part(out, said, said_text(said), said->text.length);
    }
    buffer_text(out, "]}");
}

/* error and incomplete_details. */
static void write_reasons(struct buffer *out, const struct said *said, enum state state)
{
    if (state == FAILED) {
        buffer_printf(out, ",\"error\":{\"code\":\"server_error\",\"message\":\"%s\"}", said_error);
    } else {
        buffer_text(out, ",\"error\":null");
    }
    if (state == INCOMPLETE) {
        buffer_printf(out, ",\"incomplete_details\":{\"reason\":\"%s\"}",
                      said->end == SAID_FILTER ? "content_filter" : "max_output_tokens");
    } else {
        buffer_text(out, ",\"incomplete_details\":null");
    }
}

/* What the request said, told back. */
static void write_request(struct buffer *out, const struct call *call)
{
    static const struct {
        const char *name;
        const char *otherwise;
    } members[] = {
        {"instructions", "null"},
        {"max_output_tokens", "null"},
        {"parallel_tool_calls", "true"},
        {"previous_response_id", "null"},
        {"reasoning", "{\"effort\":null,\"summary\":null}"},
        {"store", "true"},
        {"temperature", "1"},
        {"text", "{\"format\":{\"type\":\"text\"}}"},
        {"tool_choice", "\"auto\""},
        {"tools", "[]"},
        {"top_p", "1"},
        {"truncation", "\"disabled\""},
        {"metadata", "{}"},
    };

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        write_own(out, call, members[i].name, members[i].otherwise);
    }
}

static void write_response(struct buffer *out, const struct call *call, const struct said *said,
                           enum state state)
{
    bool ended = state != IN_PROGRESS;

    buffer_printf(out, "{\"id\":\"resp_%s\",\"object\":\"response\",\"created_at\":%lld,", call->id,
                  (long long)call->created_s);
    buffer_printf(out, "\"status\":\"%s\",\"background\":false,\"model\":",
                  said->finish ? state_names[state] : state_names[IN_PROGRESS]);
    jsontext_write_string(out, call->model, strlen(call->model));
    write_reasons(out, said, state);
    write_request(out, call);
    buffer_text(out, ",\"service_tier\":\"default\",\"output\":[");
    if (ended && state != FAILED) {
        write_item(out, call, said, true);
    }
    buffer_text(out, "],\"usage\":");
    if (ended && state != FAILED && said->usage) {
        write_usage(out, call, said);
    } else {
        buffer_text(out, "null");
    }
    buffer_byte(out, '}');
}

void response_write(const struct call *call, const struct said *said, struct reply *reply)
{
    reply_begin(reply, 200, "application/json");
    buffer_reserve(&reply->body, 1200 + said->text.length);
    write_response(&reply->body, call, said, end_state(call, said));
    buffer_byte(&reply->body, '\n');
}

/* A stream being written. */
struct stream {
    struct buffer *out;
    const struct call *call;
    const struct said *said;
    unsigned number; /* of the next event */
};

/* Events begin with their type and number, and end with } and an empty line. */
static void begin_event(struct stream *stream, const char *type)
{
    buffer_printf(stream->out, "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%u", type,
                  type, stream->number++);
}

static void end_event(const struct stream *stream)
{
    buffer_text(stream->out, "}\n\n");
}

static void write_state(struct stream *stream, const char *type, enum state state)
{
    begin_event(stream, type);
    buffer_text(stream->out, ",\"response\":");
    write_response(stream->out, stream->call, stream->said, state);
    end_event(stream);
}

/* An event about the item as a whole. */
static void write_item_event(struct stream *stream, const char *type, bool finished)
{
    begin_event(stream, type);
    buffer_text(stream->out, ",\"output_index\":0,\"item\":");
    write_item(stream->out, stream->call, stream->said, finished);
    end_event(stream);
}

/* Begins an event about what is in the item. */
static void begin_inner(struct stream *stream, const char *type)
{
    bool tool = stream->said->tool != NULL;

    begin_event(stream, type);
    buffer_printf(stream->out, ",\"item_id\":\"%s_%s\",\"output_index\":0%s", tool ? "fc" : "msg",
                  stream->call->id, tool ? "" : ",\"content_index\":0");
}

static void write_part_event(struct stream *stream, const char *type, size_t length)
{
    begin_inner(stream, type);
    buffer_text(stream->out, ",\"part\":");
    write_part(stream->out, stream->said, said_text(stream->said), length);
    end_event(stream);
}

static void write_text_event(struct stream *stream, const char *type, const char *name,
                             const char *text, size_t length)
{
    begin_inner(stream, type);
    buffer_printf(stream->out, ",\"%s\":", name);
    jsontext_write_string(stream->out, text, length);
    if (stream->said->tool == NULL && stream->said->end != SAID_REFUSAL) {
        buffer_text(stream->out, ",\"logprobs\":[]");
    }
    end_event(stream);
}

/* The names of what an item's content comes in. */
struct names {
    const char *delta;
    const char *done;
    const char *whole; /* the member of `done` that has all */
};

static const struct names *find_names(const struct said *said)
{
    static const struct names text = {"response.output_text.delta", "response.output_text.done",
                                      "text"};
    static const struct names refusal = {"response.refusal.delta", "response.refusal.done",
                                         "refusal"};
    static const struct names tool = {"response.function_call_arguments.delta",
                                      "response.function_call_arguments.done", "arguments"};

    return said->tool != NULL ? &tool : said->end == SAID_REFUSAL ? &refusal : &text;
}

static void write_deltas(struct stream *stream)
{
    const struct said *said = stream->said;
    size_t end;

    for (size_t from = 0; from < said->text.length; from = end) {
        end = said_next(said, from);
        write_text_event(stream, find_names(said)->delta, "delta", said->text.bytes + from,
                         end - from);
    }
}

/* The item from its beginning up to its last delta, and the rest of it. */
static void begin_item(struct stream *stream)
{
    write_item_event(stream, "response.output_item.added", false);
    if (stream->said->tool == NULL) {
        write_part_event(stream, "response.content_part.added", 0);
    }
    write_deltas(stream);
}

static void end_item(struct stream *stream)
{
    const struct said *said = stream->said;
    const struct names *names = find_names(said);

    write_text_event(stream, names->done, names->whole, said_text(said), said->text.length);
    if (said->tool == NULL) {
        write_part_event(stream, "response.content_part.done", said->text.length);
    }
    write_item_event(stream, "response.output_item.done", true);
}

static void write_error(struct stream *stream)
{
    begin_event(stream, "error");
    buffer_printf(stream->out, ",\"code\":\"server_error\",\"message\":\"%s\",\"param\":null",
                  said_error);
    end_event(stream);
}

static void write_terminal(struct stream *stream)
{
    static const char *const types[] = {[COMPLETED] = "response.completed",
                                        [INCOMPLETE] = "response.incomplete",
                                        [FAILED] = "response.failed"};
    enum state state = end_state(stream->call, stream->said);

    if (stream->said->finish) {
        write_state(stream, types[state], state);
    }
}

void response_write_stream(const struct call *call, const struct said *said, struct reply *reply)
{
    struct stream stream = {&reply->body, call, said, 0};

    reply_begin(reply, 200, "text/event-stream; charset=utf-8");
    reply->streamed = true;
    reply->delivery = said->stream == SAID_CUT ? DELIVERY_WHOLE : reply->delivery;
    if (said->stream == SAID_EMPTY) {
        return;
    }
    write_state(&stream, "response.created", IN_PROGRESS);
    write_state(&stream, "response.in_progress", IN_PROGRESS);
    if (end_state(call, said) == FAILED) {
        write_terminal(&stream);
        return;
    }
    begin_item(&stream);
    if (said->stream == SAID_ERROR) {
        write_error(&stream);
    } else if (said->stream == SAID_WHOLE) {
        end_item(&stream);
        write_terminal(&stream);
    }
}
