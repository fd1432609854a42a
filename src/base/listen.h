/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listen: HOST:PORT as text, and a listening socket there.
 *
 * Floor: base.
 */
#ifndef BASE_LISTEN_H
#define BASE_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/error.h"

enum { LISTEN_URL_SIZE = 80 };

/* Whether it is on the loopback interface: 127.0.0.0/8, ::1, or the former mapped into IPv6. */
bool listen_is_loopback(const struct sockaddr *address);

/* Whether only this machine can reach a socket. */
bool listen_is_local(int fd);

/* Takes a listening socket that somebody else opened, such as systemd, in the place of one of our own: it
 * is made non-blocking, and the rest is as with listen_open. Returns 0, or -1 with *error. */
int listen_adopt(int fd, bool remote, char url[LISTEN_URL_SIZE], struct error *error);

/* Opens a listening socket, not blocking, at HOST:PORT, HOST being localhost, an IPv4 address or an
 * IPv6 address in brackets, PORT 0 for any that is free. Any but a loopback address is refused
 * unless remote. Writes http://HOST:PORT with the real port into url. Returns the socket, or -1
 * with *error. */
int listen_open(const char *text, bool remote, char url[LISTEN_URL_SIZE], struct error *error);

#endif
