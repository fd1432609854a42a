/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * response: an answer of the Responses API on the wire, as one JSON object or as a stream of
 * events.
 *
 * Floor: mock.
 */
#ifndef MOCK_RESPONSE_H
#define MOCK_RESPONSE_H

#include "mock/call.h"
#include "mock/said.h"

/* Makes *reply the whole response. */
void response_write(const struct call *call, const struct said *said, struct reply *reply);

/* Makes *reply the stream of its events, the last of which has the whole response. */
void response_write_stream(const struct call *call, const struct said *said, struct reply *reply);

#endif
