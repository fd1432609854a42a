/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * said: what the model says to a request, before any protocol puts it on the wire: its text or its
 * call of a tool, why it ended there, and what a fault does to it.
 *
 * Floor: mock.
 */
#ifndef MOCK_SAID_H
#define MOCK_SAID_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "mock/answer.h"
#include "mock/call.h"

enum said_end {
    SAID_STOP,     /* all was said */
    SAID_SEQUENCE, /* a stop sequence came up */
    SAID_LENGTH,   /* no more tokens were allowed */
    SAID_TOOL,     /* a tool is called */
    SAID_FILTER,   /* a filter of contents stopped it */
    SAID_REFUSAL,  /* the model does not want to */
    SAID_ENDS
};

/* How a stream ends. */
enum said_stream {
    SAID_WHOLE,
    SAID_CUT,   /* without its end */
    SAID_ERROR, /* with an error in place of the rest */
    SAID_EMPTY, /* with nothing but its end */
};

/* What a request asks of the answer. */
struct said_wish {
    struct answer_prompt prompt;
    const char *tool;         /* the tool that must be called, or NULL */
    const json_t *parameters; /* its schema, or NULL */
    const json_t *stops;      /* a stop sequence, or a list of them, or NULL */
    int64_t limit;            /* tokens; 0: any number */
};

struct said {
    struct buffer text;   /* the answer, the arguments of the tool call, or the refusal */
    const char *tool;     /* the name of the tool that is called, or NULL */
    const char *sequence; /* where it stopped: the request's; NULL */
    enum said_end end;
    int64_t tokens;
    bool usage;  /* is told */
    bool finish; /* why it ended is told */
    enum said_stream stream;
};

/* What the error in a stream says. */
extern const char said_error[];

/* The prompt of a call: its system text and question. */
struct answer_prompt said_prompt(const struct call *call);

/* Makes *said, which said_free frees. */
void said_make(const struct call *call, const struct said_wish *wish, struct said *said);
void said_free(struct said *said);

/* The text, never NULL. */
const char *said_text(const struct said *said);

/* Where the piece of a stream that begins at from ends. */
size_t said_next(const struct said *said, size_t from);

#endif
