/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * messages: POST /v1/messages: what requests of Anthropic's Messages API must look like.
 *
 * Floor: mock.
 */
#ifndef MOCK_MESSAGES_H
#define MOCK_MESSAGES_H

#include "mock/call.h"

extern const struct call_kind messages_kind;

#endif
