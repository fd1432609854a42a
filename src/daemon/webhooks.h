/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webhooks: what the configuration in force says of webhooks: which jobs may bring one, what other
 * programs are told of that, and the spool's own secret where it names none.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_WEBHOOKS_H
#define DAEMON_WEBHOOKS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "daemon/core.h"

struct webhooks;

/* Made for core->config. The spool's own secret is made where it is needed and there is none; that
 * it cannot be is logged, and tried again with each webhook. */
struct webhooks *webhooks_open(struct core *core);

/* core->config is another. */
void webhooks_configure(struct webhooks *webhooks);

/* NULL is allowed. */
void webhooks_close(struct webhooks *webhooks);

/* Whether a job's webhook may come in: webhook_allowed (job/webhook.h) by the configuration. */
bool webhooks_allow(const struct webhooks *webhooks, const char *webhook, const char **reason,
                    struct error *error);

/* The secrets of the configuration for a debt's webhook, newest first, or the spool's own; at most
 * CONFIG_SECRETS_MOST, borrowed. Returns how many, or -1 with an error: there is none, and none can
 * be made. */
int webhooks_secrets(struct webhooks *webhooks, const char *webhook, const char **secrets,
                     struct error *error);

/* "webhook" of state/status.json: what is allowed, the endpoints' names and the configuration's
 * path. */
json_t *webhooks_json(const struct webhooks *webhooks);

#endif
