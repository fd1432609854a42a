/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deliver: one try to deliver a webhook: the request, and what its answer means (Standard Webhooks
 * 1.0.0).
 *
 * Floor: daemon. Knows no file of outbox/ and no schedule. Its requests have connections of their own,
 * which no key ever goes through, may not go to addresses that are forbidden, and follow no
 * redirects.
 */
#ifndef DAEMON_DELIVER_H
#define DAEMON_DELIVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/core.h"
#include "upstream/transfer.h"

struct deliver;

enum delivery_end {
    DELIVERY_PAID,  /* delivered */
    DELIVERY_LATER, /* try again by the schedule */
    DELIVERY_NEVER, /* no use: the receiver wants no more (410), or what it tells of is gone */
    DELIVERY_AGAIN, /* a kept-alive connection was closed before a word came: once more, at once */
    DELIVERY_CUT,   /* broken off: it counts for nothing */
};

struct delivery {
    enum delivery_end end;
    bool unwell;     /* it is the receiver that failed, whatever the message */
    int64_t rest_ms; /* it asks to be left alone so long; 0: it does not */
    int64_t took_ms;
    int status;      /* of HTTP; 0: none */
    char words[800]; /* what was wrong, for people; holds nothing of the URL but a host, nothing secret */
};

/* Called on the loop when a try has ended; new ones may be started. */
typedef void deliver_done(void *context, const struct delivery *delivery);

/* NULL with an error when HTTP cannot be set up. */
struct deliver *deliver_open(struct core *core, struct error *error);

/* The configuration is another. Returns 0, or -1 with an error and nothing changed. */
int deliver_configure(struct deliver *deliver, const struct config *config, struct error *error);

/* Writes the receiver of a URL into out, to be freed: scheme, host and port ("https://example.org:443").
 * NULL: it is no URL that requests may go to. */
char *deliver_receiver(const char *url);

/* Tries to deliver a debt. Returns true when it is in flight, and done will be called; false when it has
 * ended already, as *delivery says. */
bool deliver_start(struct deliver *deliver, const json_t *debt, deliver_done *done, void *context,
                   struct delivery *delivery);

/* Says how a try ended, in words that may be cut and cleaned. */
void deliver_say(struct delivery *delivery, enum delivery_end end, bool unwell, const char *words);

/* What came back means this. */
void deliver_judge(const struct transfer_result *result, struct wall now,
                   struct delivery *delivery);

/* Breaks off all that is in flight; done is called for each before it returns. */
void deliver_abort(struct deliver *deliver);

struct transfers_counts deliver_counts(const struct deliver *deliver);

/* Nothing may be in flight. NULL is allowed. */
void deliver_close(struct deliver *deliver);

#endif
