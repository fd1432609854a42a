/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sessions: a browser's cookie in the place of a token: random, in memory alone, expiring.
 *
 * Floor: httpd. A session is worth what its token is worth at the moment: one that is revoked or
 * has expired ends its sessions. Bounded, in all and for each token: the oldest makes room for a
 * new one.
 */
#ifndef HTTPD_SESSIONS_H
#define HTTPD_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "httpd/token.h"

enum {
    SESSIONS_MAX = 1024,
    SESSIONS_OF_TOKEN = 32,
    SESSION_SECRET_SIZE = 44,
    SESSION_S = 12 * 60 * 60,
};

struct sessions;

struct sessions *sessions_open(const struct clock *clock);

/* A new one for the token with this ID; its secret, the cookie's value, is written. */
void sessions_add(struct sessions *sessions, const char *token_id,
                  char secret[SESSION_SECRET_SIZE]);

/* The ID of the token of the session with this secret, or NULL; takes the same time whichever it
 * is. number, where it is not NULL, is what sessions_has knows it by. */
const char *sessions_find(struct sessions *sessions, const char *secret, size_t length,
                          uint64_t *number);

/* Whether the session with this number goes on. */
bool sessions_has(struct sessions *sessions, uint64_t number);

/* Ends the session with this secret. Returns whether it was one. */
bool sessions_end(struct sessions *sessions, const char *secret, size_t length);

/* NULL is allowed. */
void sessions_close(struct sessions *sessions);

#endif
