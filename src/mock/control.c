/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control: the mock's own endpoints. */
#include "mock/control.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/jsontext.h"
#include "base/listen.h"

/* Whether the client may use these; if not, the reply says so. */
static bool is_local(struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    if (info != NULL && info->client_addr != NULL && listen_is_loopback(info->client_addr)) {
        return true;
    }
    reply_refuse(&exchange->reply, 403, NULL, NULL,
                 "The mock is looked at and changed from its own machine only.");
    return false;
}

static const char *argument(const struct exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, name);
}

static void show_prompts(struct exchange *exchange)
{
    struct reply *reply = &exchange->reply;
    const char *key = argument(exchange, "key");
    const char *prompt = argument(exchange, "prompt");
    unsigned char digest[SHA256_SIZE];

    if (key != NULL &&
        (strlen(key) != SHA256_HEX_SIZE - 1 || !hex_read(key, digest, sizeof digest))) {
        reply_refuse(reply, 400, "key", "invalid_value", "The key is 64 lower-case hex digits.");
        return;
    }
    if (key == NULL && prompt != NULL) {
        sha256_digest(prompt, strlen(prompt), digest);
    }
    reply_begin(reply, 200, "application/x-ndjson");
    ledger_write(exchange->mock->ledger, key != NULL || prompt != NULL ? digest : NULL,
                 &reply->body);
}

void control_show_ledger(struct exchange *exchange)
{
    if (!is_local(exchange)) {
        return;
    }
    if (argument(exchange, "summary") != NULL) {
        reply_begin(&exchange->reply, 200, "application/json");
        ledger_write_summary(exchange->mock->ledger, &exchange->reply.body);
    } else if (argument(exchange, "rate") != NULL) {
        reply_begin(&exchange->reply, 200, "application/json");
        ledger_write_rate(exchange->mock->ledger, &exchange->reply.body);
    } else {
        show_prompts(exchange);
    }
}

void control_clear_ledger(struct exchange *exchange)
{
    if (is_local(exchange)) {
        ledger_clear(exchange->mock->ledger);
        reply_begin(&exchange->reply, 204, NULL);
    }
}

static void show_config(struct exchange *exchange)
{
    struct settings *settings = mock_settings(exchange->mock);

    reply_begin(&exchange->reply, 200, "application/json");
    settings_write(settings, &exchange->reply.body);
    settings_drop(settings);
}

void control_show_config(struct exchange *exchange)
{
    if (is_local(exchange)) {
        show_config(exchange);
    }
}

void control_change_config(struct exchange *exchange)
{
    struct settings *old, *settings;
    struct error error = {.kind = ERROR_NONE};
    json_t *object;
    int result = -1;

    if (!is_local(exchange)) {
        return;
    }
    old = mock_settings(exchange->mock);
    settings = settings_copy(old);
    settings_drop(old);
    object = jsontext_read_object(exchange->body.bytes != NULL ? exchange->body.bytes : "",
                                  exchange->body.length, &error);
    if (object != NULL) {
        result = settings_apply_json(settings, object, &error);
    }
    json_decref(object);
    if (result != 0) {
        settings_drop(settings);
        reply_refuse(&exchange->reply, 400, NULL, "invalid_value", "%s", error.text);
        return;
    }
    mock_publish(exchange->mock, settings);
    show_config(exchange);
}
