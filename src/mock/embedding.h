/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * embedding: POST /v1/embeddings: unit vectors made of the words of the input, so that texts with
 * common words are near each other.
 *
 * Floor: mock.
 */
#ifndef MOCK_EMBEDDING_H
#define MOCK_EMBEDDING_H

#include "mock/call.h"

extern const struct call_kind embedding_kind;

#endif
