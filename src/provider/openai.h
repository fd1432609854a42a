/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openai: OpenAI's Chat Completions, and every server that speaks it: vLLM, llama.cpp, Ollama,
 * Azure, OpenRouter, Mistral, Gemini's compatible endpoint.
 *
 * Floor: provider. Reached through provider_find. Requests are in openai.c, answers in
 * openai_answer.c, streams in openai_stream.c, errors in errors_openai.c.
 */
#ifndef PROVIDER_OPENAI_H
#define PROVIDER_OPENAI_H

#include "provider/classify.h"
#include "provider/flaw.h"
#include "provider/fold.h"
#include "provider/provider.h"

extern const struct provider provider_openai;

/* What the errors of OpenAI's protocols mean, whatever the type of jobs. */
extern const struct error_rule openai_errors[];

/* As struct provider's read. */
struct verdict openai_chat_read(const struct job *job, const struct provider_reply *reply,
                                struct wall now, struct answer *answer);

extern const struct stream_kind openai_chat_stream;

/* As flaw_reader: reads the choices of a chat completion. */
enum flaw openai_read_choices(const struct job *job, json_t *document, struct answer *answer);

/* Passes a job's params on, but for what is said elsewhere in a request: model, messages, stream
 * and the bound of tokens. */
void openai_add_params(json_t *body, json_t *params);

/* Asks for a stream that tells its usage. */
void openai_add_stream(json_t *body);

#endif
