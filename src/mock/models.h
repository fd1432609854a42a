/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * models: GET /v1/models and GET /v1/models/ID.
 *
 * Floor: mock.
 */
#ifndef MOCK_MODELS_H
#define MOCK_MODELS_H

#include "mock/exchange.h"

/* Sets the reply: all models, or the one that the path names. */
void models_serve(struct exchange *exchange);

#endif
