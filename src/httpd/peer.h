/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer: who is at the other end of a connection, as far as limits go.
 *
 * Floor: httpd.
 */
#ifndef HTTPD_PEER_H
#define HTTPD_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

enum { PEER_KEY_SIZE = 17, PEER_TEXT_SIZE = INET6_ADDRSTRLEN };

/* What is counted as one: an IPv4 address, mapped into IPv6 or not, or the /64 of an IPv6 address,
 * which is the least that one customer is given. Plain bytes, the last of which is 0. */
struct peer {
    unsigned char key[PEER_KEY_SIZE];
    bool loopback;
};

/* From what accept(2) told. */
void peer_read(struct peer *peer, const struct sockaddr *address);

/* The address as text, without a port. */
void peer_text(const struct sockaddr *address, char out[PEER_TEXT_SIZE]);

#endif
