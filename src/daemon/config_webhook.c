/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_webhook: the sections webhook { } and endpoint "NAME" { } of llmspoold.conf: secrets, what
 * is not said, and whether they may go where they are to go. Inner side of config_sections.h.
 */
#include "daemon/config_sections.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/xalloc.h"
#include "daemon/config_table.h"
#include "daemon/key.h"
#include "job/webhook.h"
#include "spool/layout.h"

struct config_endpoint *config_endpoint_at(struct config *config, const char *name)
{
    for (size_t i = 0; i < config->endpoint_count; i++) {
        if (strcmp(config->endpoints[i].name, name) == 0)
            return &config->endpoints[i];
    }
    config->endpoints =
        xrealloc(config->endpoints, (config->endpoint_count + 1) * sizeof *config->endpoints);
    struct config_endpoint *endpoint = &config->endpoints[config->endpoint_count++];
    *endpoint = (struct config_endpoint){.name = xstrdup(name)};
    return endpoint;
}

/* Secrets. */

int config_secret_check(const char *secret, const char *path, struct error *error)
{
    static const char prefix[] = CONFIG_SECRET_PREFIX;
    struct buffer bytes = {0};
    size_t length = strlen(secret);
    bool good = strncmp(secret, prefix, strlen(prefix)) == 0 &&
                (length - strlen(prefix)) % 4 == 0 && /* receivers refuse one without its padding */
                base64_decode(secret + strlen(prefix), length - strlen(prefix), &bytes) &&
                bytes.length >= CONFIG_SECRET_LEAST && bytes.length <= CONFIG_SECRET_MOST;
    if (bytes.bytes != NULL)
        explicit_bzero(bytes.bytes, bytes.length);
    buffer_free(&bytes);
    if (good)
        return 0;
    error_set(error, ERROR_DATA,
              "the secret in %s cannot be used: it is not \"%s\" and the base64 of %d to %d bytes;"
              " this makes one: (printf %s; head -c 32 /dev/urandom | base64) > %s",
              path, prefix, CONFIG_SECRET_LEAST, CONFIG_SECRET_MOST, prefix, path);
    return -1;
}

int config_add_secret(const char *path, struct config_key **secrets, size_t *count,
                      struct error *error)
{
    char *secret = key_from_file(path, error);
    if (secret == NULL)
        return -1;
    int failed = config_secret_check(secret, path, error);
    for (size_t i = 0; failed == 0 && i < *count; i++) {
        if (strcmp((*secrets)[i].key, secret) != 0)
            continue;
        error_set(error, ERROR_DATA, "this secret is there already: %s", (*secrets)[i].source);
        failed = -1;
    }
    if (failed == 0 && *count == CONFIG_SECRETS_MOST) {
        error_set(error, ERROR_DATA, "secret_file holds more than %d values", CONFIG_SECRETS_MOST);
        failed = -1;
    }
    if (failed == -1) {
        key_free(secret);
        return -1;
    }
    *secrets = xrealloc(*secrets, (*count + 1) * sizeof **secrets);
    (*secrets)[(*count)++] =
        (struct config_key){.key = secret, .source = xasprintf("secret_file %s", path)};
    return 0;
}

/* Ends of sections. */

int config_endpoint_end(const struct config_endpoint *endpoint, struct error *error)
{
    const char *problem = NULL;
    if (!layout_name_ok(endpoint->name))
        problem = "has a name that no job can say: 1 to 100 of A-Z a-z 0-9 . _ - and not hex digits"
                  " alone";
    else if (endpoint->url == NULL)
        problem = "has no url";
    if (problem == NULL)
        return 0;
    error_set(error, ERROR_DATA, "endpoint \"%s\" %s", endpoint->name, problem);
    return -1;
}

/* The schedule of Standard Webhooks 1.0, after the first try: three days in all. */
static void complete_retries(struct config_webhook *webhook)
{
    static const char *const delays[] = {"5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"};
    const struct setting *retries = setting_find(webhook_settings, "retries");
    if (webhook->retries != NULL)
        return;
    setting_empty_list(retries, webhook);
    for (size_t i = 0; i < sizeof delays / sizeof *delays; i++)
        (void)setting_read(retries, delays[i], webhook, NULL); /* each is one */
}

static int check_target(const struct webhook_rules *rules, const char *section, const char *url,
                        struct error *error)
{
    const char *reason;
    if (url == NULL || webhook_allowed(rules, url, &reason, error))
        return 0;
    error_prefix(error, "%s: %s", rules->place, section);
    return -1;
}

/* Paths are put behind it. */
static void trim_slash(char *url)
{
    size_t length = url != NULL ? strlen(url) : 0;
    while (length > 0 && url[length - 1] == '/')
        url[--length] = '\0';
}

int config_webhook_complete(struct config *config, struct error *error)
{
    struct webhook_rules rules;
    trim_slash(config->webhook.public_url);
    complete_retries(&config->webhook);
    if (webhook_rules_make(&rules, config->webhook.allow, NULL, config_place(config), error) == -1)
        return -1;
    int failed = check_target(&rules, "webhook", config->webhook.url, error);
    for (size_t i = 0; failed == 0 && i < config->endpoint_count; i++) {
        char *section = xasprintf("endpoint \"%s\"", config->endpoints[i].name);
        failed = check_target(&rules, section, config->endpoints[i].url, error);
        free(section);
    }
    webhook_rules_clear(&rules);
    return failed;
}

/* Freeing. */

void config_webhook_clear(struct config_webhook *webhook)
{
    free(webhook->url);
    config_list_free(webhook->events);
    config_keys_clear(webhook->secrets, webhook->secret_count);
    config_list_free(webhook->allow);
    config_list_free(webhook->retries);
    free(webhook->public_url);
}

void config_endpoint_clear(struct config_endpoint *endpoint)
{
    free(endpoint->name);
    free(endpoint->url);
    config_list_free(endpoint->events);
    config_keys_clear(endpoint->secrets, endpoint->secret_count);
}
