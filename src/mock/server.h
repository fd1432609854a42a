/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server: the mock as a whole: listens, reads requests, has them served, waits, sends.
 *
 * Floor: mock.
 */
#ifndef MOCK_SERVER_H
#define MOCK_SERVER_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"
#include "mock/settings.h"

struct server;

struct server_options {
    const char *listen;      /* HOST:PORT */
    const char *ledger_file; /* NULL: none */
    unsigned threads;        /* that serve connections */
    bool allow_remote;
};

/* Starts the server in threads of its own; takes over the caller's reference to settings, also when
 * it fails. Returns NULL with *error. */
struct server *server_start(const struct server_options *options, struct settings *settings,
                            const struct clock *clock, struct error *error);

/* Its base URL, such as http://127.0.0.1:40001; the server's. */
const char *server_url(const struct server *server);

/* Closes all connections, stops and frees. NULL is allowed. */
void server_stop(struct server *server);

#endif
