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
#include "provider/fold.h"
#include "provider/provider.h"

extern const struct provider provider_openai;

/* What the errors of OpenAI's protocols mean, whatever the type of jobs. */
extern const struct error_rule openai_errors[];

/* As struct provider's read. */
struct verdict openai_chat_read(const struct job *job, const struct provider_reply *reply,
                                struct wall now, struct answer *answer);

extern const struct stream_kind openai_chat_stream;

#endif
