/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * legacy: POST /v1/completions: texts that go on where prompts end, as OpenAI had it before chats.
 *
 * Floor: mock.
 */
#ifndef MOCK_LEGACY_H
#define MOCK_LEGACY_H

#include "mock/call.h"

extern const struct call_kind legacy_kind;

#endif
