/* SPDX-License-Identifier: GPL-2.0-or-later */
/* models: the list is what the settings name, and some well-known names that their patterns let in.
 */
#include "mock/models.h"

#include <string.h>

#include "base/jsontext.h"
#include "mock/call.h"

static const char *const well_known[] = {
    "gpt-4o",
    "gpt-4o-mini",
    "text-embedding-3-large",
    "text-embedding-3-small",
};

enum { CREATED_S = 1700000000 };

static void write_model(struct buffer *out, const char *name)
{
    buffer_text(out, "{\"id\":");
    jsontext_write_string(out, name, strlen(name));
    buffer_printf(out, ",\"object\":\"model\",\"created\":%d,\"owned_by\":\"llmspool-mock\"}",
                  CREATED_S);
}

static bool is_pattern(const char *text)
{
    return strpbrk(text, "*?[\\") != NULL;
}

static void write_list(const struct settings *settings, struct buffer *out)
{
    const char *comma = "";

    buffer_text(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < settings->model_count; i++) {
        if (!is_pattern(settings->models[i])) {
            buffer_text(out, comma);
            write_model(out, settings->models[i]);
            comma = ",";
        }
    }
    for (size_t i = 0; i < sizeof well_known / sizeof well_known[0]; i++) {
        if (settings_has_model(settings, well_known[i])) {
            buffer_text(out, comma);
            write_model(out, well_known[i]);
            comma = ",";
        }
    }
    buffer_text(out, "]}\n");
}

void models_serve(struct exchange *exchange)
{
    const char *name = exchange->url + strlen("/v1/models");
    struct reply *reply = &exchange->reply;

    if (call_check_key(exchange, reply) != 0) {
        return;
    }
    reply_begin(reply, 200, "application/json");
    if (*name == '\0') {
        write_list(exchange->settings, &reply->body);
    } else if (settings_has_model(exchange->settings, name + 1)) {
        write_model(&reply->body, name + 1);
        buffer_byte(&reply->body, '\n');
    } else {
        reply_refuse(reply, 404, "model", "model_not_found", "The model '%.100s' does not exist",
                     name + 1);
    }
}
