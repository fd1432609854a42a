/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chat_params: params that were written for OpenAI's Responses, by the names of Chat Completions.
 *
 * Floor: provider. For protocols that do not know Responses' names: max_output_tokens, text, and tools and
 * tool_choice that lie flat. openai_responses has the way back.
 */
#ifndef PROVIDER_CHAT_PARAMS_H
#define PROVIDER_CHAT_PARAMS_H

#include <jansson.h>

/* A new reference: params themselves where they have none of these, else a copy in which what Chat Completions
 * name otherwise is so named; what is said by both names is taken by Chat Completions' own. NULL gives NULL. */
json_t *chat_params(json_t *params);

#endif
