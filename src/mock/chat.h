/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chat: POST /v1/chat/completions: what its requests must look like, and their answers.
 *
 * Floor: mock.
 */
#ifndef MOCK_CHAT_H
#define MOCK_CHAT_H

#include "mock/call.h"

extern const struct call_kind chat_kind;

#endif
