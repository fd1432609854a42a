/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * completion: a chat completion on the wire, as one JSON object or as a stream of chunks.
 *
 * Floor: mock.
 */
#ifndef MOCK_COMPLETION_H
#define MOCK_COMPLETION_H

#include "mock/call.h"
#include "mock/said.h"

/* OpenAI's finish_reason for an end. */
const char *completion_finish(enum said_end end);

/* Appends usage: of so many tokens of answers. */
void completion_write_usage(const struct call *call, int64_t tokens, struct buffer *out);

/* Makes *reply the whole completion. */
void completion_write(const struct call *call, const struct said *said, struct reply *reply);

/* Makes *reply the stream of its chunks, ended by [DONE]; a cut one has no end. */
void completion_write_stream(const struct call *call, const struct said *said, struct reply *reply);

#endif
