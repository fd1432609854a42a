/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * delivery: puts an exchange's reply on the wire, whole or spoiled as its delivery says.
 *
 * Floor: mock.
 */
#ifndef MOCK_DELIVERY_H
#define MOCK_DELIVERY_H

#include <microhttpd.h>

#include "mock/exchange.h"

/* Hands the reply to the library, or breaks the connection. The result is what the library's access
 * handler returns: MHD_NO closes the connection without another byte. */
enum MHD_Result delivery_send(struct exchange *exchange);

/* The exchange's socket, or -1. */
int delivery_socket(const struct exchange *exchange);

#endif
