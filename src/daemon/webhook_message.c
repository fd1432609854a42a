/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webhook_message: what a webhook says: a debt of outbox/ and the record that it tells of, as the
 * URL, the signed headers and the body of a request (Standard Webhooks 1.0).
 */
#include "daemon/webhook_message.h"

#include <stdlib.h>

#include "job/webhook.h"

const char *webhook_message_url(const struct config *config, const char *webhook,
                                struct error *error)
{
    if (webhook_is_url(webhook))
        return webhook;
    const struct config_endpoint *endpoint = config_endpoint(config, webhook);
    if (endpoint != NULL)
        return endpoint->url;
    error_set(error, ERROR_ABSENT, "there is no endpoint \"%s\" in %s any more", webhook,
              config_place(config));
    return NULL;
}

int webhook_message_make(struct core *core, const json_t *debt, struct wall now,
                         struct webhook_message *message, struct error *error)
{
    const char *webhook = json_string_value(json_object_get(debt, "webhook"));
    (void)now, (void)message;
    if (webhook != NULL && webhook_message_url(core->config, webhook, error) == NULL)
        return -1;
    error_set(error, ERROR_SYSTEM, "not made yet");
    return -1;
}

void webhook_message_clear(struct webhook_message *message)
{
    free(message->url);
    for (size_t i = 0; i < WEBHOOK_HEADERS; i++)
        free(message->headers[i]);
    buffer_free(&message->body);
    *message = (struct webhook_message){0};
}
