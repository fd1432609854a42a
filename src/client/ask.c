/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask: see ask.h.
 */
#include "client/ask.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct asks {
    struct ask *by_name; /* uthash; the two folders never have names in common that matter */
    uint64_t round;
};

struct asks *asks_new(void)
{
    struct asks *asks = xcalloc(1, sizeof *asks);

    asks->round = 1;
    return asks;
}

void asks_free(struct asks *asks)
{
    free(asks);
}

struct ask *asks_find(const struct asks *asks, enum folder folder, const char *name)
{
    struct ask *found;

    HASH_FIND_STR(asks->by_name, name, found);
    return found != NULL && found->folder == folder ? found : NULL;
}

struct ask *asks_hold(struct asks *asks, enum folder folder, const char *name)
{
    struct ask *ask = asks_find(asks, folder, name);
    size_t length = strlen(name);

    if (ask == NULL) {
        ask = xcalloc(1, sizeof *ask + length + 1);
        ask->folder = folder;
        memcpy(ask->name, name, length + 1);
        HASH_ADD_KEYPTR(hh, asks->by_name, ask->name, length, ask);
    }
    ask->users++;
    return ask;
}

void asks_leave(struct asks *asks, struct ask *ask)
{
    if (ask != NULL && --ask->users == 0) {
        HASH_DEL(asks->by_name, ask);
        free(ask);
    }
}

void asks_round(struct asks *asks)
{
    asks->round++;
}

bool asks_gone(const struct asks *asks, const struct spool *spool, struct ask *ask)
{
    if (!ask->gone && ask->looked != asks->round) {
        ask->looked = asks->round;
        ask->gone = faccessat(spool->dir[ask->folder], ask->name, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
    }
    return ask->gone;
}
