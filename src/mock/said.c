/* SPDX-License-Identifier: GPL-2.0-or-later */
/* said: making, cutting, spoiling. */
#include "mock/said.h"

#include <string.h>

#include "base/jsontext.h"

enum { PIECE_BYTES = 24 };

const char said_error[] = "The server had an error while processing your request.";

struct answer_prompt said_prompt(const struct call *call)
{
    return (struct answer_prompt){
        .system = call->system.bytes != NULL ? call->system.bytes : "",
        .question = call->question.bytes != NULL ? call->question.bytes : "",
        .echo = call->settings->echo,
    };
}

const char *said_text(const struct said *said)
{
    return said->text.bytes != NULL ? said->text.bytes : "";
}

static void cut_at(struct said *said, size_t length)
{
    if (length < said->text.length) {
        said->text.length = length;
        said->text.bytes[length] = '\0';
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

static void cut_in_half(struct said *said)
{
    cut_at(said, cut_position(&said->text, said->text.length / 2));
}

static void cut_at_stop(struct said *said, const json_t *stop)
{
    const char *sequence = json_string_value(stop);
    const char *found = NULL;

    if (sequence != NULL && *sequence != '\0') {
        found = strstr(said_text(said), sequence);
    }
    if (found != NULL) {
        cut_at(said, (size_t)(found - said_text(said)));
        said->sequence = sequence;
        said->end = SAID_SEQUENCE;
    }
}

static void cut(struct said *said, const struct said_wish *wish)
{
    if (said->tool == NULL) {
        cut_at_stop(said, wish->stops);
        for (size_t i = 0; i < json_array_size(wish->stops); i++) {
            cut_at_stop(said, json_array_get(wish->stops, i));
        }
    }
    if (wish->limit > 0 && call_tokens(said->text.length) > wish->limit) {
        cut_at(said, cut_position(&said->text, (size_t)wish->limit * 4));
        said->end = SAID_LENGTH;
        said->sequence = NULL;
    }
}

/* JSON that no schema for an object with required members lets pass; for other schemas a value of
 * another type. */
static void write_misfit(const struct said_wish *wish, struct buffer *out)
{
    const json_t *schema = wish->prompt.schema;

    if (json_array_size(json_object_get(schema, "required")) > 0 ||
        strcmp(jsontext_get_text(schema, "type", "object"), "array") == 0) {
        buffer_text(out, "{\"unexpected\":true}");
    } else {
        buffer_text(out, "[\"unexpected\"]");
    }
}

/* Whether the fault decides what is said; says it if so. */
static bool say_fault(const struct call *call, const struct said_wish *wish, struct said *said)
{
    switch (call->fault) {
    case FAULT_REFUSAL:
        buffer_text(&said->text, "I'm sorry, but I can't help with that.");
        said->end = SAID_REFUSAL;
        return true;
    case FAULT_NOT_JSON:
        buffer_text(&said->text, "Sure! Here is what you asked for: ");
        buffer_text(&said->text, wish->prompt.question);
        return true;
    case FAULT_WRONG_SCHEMA:
        write_misfit(wish, &said->text);
        return true;
    case FAULT_TOOL_GARBAGE:
        said->tool = wish->tool != NULL ? wish->tool : "lookup";
        said->end = SAID_TOOL;
        buffer_text(&said->text, "{\"query\": \"unfinished, {]");
        return true;
    default:
        return false;
    }
}

static void say(const struct said_wish *wish, struct said *said)
{
    if (wish->tool != NULL) {
        said->tool = wish->tool;
        said->end = SAID_TOOL;
        answer_arguments(&wish->prompt, wish->parameters, &said->text);
    } else {
        answer_write(&wish->prompt, &said->text);
    }
    cut(said, wish);
}

/* What faults do to a good answer. */
static void spoil(const struct call *call, struct said *said)
{
    static const enum said_stream streams[FAULT_COUNT] = {
        [FAULT_CUT_STREAM] = SAID_CUT,
        [FAULT_ERROR_EVENT] = SAID_ERROR,
        [FAULT_EMPTY_STREAM] = SAID_EMPTY,
    };

    said->stream = streams[call->fault];
    said->usage = call->fault != FAULT_NO_USAGE;
    said->finish = call->fault != FAULT_NO_FINISH;
    if (call->fault == FAULT_TRUNCATED) {
        said->end = SAID_LENGTH;
    } else if (call->fault == FAULT_CONTENT_FILTER) {
        said->end = SAID_FILTER;
    } else if (call->fault != FAULT_ERROR_EVENT) {
        return;
    }
    said->sequence = NULL;
    cut_in_half(said);
}

void said_make(const struct call *call, const struct said_wish *wish, struct said *said)
{
    *said = (struct said){.end = SAID_STOP};
    if (!say_fault(call, wish, said)) {
        say(wish, said);
    }
    spoil(call, said);
    said->tokens = call_tokens(said->text.length);
}

void said_free(struct said *said)
{
    buffer_free(&said->text);
}

/* After a blank, or when it is long enough. */
size_t said_next(const struct said *said, size_t from)
{
    const struct buffer *text = &said->text;
    size_t most = from + PIECE_BYTES < text->length ? from + PIECE_BYTES : text->length;

    for (size_t i = from; i < most; i++) {
        if (text->bytes[i] == ' ') {
            return i + 1;
        }
    }
    return cut_position(text, most);
}
