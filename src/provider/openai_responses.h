/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openai_responses: OpenAI's Responses.
 *
 * Floor: provider. Reached through provider_find. Jobs are written as for Chat Completions and
 * translated; so are tool calls on the way back. Requests are in openai_responses.c, answers in
 * openai_responses_answer.c, streams in openai_responses_stream.c, errors in errors_openai.c.
 */
#ifndef PROVIDER_OPENAI_RESPONSES_H
#define PROVIDER_OPENAI_RESPONSES_H

#include "provider/fold.h"
#include "provider/provider.h"

extern const struct provider provider_openai_responses;

/* As struct provider's read. */
struct verdict openai_responses_read(const struct job *job, const struct provider_reply *reply,
                                     struct wall now, struct answer *answer);

extern const struct stream_kind openai_responses_stream;

#endif
