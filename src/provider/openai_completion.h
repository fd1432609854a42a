/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openai_completion: OpenAI's text completions, for base models: what comes after a prompt.
 *
 * Floor: provider. Reached through provider_find.
 */
#ifndef PROVIDER_OPENAI_COMPLETION_H
#define PROVIDER_OPENAI_COMPLETION_H

#include "provider/provider.h"

extern const struct provider provider_openai_completion;

#endif
