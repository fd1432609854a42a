/* SPDX-License-Identifier: GPL-2.0-or-later */
/* provider: the protocols there are. */
#include "provider/provider.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "provider/anthropic.h"
#include "provider/openai.h"
#include "provider/openai_completion.h"
#include "provider/openai_embed.h"
#include "provider/openai_responses.h"

/* Who serves which protocol. Where a protocol has no own way for a type of jobs, a sister's stands
 * here under its name. */
static const struct {
    const char *protocol;
    const struct provider *provider;
} providers[] = {
    {"openai", &provider_openai},
    {"openai", &provider_openai_completion},
    {"openai", &provider_openai_embed},
    {"openai-responses", &provider_openai_responses},
    {"openai-responses", &provider_openai_completion},
    {"openai-responses", &provider_openai_embed},
    {"anthropic", &provider_anthropic},
};

static const char *const protocols[] = {"openai", "openai-responses", "anthropic", NULL};

void provider_request_json(struct provider_request *request, const char *path, bool stream,
                           json_t *body)
{
    *request = (struct provider_request){.path = path};
    request->headers[0] = xstrdup("Content-Type: application/json");
    if (stream) {
        request->headers[1] = xstrdup("Accept: text/event-stream, application/json");
        request->headers[2] = xstrdup("Accept-Encoding: identity"); /* gzip holds events back */
    } else {
        request->headers[1] = xstrdup("Accept: application/json");
    }
    jsontext_write(&request->body, body);
    json_decref(body);
}

void provider_request_clear(struct provider_request *request)
{
    for (size_t i = 0; request->headers[i] != NULL; i++) {
        free(request->headers[i]);
        request->headers[i] = NULL;
    }
    buffer_free(&request->body);
}

char *provider_key_header(const struct provider *provider, const char *key)
{
    return xasprintf("%s%s", provider->key_header, key);
}

const struct provider *provider_find(const char *protocol, const char *type)
{
    for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) {
        if (strcmp(providers[i].protocol, protocol) == 0 &&
            strcmp(providers[i].provider->type, type) == 0) {
            return providers[i].provider;
        }
    }
    return NULL;
}

const char *const *provider_protocols(void)
{
    return protocols;
}
