/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webhook_secret: the secret of a spool whose configuration names none, and signing with secrets
 * (Standard Webhooks 1.0).
 *
 * Floor: daemon. state/webhook.secret (0600, the daemon's user's) is made once, so that a signature
 * is there from the first webhook on. Whoever removes it gets a new one at the next start.
 */
#ifndef DAEMON_WEBHOOK_SECRET_H
#define DAEMON_WEBHOOK_SECRET_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "daemon/config.h"
#include "spool/spool.h"

#define WEBHOOK_SECRET_NAME "webhook.secret"

/* The spool's own secret, read, or made where there is none (*made is then true). Returns the text
 * "whsec_…", which the caller ends with key_free, or NULL with an error, whose kind is always
 * ERROR_SYSTEM: somebody can mend it. */
char *webhook_secret_own(const struct spool *spool, bool *made, struct error *error);

/* Appends the value of webhook-signature for a message sent at a time (Unix seconds): "v1," and the
 * base64 of HMAC-SHA256 over id.seconds.body, for each secret, with a space between them. The
 * secrets are ones that config_secret_check let through. */
void webhook_secret_sign(struct buffer *out, const char *const *secrets, size_t count,
                         const char *id, int64_t seconds, const struct buffer *body);

#endif
