/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webhooks: what the configuration in force says of webhooks.
 */
#include "daemon/webhooks.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "daemon/config_sections.h"
#include "daemon/key.h"
#include "daemon/webhook_secret.h"
#include "job/webhook.h"

struct webhooks {
    struct core *core;
    struct webhook_rules rules; /* its place is absolute: others read it from where they are */
    char *secret;               /* the spool's own; NULL: not needed, or not there yet */
};

/* Rules. */

/* The configuration's path from the root; the caller frees it. */
static char *place_of(const struct config *config)
{
    const char *path = config_place(config);
    char *whole = realpath(path, NULL);
    return whole != NULL ? whole : xstrdup(path); /* one that is not there yet */
}

static void rules_make(struct webhooks *webhooks)
{
    char *place = place_of(webhooks->core->config);
    const struct config *config = webhooks->core->config;
    char **names = xcalloc(config->endpoint_count + 1, sizeof *names);
    for (size_t i = 0; i < config->endpoint_count; i++)
        names[i] = config->endpoints[i].name;
    int failed = webhook_rules_make(&webhooks->rules, config->webhook.allow, names, place, NULL);
    assert(failed == 0); /* the configuration was checked */
    free(names);
    free(place);
}

bool webhooks_allow(const struct webhooks *webhooks, const char *webhook, const char **reason,
                    struct error *error)
{
    return webhook_allowed(&webhooks->rules, webhook, reason, error);
}

json_t *webhooks_json(const struct webhooks *webhooks)
{
    const struct config *config = webhooks->core->config;
    json_t *allow = json_array(), *endpoints = json_array();
    for (char *const *text = config->webhook.allow; text != NULL && *text != NULL; text++)
        json_array_append_new(allow, json_string(*text));
    for (size_t i = 0; i < config->endpoint_count; i++)
        json_array_append_new(endpoints, json_string(config->endpoints[i].name));
    return json_pack("{s:s, s:o, s:o}", "configuration", webhooks->rules.place, "allow", allow,
                     "endpoints", endpoints);
}

/* Secrets. */

/* Reads or makes the spool's own. */
static int own_secret(struct webhooks *webhooks, struct error *error)
{
    struct core *core = webhooks->core;
    bool made;
    webhooks->secret = webhook_secret_own(core->spool, &made, error);
    if (webhooks->secret != NULL && made)
        log_info(&core->log, "webhooks are signed with a secret that was just made, %s/%s/%s",
                 core->spool->path, folder_name(FOLDER_STATE), WEBHOOK_SECRET_NAME);
    return webhooks->secret != NULL ? 0 : -1;
}

/* Those of the endpoint, else of all webhooks. */
static const struct config_key *secrets_of(const struct config *config, const char *webhook,
                                           size_t *count)
{
    const struct config_endpoint *endpoint =
        webhook_is_url(webhook) ? NULL : config_endpoint(config, webhook);
    if (endpoint != NULL && endpoint->secret_count > 0) {
        *count = endpoint->secret_count;
        return endpoint->secrets;
    }
    *count = config->webhook.secret_count;
    return config->webhook.secrets;
}

int webhooks_secrets(struct webhooks *webhooks, const char *webhook, const char **secrets,
                     struct error *error)
{
    size_t count;
    const struct config_key *keys = secrets_of(webhooks->core->config, webhook, &count);
    for (size_t i = 0; i < count; i++)
        secrets[i] = keys[i].key;
    if (count > 0)
        return (int)count;
    if (webhooks->secret == NULL && own_secret(webhooks, error) == -1)
        return -1;
    secrets[0] = webhooks->secret;
    return 1;
}

/* Life. */

/* A file that was replaced counts from the next reload on; one that cannot be read leaves the
 * secret as it was. */
static void configure(struct webhooks *webhooks)
{
    char *before = webhooks->secret;
    struct error error;
    rules_make(webhooks);
    webhooks->secret = NULL;
    if (webhooks->core->config->webhook.secret_count == 0 && own_secret(webhooks, &error) == -1) {
        log_warning(&webhooks->core->log, "webhooks %s: %s",
                    before != NULL ? "are signed with the secret as it was" : "cannot be signed",
                    error.text);
        webhooks->secret = before;
        return;
    }
    key_free(before);
}

struct webhooks *webhooks_open(struct core *core)
{
    struct webhooks *webhooks = xcalloc(1, sizeof *webhooks);
    webhooks->core = core;
    configure(webhooks);
    return webhooks;
}

void webhooks_configure(struct webhooks *webhooks)
{
    webhook_rules_clear(&webhooks->rules);
    configure(webhooks);
}

void webhooks_close(struct webhooks *webhooks)
{
    if (webhooks == NULL)
        return;
    webhook_rules_clear(&webhooks->rules);
    key_free(webhooks->secret);
    free(webhooks);
}
