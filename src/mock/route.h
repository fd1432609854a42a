/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route: from method and path to the function that serves them.
 *
 * Floor: mock.
 */
#ifndef MOCK_ROUTE_H
#define MOCK_ROUTE_H

#include "mock/exchange.h"

/* Serves an exchange whose body was read: sets its reply and delay_ms. */
void route_serve(struct exchange *exchange);

#endif
