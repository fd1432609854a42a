/* SPDX-License-Identifier: GPL-2.0-or-later */
/* route: the table of endpoints. */
#include "mock/route.h"

#include <string.h>

#include "mock/azure.h"
#include "mock/call.h"
#include "mock/chat.h"
#include "mock/control.h"
#include "mock/embedding.h"
#include "mock/legacy.h"
#include "mock/messages.h"
#include "mock/models.h"
#include "mock/responses.h"

/* An endpoint: a kind of call, or a function of its own. */
static const struct route {
    const char *method;
    const char *path; /* one that ends in a slash stands for all below it */
    const struct dialect *dialect;
    const struct call_kind *kind;
    void (*serve)(struct exchange *exchange);
} routes[] = {
    {"POST", "/v1/chat/completions", &dialect_openai, &chat_kind, NULL},
    {"POST", "/v1/completions", &dialect_openai, &legacy_kind, NULL},
    {"POST", "/v1/embeddings", &dialect_openai, &embedding_kind, NULL},
    {"POST", "/v1/responses", &dialect_openai, &responses_kind, NULL},
    {"POST", "/v1/messages", &dialect_anthropic, &messages_kind, NULL},
    {"POST", "/openai/deployments/", &dialect_azure, NULL, azure_serve},
    {"POST", "/openai/v1/chat/completions", &dialect_azure, &chat_kind, NULL},
    {"POST", "/openai/v1/embeddings", &dialect_azure, &embedding_kind, NULL},
    {"POST", "/openai/v1/responses", &dialect_azure, &responses_kind, NULL},
    {"GET", "/v1/models", &dialect_openai, NULL, models_serve},
    {"GET", "/v1/models/", &dialect_openai, NULL, models_serve},
    {"GET", "/mock/ledger", &dialect_openai, NULL, control_show_ledger},
    {"DELETE", "/mock/ledger", &dialect_openai, NULL, control_clear_ledger},
    {"GET", "/mock/config", &dialect_openai, NULL, control_show_config},
    {"POST", "/mock/config", &dialect_openai, NULL, control_change_config},
};

static bool path_matches(const char *path, const char *url)
{
    size_t length = strlen(path);

    if (path[length - 1] == '/') {
        return strncmp(path, url, length) == 0 && url[length] != '\0';
    }
    return strcmp(path, url) == 0;
}

static void serve(struct exchange *exchange, const struct route *route)
{
    if (route->kind != NULL) {
        call_serve(exchange, route->kind, NULL);
    } else {
        route->serve(exchange);
    }
}

void route_serve(struct exchange *exchange)
{
    struct reply *reply = &exchange->reply;
    const char *other = NULL;

    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        const struct route *route = &routes[i];

        if (!path_matches(route->path, exchange->url)) {
            continue;
        }
        reply->dialect = route->dialect;
        if (strcmp(route->method, exchange->method) == 0) {
            serve(exchange, route);
            return;
        }
        other = route->method;
    }
    if (other != NULL) {
        reply_refuse(reply, 405, NULL, "method_not_supported",
                     "Not allowed to %.20s on %.200s. (HINT: Perhaps you meant to use a different "
                     "HTTP method?)",
                     exchange->method, exchange->url);
        reply_header(reply, "allow", "%s", other);
    } else {
        reply_refuse(reply, 404, NULL, "unknown_url", "Invalid URL (%.20s %.200s)",
                     exchange->method, exchange->url);
    }
}
