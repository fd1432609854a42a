/* SPDX-License-Identifier: GPL-2.0-or-later */
/* azure: taking a path apart. */
#include "mock/azure.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "mock/call.h"
#include "mock/chat.h"
#include "mock/embedding.h"
#include "mock/legacy.h"

static const struct {
    const char *ending;
    const struct call_kind *kind;
} calls[] = {
    {"/chat/completions", &chat_kind},
    {"/completions", &legacy_kind},
    {"/embeddings", &embedding_kind},
};

/* The call that a path ends in, or NULL; *length becomes that of the name before it. */
static const struct call_kind *find_call(const char *name, size_t *length)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        size_t whole = strlen(name), ending = strlen(calls[i].ending);

        if (whole > ending && strcmp(name + whole - ending, calls[i].ending) == 0) {
            *length = whole - ending;
            return calls[i].kind;
        }
    }
    return NULL;
}

void azure_serve(struct exchange *exchange)
{
    const char *name = exchange->url + strlen("/openai/deployments/");
    const char *version =
        MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, "api-version");
    size_t length = 0;
    const struct call_kind *kind = find_call(name, &length);
    char *model;

    if (kind == NULL || version == NULL || *version == '\0') {
        reply_refuse(&exchange->reply, 404, NULL, NULL, "Resource not found");
        return;
    }
    model = xstrndup(name, length);
    call_serve(exchange, kind, model);
    free(model);
}
