/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openai_embed: OpenAI's embeddings: a vector for each input.
 *
 * Floor: provider. Reached through provider_find.
 *
 * Vectors are asked for in base64, which is a third of their size in decimal, unless the job's
 * params name an encoding_format; what comes is taken in either form. A component in base64 is a
 * float: it is written with the fewest digits that read back as the same float (0.1, and not
 * 0.10000000149011612).
 */
#ifndef PROVIDER_OPENAI_EMBED_H
#define PROVIDER_OPENAI_EMBED_H

#include "provider/provider.h"

extern const struct provider provider_openai_embed;

/* The double that prints with the fewest digits of those that are this float when rounded to one;
 * outside of 1e-14 to 1e14, where that is too much work for what vectors never have, the float
 * itself. */
double openai_embed_shortest(float number);

#endif
