/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webhook_message: what a webhook says: a debt of outbox/ and the record that it tells of, as the
 * URL, the signed headers and the body of a request (Standard Webhooks 1.0).
 */
#include "daemon/webhook_message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonscan.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/config_sections.h"
#include "daemon/webhook_body.h"
#include "daemon/webhook_secret.h"
#include "daemon/webhooks.h"
#include "job/webhook.h"
#include "spool/file.h"

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

/* The debt and its record. */

static int debt_read(const json_t *document, struct webhook_debt *debt, struct error *error)
{
    json_int_t run = jsontext_get_int(document, "run", 0);
    *debt = (struct webhook_debt){
        .id = jsontext_get_text(document, "id", NULL),
        .run = run > 0 && run <= UINT32_MAX ? (unsigned)run : 0,
        .event = jsontext_get_text(document, "event", NULL),
        .record = jsontext_get_text(document, "record", NULL),
        .time = jsontext_get_text(document, "time", NULL),
    };
    if (debt->id != NULL && debt->run > 0 && debt->event != NULL && debt->record != NULL &&
        debt->time != NULL)
        return 0;
    error_set(error, ERROR_DATA, "the debt lacks one of id, run, event, record and time");
    return -1;
}

/* The folder and name of a debt's record; FOLDER_TMP: it is none. */
static enum folder record_place(const char *record, const char **name)
{
    static const enum folder folders[] = {FOLDER_DONE, FOLDER_FAILED};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        const char *folder = folder_name(folders[i]);
        size_t length = strlen(folder);
        *name = record + length + 1;
        if (strncmp(record, folder, length) == 0 && record[length] == '/' &&
            entry_read(*name).kind != ENTRY_OTHER)
            return folders[i];
    }
    return FOLDER_TMP;
}

/* Whether the text is the record of this job and run: a try or a run after it may have replaced or
 * removed what was owed to be told. */
static bool record_is(struct jsonspan record, const struct webhook_debt *debt)
{
    static const struct jsonspan keys[] = {JSONSPAN("id"), JSONSPAN("run"), JSONSPAN("version")};
    struct jsonspan values[3] = {{0}};
    struct buffer id = {0};
    bool same = jsonscan_find(record, keys, values, 3) && values[0].text != NULL &&
                jsonspan_string(values[0], &id) && id.bytes != NULL &&
                strcmp(id.bytes, debt->id) == 0;
    buffer_free(&id);
    const char *run = values[1].text != NULL ? values[1].text : values[2].text;
    return same && run != NULL && strtoul(run, NULL, 10) == debt->run;
}

/* Reads the record; one that is gone leaves *text empty, and the debt alone is told. */
static int record_read(const struct core *core, const struct webhook_debt *debt,
                       struct buffer *text, struct error *error)
{
    const char *name;
    enum folder folder = record_place(debt->record, &name);
    if (folder == FOLDER_TMP) {
        error_set(error, ERROR_DATA, "the debt's record \"%.100s\" is none", debt->record);
        return -1;
    }
    int result = file_read_at(core->spool->dir[folder], name, SIZE_MAX, text, NULL);
    if (result < 0 && result != -ENOENT) {
        error_system(error, -result, "%s cannot be read", debt->record);
        return -1;
    }
    while (text->length > 0 && text->bytes[text->length - 1] == '\n')
        text->length--;
    if (result == 0 && !record_is((struct jsonspan){text->bytes, text->length}, debt))
        buffer_clear(text);
    return 0;
}

static int body_make(const struct core *core, const struct webhook_debt *debt, struct buffer *body,
                     struct error *error)
{
    const struct config_webhook *webhook = &core->config->webhook;
    const struct webhook_form form = {.limit = webhook->body_limit,
                                      .public_url = webhook->public_url};
    struct buffer text = {0};
    int failed = record_read(core, debt, &text, error);
    if (failed == 0)
        webhook_body_write(
            body, debt, (struct jsonspan){text.length > 0 ? text.bytes : NULL, text.length}, &form);
    buffer_free(&text);
    return failed;
}

/* The whole. */

static int signature_make(struct core *core, const char *webhook, const char *id, int64_t seconds,
                          const struct buffer *body, struct buffer *out, struct error *error)
{
    const char *secrets[CONFIG_SECRETS_MOST];
    int count = webhooks_secrets(core->webhooks, webhook, secrets, error);
    if (count == -1)
        return -1;
    webhook_secret_sign(out, secrets, (size_t)count, id, seconds, body);
    return 0;
}

static int headers_make(struct core *core, const json_t *debt, struct wall now,
                        struct webhook_message *message, struct error *error)
{
    const char *webhook = jsontext_get_text(debt, "webhook", "");
    const char *id = jsontext_get_text(debt, "webhook_id", "");
    struct buffer signature = {0};
    int64_t seconds = now.ms / 1000;
    if (signature_make(core, webhook, id, seconds, &message->body, &signature, error) == -1)
        return -1;
    message->headers[0] = xasprintf("webhook-id: %s", id);
    message->headers[1] = xasprintf("webhook-timestamp: %" PRId64, seconds);
    message->headers[2] = xasprintf("webhook-signature: %s", signature.bytes);
    message->headers[3] = xstrdup("content-type: application/json");
    buffer_free(&signature);
    return 0;
}

int webhook_message_make(struct core *core, const json_t *debt, struct wall now,
                         struct webhook_message *message, struct error *error)
{
    const char *webhook = jsontext_get_text(debt, "webhook", NULL);
    const char *id = jsontext_get_text(debt, "webhook_id", NULL);
    struct webhook_debt told;
    *message = (struct webhook_message){0};
    if (webhook == NULL || id == NULL ||
        strchr(id, '.') != NULL) { /* a dot ends an id when signed */
        error_set(error, ERROR_DATA, "the debt names no webhook, or has no webhook_id");
        return -1;
    }
    const char *url = webhook_message_url(core->config, webhook, error);
    if (url == NULL || debt_read(debt, &told, error) == -1 ||
        body_make(core, &told, &message->body, error) == -1 ||
        headers_make(core, debt, now, message, error) == -1) {
        webhook_message_clear(message);
        return -1;
    }
    message->url = xstrdup(url);
    return 0;
}

void webhook_message_clear(struct webhook_message *message)
{
    free(message->url);
    for (size_t i = 0; i < WEBHOOK_HEADERS; i++)
        free(message->headers[i]);
    buffer_free(&message->body);
    *message = (struct webhook_message){0};
}
