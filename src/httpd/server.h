/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server: libmicrohttpd on the libuv loop: listens, reads requests, has them judged and routed,
 * sends answers.
 *
 * Floor: httpd. The library polls its connections through one epoll descriptor, which the loop
 * watches; it runs in no thread of its own, so handlers and callbacks need no locks.
 */
#ifndef HTTPD_SERVER_H
#define HTTPD_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct front;
struct server;

/* Starts to listen and to serve; on the socket that systemd passed, if it did. NULL with an error.
 */
struct server *server_open(struct front *front, struct error *error);

/* Its base URL; the server's. */
const char *server_url(const struct server *server);

/* The library has work that nothing else tells it of: a connection that slept goes on, or there is
 * room for another one. */
void server_stir(struct server *server);

/* Whether only this machine can reach it. */
bool server_is_local(const struct server *server);

/* How many requests have begun and not ended. */
size_t server_requests(const struct server *server);

/* Listens no more; streams end, and who waits is told. */
void server_drain(struct server *server);

/* Ends all connections, those that wait too, and frees; the loop must run once more afterwards.
 * NULL is allowed. */
void server_close(struct server *server);

#endif
