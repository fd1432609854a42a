/* SPDX-License-Identifier: GPL-2.0-or-later */
/* share: see share.h. */
#include "httpd/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "httpd/token.h"
#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

/* Is there as long as it holds any. */
struct holder {
    UT_hash_handle hh;
    char token_id[TOKEN_ID_SIZE];
    size_t count;
};

struct share {
    size_t most;
    struct holder *holders;
};

struct share *share_new(size_t all)
{
    struct share *share = xcalloc(1, sizeof *share);

    share->most = all / SHARE_PARTS;
    return share;
}

static struct holder *find(const struct share *share, const char *token_id)
{
    struct holder *holder;

    HASH_FIND_STR(share->holders, token_id, holder);
    return holder;
}

bool share_room(const struct share *share, const char *token_id)
{
    const struct holder *holder = find(share, token_id);

    return holder == NULL || holder->count < share->most;
}

void share_take(struct share *share, const char *token_id)
{
    struct holder *holder = find(share, token_id);

    if (token_id[0] == '\0')
        return;
    if (holder == NULL) {
        holder = xcalloc(1, sizeof *holder);
        (void)snprintf(holder->token_id, sizeof holder->token_id, "%s", token_id);
        HASH_ADD_STR(share->holders, token_id, holder);
    }
    holder->count++;
}

void share_give(struct share *share, const char *token_id)
{
    struct holder *holder = find(share, token_id);

    if (holder == NULL || --holder->count > 0)
        return;
    HASH_DEL(share->holders, holder);
    free(holder);
}

void share_free(struct share *share)
{
    struct holder *holder, *next;

    if (share == NULL)
        return;
    HASH_ITER(hh, share->holders, holder, next)
    {
        HASH_DEL(share->holders, holder);
        free(holder);
    }
    free(share);
}
