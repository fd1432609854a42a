/* SPDX-License-Identifier: GPL-2.0-or-later */
/* provider: the protocols there are. */
#include "provider/provider.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "provider/openai.h"

static const struct provider *const providers[] = {&provider_openai};

static const char *const protocols[] = {"openai", NULL};

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

const struct provider *provider_find(const char *protocol)
{
    for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) {
        if (strcmp(providers[i]->protocol, protocol) == 0) {
            return providers[i];
        }
    }
    return NULL;
}

const char *const *provider_protocols(void)
{
    return protocols;
}
