/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message: an answer of Anthropic's Messages API on the wire, as one JSON object or as a stream of
 * events.
 *
 * Floor: mock.
 */
#ifndef MOCK_MESSAGE_H
#define MOCK_MESSAGE_H

#include "mock/call.h"
#include "mock/said.h"

/* Makes *reply the whole message. */
void message_write(const struct call *call, const struct said *said, struct reply *reply);

/* Makes *reply the stream of its events, ended by message_stop. */
void message_write_stream(const struct call *call, const struct said *said, struct reply *reply);

#endif
