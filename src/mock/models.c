/* SPDX-License-Identifier: GPL-2.0-or-later */
/* models: the list is what the settings name, and some well-known names that their patterns let in.
 */
#include "mock/models.h"

#include <string.h>

#include "base/jsontext.h"
#include "mock/call.h"

static const char *const well_known[] = {
    "claude-haiku-4-5", "claude-sonnet-4-5",      "gpt-4o",
    "gpt-4o-mini",      "text-embedding-3-large", "text-embedding-3-small",
};

enum { CREATED_S = 1700000000 };

static void write_model(const struct dialect *dialect, struct buffer *out, const char *name)
{
    if (dialect == &dialect_anthropic) {
        buffer_text(out, "{\"type\":\"model\",\"id\":");
        jsontext_write_string(out, name, strlen(name));
        buffer_text(out, ",\"display_name\":");
        jsontext_write_string(out, name, strlen(name));
        buffer_text(out, ",\"created_at\":\"2023-11-14T22:13:20Z\"}");
        return;
    }
    buffer_text(out, "{\"id\":");
    jsontext_write_string(out, name, strlen(name));
    buffer_printf(out, ",\"object\":\"model\",\"created\":%d,\"owned_by\":\"llmspool-mock\"}",
                  CREATED_S);
}

static bool is_pattern(const char *text)
{
    return strpbrk(text, "*?[\\") != NULL;
}

/* Appends a model to a list that may have some already. */
static void add_model(const struct dialect *dialect, struct buffer *out, const char *name)
{
    if (out->bytes[out->length - 1] != '[') {
        buffer_byte(out, ',');
    }
    write_model(dialect, out, name);
}

static void write_list(const struct dialect *dialect, const struct settings *settings,
                       struct buffer *out)
{
    buffer_text(out, dialect == &dialect_anthropic
                         ? "{\"has_more\":false,\"first_id\":null,\"last_id\":null,\"data\":["
                         : "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < settings->model_count; i++) {
        if (!is_pattern(settings->models[i])) {
            add_model(dialect, out, settings->models[i]);
        }
    }
    for (size_t i = 0; i < sizeof well_known / sizeof well_known[0]; i++) {
        if (settings_has_model(settings, well_known[i])) {
            add_model(dialect, out, well_known[i]);
        }
    }
    buffer_text(out, "]}\n");
}

/* The path is the same for both providers; Anthropic's clients tell their version. */
static void choose_dialect(struct exchange *exchange)
{
    if (MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, "anthropic-version") !=
        NULL) {
        exchange->reply.dialect = &dialect_anthropic;
    }
}

void models_serve(struct exchange *exchange)
{
    const char *name = exchange->url + strlen("/v1/models");
    struct reply *reply = &exchange->reply;
    const struct dialect *dialect;

    choose_dialect(exchange);
    dialect = reply_dialect(reply);
    if (call_check_key(exchange, reply) != 0) {
        return;
    }
    reply_begin(reply, 200, "application/json");
    if (*name == '\0') {
        write_list(dialect, exchange->settings, &reply->body);
    } else if (settings_has_model(exchange->settings, name + 1)) {
        write_model(dialect, &reply->body, name + 1);
        buffer_byte(&reply->body, '\n');
    } else {
        reply_refuse(reply, 404, "model", "model_not_found", "%s%.100s%s",
                     dialect->unknown_model[0], name + 1, dialect->unknown_model[1]);
    }
}
