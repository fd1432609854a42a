/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options: see options.h. */
#include "httpd/options.h"

#include <stdlib.h>

#include "base/xalloc.h"

void options_init(struct front_options *options)
{
    *options = (struct front_options){
        .listen = xstrdup("127.0.0.1:8090"),
        .level = LOG_LEVEL_INFO,
        .limits = {.connections = 16384,
                   .per_address = 256,
                   .body = 64 * 1024 * 1024,
                   .bodies = 256 * 1024 * 1024,
                   .waiting = 1000 * 1000,
                   .rate = 200,
                   .burst = 400,
                   .head_ms = 10000,
                   .body_ms = 120000,
                   .answer_ms = 300000,
                   .idle_ms = 60000},
    };
}

void options_set(char **option, const char *text)
{
    free(*option);
    *option = xstrdup(text);
}

static void free_list(char **list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        free(list[i]);
    free(list);
}

void options_free(struct front_options *options)
{
    free(options->spool);
    free(options->listen);
    free(options->public_url);
    free_list(options->hosts);
    free(options->tokens);
    free(options->tls_certificate);
    free(options->tls_key);
    free_list(options->cors_origins);
    *options = (struct front_options){0};
}
