/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * responses: POST /v1/responses: what its requests must look like.
 *
 * Floor: mock.
 */
#ifndef MOCK_RESPONSES_H
#define MOCK_RESPONSES_H

#include "mock/call.h"

extern const struct call_kind responses_kind;

#endif
