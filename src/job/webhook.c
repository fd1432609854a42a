/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webhook: where a job's webhook may go: judged by what it says, before anything is resolved.
 */
#include "job/webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/weburl.h"
#include "base/xalloc.h"

static char **list_copy(char *const *list)
{
    size_t count = 0;
    while (list != NULL && list[count] != NULL)
        count++;
    char **copy = xcalloc(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = xstrdup(list[i]);
    return copy;
}

int webhook_rules_make(struct webhook_rules *rules, char *const *allow, char *const *endpoints,
                       const char *place, struct error *error)
{
    struct networks networks;
    if (networks_read(allow, &networks, error) == -1)
        return -1;
    *rules = (struct webhook_rules){
        .allow = networks,
        .endpoints = list_copy(endpoints),
        .place = xstrdup(place),
    };
    return 0;
}

void webhook_rules_clear(struct webhook_rules *rules)
{
    networks_clear(&rules->allow);
    for (char **name = rules->endpoints; name != NULL && *name != NULL; name++)
        free(*name);
    free(rules->endpoints);
    free(rules->place);
    *rules = (struct webhook_rules){0};
}

bool webhook_forbids(const struct webhook_rules *rules, const struct network *address, char *words)
{
    char shown[NETWORK_TEXT_SIZE], closed[NETWORK_TEXT_SIZE];
    const struct network_special *special = networks_closed(&rules->allow, address);
    if (special == NULL)
        return false;
    (void)snprintf(words, WEBHOOK_WORDS_SIZE,
                   "%s is %s, where webhooks may not go; to allow it: "
                   "webhook { allow %s {\"%s\"} }  in %s",
                   network_write(address, shown), special->what,
                   rules->allow.count > 0 ? "+=" : "=", network_write(&special->network, closed),
                   rules->place);
    return true;
}

bool webhook_is_url(const char *webhook)
{
    return strchr(webhook, ':') != NULL; /* which no name has */
}

/* The address that a URL's host is or stands for without asking a resolver; false: there is none.
 */
static bool host_address(const struct weburl *url, struct network *address)
{
    *address = url->address;
    return url->is_address || (weburl_is_local(url) && network_read_address("127.0.0.1", address));
}

static bool url_allowed(const struct webhook_rules *rules, const char *text, const char **reason,
                        struct error *error)
{
    char words[WEBHOOK_WORDS_SIZE];
    struct network address;
    struct weburl url;
    if (weburl_read(text, &url, error) == -1) {
        *reason = "bad_value";
        error_prefix(error, "the webhook's URL cannot be used");
        return false;
    }
    if (!host_address(&url, &address) || !webhook_forbids(rules, &address, words))
        return true;
    *reason = "webhook_forbidden";
    error_set(error, ERROR_DATA, "the webhook goes to %s: %s", url.host, words);
    return false;
}

bool webhook_allowed(const struct webhook_rules *rules, const char *webhook, const char **reason,
                     struct error *error)
{
    size_t count = 0;
    if (webhook_is_url(webhook))
        return url_allowed(rules, webhook, reason, error);
    for (; rules->endpoints[count] != NULL; count++) {
        if (strcmp(rules->endpoints[count], webhook) == 0)
            return true;
    }
    const char *nearest = nearest_word(webhook, (const char *const *)rules->endpoints, count);
    *reason = "unknown_endpoint";
    error_set(error, ERROR_DATA,
              "the webhook names the endpoint \"%.100s\", which is not there%s%s%s: "
              "endpoint \"%.100s\" { url = \"https://…\" }  in %s makes it",
              webhook, nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
              nearest != NULL ? "\"?" : "", webhook, rules->place);
    return false;
}
