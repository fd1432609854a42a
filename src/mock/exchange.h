/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exchange: one request on its way through the mock, from its head to the end of its answer, and
 * the parts of the mock that it meets.
 *
 * Floor: mock. An exchange belongs to the connection's thread; while it waits, to the room.
 */
#ifndef MOCK_EXCHANGE_H
#define MOCK_EXCHANGE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/sha256.h"
#include "mock/ledger.h"
#include "mock/limits.h"
#include "mock/reply.h"
#include "mock/room.h"
#include "mock/settings.h"

/* What all requests share. */
struct mock {
    const struct clock *clock;
    pthread_mutex_t lock; /* of settings, the pointer */
    struct settings *settings;
    struct ledger *ledger;
    struct limits *limits;
    struct room *room;
    int journal_fd; /* the ledger file, or -1 */
};

struct exchange {
    struct guest guest;
    struct mock *mock;
    struct MHD_Connection *connection;
    struct settings *settings; /* in force when its head was read; held */
    const char *method;        /* the library's, as url */
    const char *url;
    struct buffer body;
    uint64_t arrived_bytes; /* of the body */
    struct reply reply;
    uint64_t serial;    /* of the mock's requests, from 1 */
    int64_t arrived_us; /* wall clock, when its head was read */
    struct mono started;
    int64_t delay_ms; /* to wait before the reply is sent */
    unsigned char digest[SHA256_SIZE];
    size_t piece_end; /* of the piece of the body that is being sent */
    bool *doomed;     /* the connection's: it is to be closed at its next request */
    bool oversized;   /* the body went beyond what is read */
    bool whole;       /* the body was read to its end */
    bool waited;
    bool known;    /* digest is set, and in the ledger */
    bool flying;   /* counted as in flight */
    bool answered; /* counted as answered */
};

/* The settings in force, held for the caller. */
struct settings *mock_settings(struct mock *mock);

/* Puts settings in force; takes over the caller's reference. */
void mock_publish(struct mock *mock, struct settings *settings);

/* The exchange needs its slot no more: the last piece of its answer is ready to go, or never will
 * be. Counts it as answered when `delivered` and its reply is a good one. Calls after the first do
 * nothing. This comes before the last byte goes out, so that a client which has its answer finds
 * it counted. */
void exchange_settle(struct exchange *exchange, bool delivered);

/* The digest for the ledger, or NULL. */
const unsigned char *exchange_key(const struct exchange *exchange);

#endif
