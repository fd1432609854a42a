/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * completion: a chat completion on the wire, as one JSON object or as a stream of chunks.
 *
 * Floor: mock.
 */
#ifndef MOCK_COMPLETION_H
#define MOCK_COMPLETION_H

#include <stdint.h>

#include "base/buffer.h"
#include "mock/call.h"

struct completion {
    const struct call *call;
    struct buffer text; /* the answer, or the arguments of the tool call */
    const char *tool;   /* the name of the function that is called, or NULL */
    const char *finish; /* stop, length or tool_calls */
    int64_t tokens;     /* of one choice */
};

/* Cuts the text at the request's stop sequences and token limit, and sets finish and tokens. */
void completion_finish(struct completion *completion);

/* Makes *reply the whole completion. */
void completion_write(const struct completion *completion, struct reply *reply);

/* Makes *reply the stream of its chunks, ended by [DONE]; the fault cut-stream leaves out the end.
 */
void completion_write_stream(const struct completion *completion, struct reply *reply);

#endif
