/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_urls: the base URLs of providers: checked, made uniform, read from a file.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_CONFIG_URLS_H
#define DAEMON_CONFIG_URLS_H

#include "base/error.h"

/* Whether requests may go to url, which may hold {model} in its path. Returns 0, or -1 with an
 * error of kind ERROR_DATA that does not repeat the URL. */
int config_url_check(const char *url, struct error *error);

/* The URL of a request: base with the model's name, percent-encoded, in place of each {model}, then
 * path, then the query after a question mark (or NULL). For the caller to free. */
char *config_url_make(const char *base, const char *model, const char *path, const char *query);

/* Cuts off what the protocol's paths begin with: slashes at the end, and /v1 for anthropic. */
void config_url_trim(const char *protocol, char *url);

/* The URL of a provider that is named after its protocol and names no URL, or NULL. */
const char *config_default_url(const char *protocol);

#endif
