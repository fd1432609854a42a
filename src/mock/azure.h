/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * azure: /openai/deployments/NAME/...: calls whose path names the model, as Azure has them.
 *
 * Floor: mock.
 */
#ifndef MOCK_AZURE_H
#define MOCK_AZURE_H

#include "mock/exchange.h"

/* Serves what is posted below /openai/deployments/. */
void azure_serve(struct exchange *exchange);

#endif
