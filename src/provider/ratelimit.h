/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ratelimit: what answer headers say about waiting and about limits: Retry-After (RFC
 * 9110, 10.2.3), retry-after-ms, x-ratelimit-*, anthropic-ratelimit-*.
 *
 * Floor: provider.
 */
#ifndef PROVIDER_RATELIMIT_H
#define PROVIDER_RATELIMIT_H

#include <stdint.h>

#include "base/clock.h"
#include "provider/provider.h"

/* The value of a header (name in lower case), or NULL. */
const char *provider_reply_header(const struct provider_reply *reply, const char *name);

/* How long the server asks to wait, ms: retry-after-ms, else Retry-After in seconds (a decimal
 * number is accepted) or as an HTTP date, else, for a throttled reply, the reset of a limit whose
 * remaining is 0 (x-ratelimit-*, anthropic-ratelimit-*). -1 when it says nothing; at most 24 h;
 * never negative. */
int64_t ratelimit_wait(const struct provider_reply *reply, struct wall now);

/* One limit of an upstream. -1: not said. */
struct ratelimit_bucket {
    int64_t limit;     /* per its period: a minute, where the server does not say otherwise */
    int64_t remaining; /* of it */
    int64_t reset_ms;  /* until it is full again, from now; 0 where that is past */
};

/* What the headers of an answer say of the limits of an upstream. */
struct ratelimit {
    struct ratelimit_bucket requests, tokens, input_tokens, output_tokens;
};

/* Reads x-ratelimit-{limit,remaining,reset}-{requests,tokens} (resets are Go durations) and
 * anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset} (resets
 * are RFC 3339). What is absent or unreadable is -1. */
void ratelimit_read(const struct provider_reply *reply, struct wall now, struct ratelimit *limits);

/* Reads a Go duration such as 6m0s, 1.5s, 20ms. Returns ms (rounded up), or -1. */
int64_t ratelimit_go_duration(const char *text);

#endif
