/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webhook_message: what a webhook says: a debt of outbox/ and the record that it tells of, as the
 * URL, the signed headers and the body of a request (Standard Webhooks 1.0).
 *
 * Floor: daemon. The body is described in spool-layout/README, section 28, and by
 * spool-layout/schema/webhook.schema.json.
 */
#ifndef DAEMON_WEBHOOK_MESSAGE_H
#define DAEMON_WEBHOOK_MESSAGE_H

#include <jansson.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "daemon/core.h"

enum { WEBHOOK_HEADERS = 4 };

struct webhook_message {
    char *url;
    char *headers[WEBHOOK_HEADERS + 1]; /* webhook-id, webhook-timestamp, webhook-signature,
                                           content-type; NULL-terminated, as transfer_request takes
                                           them */
    struct buffer body;                 /* JSON; the same at each try */
};

/* The URL that a debt's `webhook` (a URL, or the name of an endpoint) means now, borrowed from it
 * or from the configuration; or NULL with an error of kind ERROR_ABSENT: there is no such endpoint
 * any more. For the gate of its receiver, before anything is read. */
const char *webhook_message_url(const struct config *config, const char *webhook,
                                struct error *error);

/* Makes the message of a debt, a document of outbox/, signed for now (the time of this try).
 * Returns 0, or -1 with an error: ERROR_ABSENT when the endpoint is not there any more (another
 * configuration may bring it back), ERROR_DATA when the debt is none (trying again does not help),
 * ERROR_SYSTEM when a file cannot be read. A record that is not there any more, or tells of another
 * run, is no error: the debt alone is told. Members of *message are owned; webhook_message_clear.
 */
int webhook_message_make(struct core *core, const json_t *debt, struct wall now,
                         struct webhook_message *message, struct error *error);

/* Frees what is in it. */
void webhook_message_clear(struct webhook_message *message);

#endif
