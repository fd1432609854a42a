/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask: a file of new/ or ctl/ that asks for jobs: looked at once for all of them, held once.
 *
 * Floor: client. A list asks for a thousand jobs, so they share what is known of it.
 */
#ifndef CLIENT_ASK_H
#define CLIENT_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/xalloc.h"
#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

#include "spool/spool.h"

/* One file. Plain data; only its folder and name are for others. */
struct ask {
    enum folder folder; /* FOLDER_NEW or FOLDER_CTL */
    bool gone;          /* it was taken; it does not come back */
    size_t users;
    uint64_t looked; /* the round in which it was last looked at */
    UT_hash_handle hh;
    char name[];
};

/* All that are in use. */
struct asks;

struct asks *asks_new(void);

/* Frees it, when all of its files were left; NULL is allowed. */
void asks_free(struct asks *asks);

/* The file of this name, held for one more user. */
struct ask *asks_hold(struct asks *asks, enum folder folder, const char *name);

/* One user less; the last one frees it. NULL is allowed. */
void asks_leave(struct asks *asks, struct ask *ask);

/* The file of this name if somebody uses it, or NULL. */
struct ask *asks_find(const struct asks *asks, enum folder folder, const char *name);

/* Begins a round: what was there may be gone by now. */
void asks_round(struct asks *asks);

/* Whether a file is gone, looked at once a round. */
bool asks_gone(const struct asks *asks, const struct spool *spool, struct ask *ask);

#endif
