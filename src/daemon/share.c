/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share: see share.h.
 */
#include "daemon/share.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

struct shares {
    struct share *all; /* uthash by key */
    int32_t day;       /* of which ends are counted */
};

struct shares *shares_open(void)
{
    return xcalloc(1, sizeof(struct shares));
}

void shares_close(struct shares *shares)
{
    struct share *share, *next;

    if (shares == NULL)
        return;
    HASH_ITER (hh, shares->all, share, next) {
        HASH_DELETE(hh, shares->all, share);
        free(share->key);
        free(share);
    }
    free(shares);
}

struct share *shares_get(struct shares *shares, const char *key)
{
    struct share *share;

    HASH_FIND_STR(shares->all, key, share);
    if (share != NULL)
        return share;
    share = xcalloc(1, sizeof *share);
    share->key = xstrdup(key);
    HASH_ADD_KEYPTR(hh, shares->all, share->key, strlen(share->key), share);
    return share;
}

void shares_today(struct shares *shares, int32_t day)
{
    if (day == shares->day)
        return;
    shares->day = day;
    for (struct share *share = shares->all; share != NULL; share = share->hh.next) {
        share->completed = 0;
        share->failed = 0;
    }
}

struct share *shares_first(const struct shares *shares)
{
    return shares->all;
}

bool share_is_full(const struct share *share)
{
    return share->max_in_flight > 0 && share->in_flight >= share->max_in_flight;
}
