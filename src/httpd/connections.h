/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * connections: who is connected, how many of one address, and how long each may take for what.
 *
 * Floor: httpd. libmicrohttpd knows how long a connection was idle; a client that sends a byte now
 * and then never is. So each phase of a connection has a time in all, and whoever exceeds it is
 * cut.
 */
#ifndef HTTPD_CONNECTIONS_H
#define HTTPD_CONNECTIONS_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "httpd/peer.h"

struct front;
struct connection;
struct connections;

/* What a connection is at. */
enum phase {
    PHASE_HEAD,   /* accepted: a handshake perhaps, and a head are awaited */
    PHASE_BODY,   /* the rest of a body */
    PHASE_SERVED, /* a handler has it, or a stream runs: no time is set here */
    PHASE_ANSWER, /* the client reads an answer */
    PHASE_IDLE,   /* between requests */
    PHASES,
};

/* Counts of what was done to clients, since the start. */
struct connections_tally {
    uint64_t cut[PHASES]; /* too slow, by what they were at */
    uint64_t shed;        /* had sent no head when there was no room for others */
    uint64_t crowded;     /* not accepted: their address had too many */
};

/* most: how many connections are accepted in all. */
struct connections *connections_open(struct front *front, int64_t most);

/* MHD_AcceptPolicyCallback; its context is the connections. */
enum MHD_Result connections_accept(void *context, const struct sockaddr *address, socklen_t length);

/* MHD_NotifyConnectionCallback; its context is the connections. */
void connections_notify(void *context, struct MHD_Connection *library, void **state,
                        enum MHD_ConnectionNotificationCode code);

/* Ours to one of the library's. */
struct connection *connection_of(struct MHD_Connection *library);

/* The front that it belongs to, who is at its other end. */
struct front *connection_front(const struct connection *connection);
const struct peer *connection_peer(const struct connection *connection);

/* Where it comes from and where it came to, as text without ports. */
void connection_texts(struct MHD_Connection *library, char from[PEER_TEXT_SIZE],
                      char to[PEER_TEXT_SIZE]);

/* It is at something else now; its time starts anew, except from one head to the same. */
void connection_phase(struct connection *connection, enum phase phase);

/* A request has ended: the next one is awaited, unless the client has said that there is none. */
void connection_rest(struct connection *connection);

/* How many are accepted in all. */
int64_t connections_most(const struct connections *connections);

/* How many are open. */
int64_t connections_count(const struct connections *connections);

const struct connections_tally *connections_tally(const struct connections *connections);

/* When the library has stopped; the loop must run once more. NULL is allowed. */
void connections_close(struct connections *connections);

#endif
