/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share: how much of something that is bounded each token holds, so that none can take all of it.
 *
 * Floor: httpd. Who comes without a token (from this machine) is not counted.
 */
#ifndef HTTPD_SHARE_H
#define HTTPD_SHARE_H

#include <stdbool.h>
#include <stddef.h>

struct share;

enum { SHARE_PARTS = 4, SHARE_RETRY_S = 5 };

/* Of so many, each token may hold one of SHARE_PARTS. */
struct share *share_new(size_t all);

/* Whether the token with this ID may hold one more; "": none. */
bool share_room(const struct share *share, const char *token_id);

/* It holds one more. */
void share_take(struct share *share, const char *token_id);

/* It holds one less. */
void share_give(struct share *share, const char *token_id);

/* NULL is allowed. */
void share_free(struct share *share);

#endif
