/* SPDX-License-Identifier: GPL-2.0-or-later */
/* route: the table of endpoints. */
#include "mock/route.h"

#include <string.h>

#include "mock/call.h"
#include "mock/chat.h"
#include "mock/control.h"
#include "mock/embedding.h"
#include "mock/models.h"

static void serve_chat(struct exchange *exchange)
{
    call_serve(exchange, &chat_kind);
}

static void serve_embedding(struct exchange *exchange)
{
    call_serve(exchange, &embedding_kind);
}

static const struct {
    const char *method;
    const char *path; /* one that ends in a slash stands for all below it */
    void (*serve)(struct exchange *exchange);
} routes[] = {
    {"POST", "/v1/chat/completions", serve_chat}, {"POST", "/v1/embeddings", serve_embedding},
    {"GET", "/v1/models", models_serve},          {"GET", "/v1/models/", models_serve},
    {"GET", "/mock/ledger", control_show_ledger}, {"DELETE", "/mock/ledger", control_clear_ledger},
    {"GET", "/mock/config", control_show_config}, {"POST", "/mock/config", control_change_config},
};

static bool path_matches(const char *path, const char *url)
{
    size_t length = strlen(path);

    if (path[length - 1] == '/') {
        return strncmp(path, url, length) == 0 && url[length] != '\0';
    }
    return strcmp(path, url) == 0;
}

void route_serve(struct exchange *exchange)
{
    struct reply *reply = &exchange->reply;
    const char *other = NULL;

    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (!path_matches(routes[i].path, exchange->url)) {
            continue;
        }
        if (strcmp(routes[i].method, exchange->method) == 0) {
            routes[i].serve(exchange);
            return;
        }
        other = routes[i].method;
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
