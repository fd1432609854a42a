/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * web: a server that misbehaves on request, and a client of src/upstream/transfer for it.
 *
 * set_up and tear_down are those of a cmocka test; *state is the struct fixture.
 */
#ifndef WEB_H
#define WEB_H

#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <curl/curl.h>

#include "base/xalloc.h"
#include "upstream/transfer.h"

#define KEY "sk-canary-0123456789"

enum { PEERS_MAX = 400, TICK_MS = 20, DRIPS = 10, IDS_MAX = 20000 };

/* The server: one thread, one poll loop, an answer by the path that was asked for. */

struct peer {
    int fd;
    struct buffer in;
    unsigned served; /* requests */
    int drips_left;
    bool answered_early; /* nothing more is read; reset when the test says so */
};

struct server {
    pthread_t thread;
    int listener;
    int stop[2]; /* written to at the end */
    unsigned short port;
    struct peer peers[PEERS_MAX];
    size_t peer_count;
    atomic_uint requests;
    atomic_uint reused;        /* of those, on a connection that had one before */
    atomic_uint paid[IDS_MAX]; /* whole requests whose body is the number N and spaces */
    unsigned short elsewhere;  /* port that /away redirects to */
    atomic_uint accepted;
    atomic_uint farewells; /* connections closed after their answer */
    atomic_bool answered_early;
    atomic_bool reset_now; /* those who were */
    atomic_bool saw_expect;
    atomic_bool saw_key;
    atomic_bool saw_identity;
};

/* What became of a request. */
struct seen {
    int calls;
    enum transfer_end end;
    bool timed_out;
    bool before_first_byte;
    bool too_large;
    bool stopped;
    int code;
    int status;
    bool forbidden;
    char message[400];
    char header[40]; /* x-mixed-case */
    bool empty_header;
    bool hint;
    size_t length;
    char *body;
    int64_t first_byte_ms;
    int64_t total_ms;
};

struct fixture {
    struct server server;
    uv_loop_t loop;
    struct transfers *transfers;
};

int set_up(void **state);
int tear_down(void **state);

/* A listening socket on the loopback interface. */
int listen_loopback(int backlog, unsigned short *port);

/* A request to a path of the server, to be changed before it is started. */
struct transfer_request request_to(const struct fixture *fixture, char url[200], const char *path,
                                   struct buffer *body);

/* transfer_done; context is a struct seen, whose body is to be freed. */
void on_done(void *context, struct transfer_result *result);

struct transfer *begin(struct fixture *fixture, const struct transfer_request *request,
                       struct seen *seen);

/* Runs until nothing is in flight: idle connections do not hold the loop. */
void finish(struct fixture *fixture);

/* Posts a small body and waits for the end. */
struct seen ask(struct fixture *fixture, const char *path);

/* These free the body. */
void assert_answer(struct seen *seen, const char *body);
void assert_unknown(struct seen *seen, int code);
void assert_not_sent(struct seen *seen);

#endif
