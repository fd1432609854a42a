/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * anthropic: Anthropic's Messages. A job is written in the terms of Chat Completions or, where
 * those have no word for it, in Messages' own; what one has and the other cannot say is an error,
 * not left out.
 *
 * Floor: provider. Reached through provider_find. Requests are in anthropic.c, their messages in
 * anthropic_messages.c, their params in anthropic_params.c, answers in anthropic_answer.c, streams
 * in anthropic_stream.c, errors in errors_anthropic.c.
 */
#ifndef PROVIDER_ANTHROPIC_H
#define PROVIDER_ANTHROPIC_H

#include <jansson.h>

#include "base/error.h"
#include "provider/fold.h"
#include "provider/provider.h"

extern const struct provider provider_anthropic;

/* Says what of a job Messages have no form for. Returns -1. */
int anthropic_cannot(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds the messages of a conversation in the form of Chat Completions to an array of Messages';
 * what system and developer say goes to system, an array of text blocks. Returns 0, or -1 with an
 * error.
 */
int anthropic_add_messages(const json_t *conversation, json_t *messages, json_t *system,
                           struct error *error);

/* Adds the params of a job to a request, but for the bound of tokens. Returns 0, or -1 with an
 * error.
 */
int anthropic_add_params(json_t *params, json_t *body, struct error *error);

/* As struct provider's read. */
struct verdict anthropic_read(const struct job *job, const struct provider_reply *reply,
                              struct wall now, struct answer *answer);

extern const struct stream_kind anthropic_stream;

#endif
