/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server: libmicrohttpd on the libuv loop: listens, reads requests, has them routed, sends answers.
 *
 * Floor: httpd. The library polls its connections through one epoll descriptor, which the loop
 * watches; it runs in no thread of its own, so handlers and callbacks need no locks.
 */
#ifndef HTTPD_SERVER_H
#define HTTPD_SERVER_H

#include "base/error.h"

struct front;
struct server;

/* Starts to listen and to serve. NULL with an error. */
struct server *server_open(struct front *front, struct error *error);

/* Its base URL; the server's. */
const char *server_url(const struct server *server);

/* How many connections are open. */
unsigned server_connections(const struct server *server);

/* Ends all connections, those that wait too, and frees; the loop must run once more afterwards. NULL is
 * allowed. */
void server_close(struct server *server);

#endif
