/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openai: OpenAI's Chat Completions, and every server that speaks it: vLLM, llama.cpp, Ollama,
 * Azure, OpenRouter, Mistral, Gemini's compatible endpoint.
 *
 * Floor: provider. Reached through provider_find.
 */
#ifndef PROVIDER_OPENAI_H
#define PROVIDER_OPENAI_H

#include "provider/provider.h"

extern const struct provider provider_openai;

#endif
