/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config: the daemon's configuration: llmspoold.conf, options on top, and the environment when no
 * provider is named.
 */
#include "daemon/config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/xalloc.h"
#include "provider/provider.h"
#include "daemon/config_file.h"
#include "daemon/config_sections.h"
#include "daemon/config_table.h"

static const char default_path[] = SYSCONFDIR "/llmspool/llmspoold.conf";

const char *config_place(const struct config *config)
{
    return config->path != NULL ? config->path : default_path;
}

static struct config *config_new(void)
{
    struct config *config = xmalloc(sizeof *config);
    *config = (struct config){
        .budget = {-1, -1, -1, -1},
    };
    setting_defaults(config_settings, config);
    setting_defaults(retention_settings, config);
    setting_defaults(webhook_settings, &config->webhook);
    setting_empty_list(setting_find(config_settings, "trusted_droppers"), config);
    return config;
}

/* Reads the file that was asked for, or the usual one where it exists. */
static int config_load(struct config *config, const char *path, bool keys, struct error *error)
{
    struct error problem = {0};
    const char *wanted = path != NULL ? path : default_path;
    if (config_file_read(config, wanted, keys, &problem) == 0) {
        config->path = xstrdup(wanted);
        return 0;
    }
    if (path == NULL && problem.kind == ERROR_ABSENT)
        return 0;
    error_set(error, problem.kind, "%s", problem.text);
    return -1;
}

/* The environment variables of the official SDKs. */

struct sdk {
    const char *protocol; /* and the provider's name */
    const char *key;
    const char *url;
};

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

static bool is_built_in(const char *protocol)
{
    for (const char *const *name = provider_protocols(); *name != NULL; name++) {
        if (strcmp(*name, protocol) == 0)
            return true;
    }
    return false;
}

static int sdk_add(struct config *config, const struct sdk *sdk, struct error *error)
{
    const char *url = environment(sdk->url);
    struct config_provider *provider = config_provider_at(config, sdk->protocol);
    const struct config_place nowhere = {.path = "the environment"};
    if (setting_read(setting_find(provider_settings, "protocol"), sdk->protocol, provider, error) ==
        -1)
        return -1;
    if (url != NULL &&
        setting_read(setting_find(provider_settings, "url"), url, provider, error) == -1) {
        error_prefix(error, "environment variable %s", sdk->url);
        return -1;
    }
    if (environment(sdk->key) != NULL &&
        config_add_key(&nowhere, "key_env", sdk->key, &provider->keys, &provider->key_count,
                       error) == -1)
        return -1;
    return config_provider_end(&nowhere, provider, error);
}

static int config_from_environment(struct config *config, struct error *error)
{
    static const struct sdk sdks[] = {
        {"openai", "OPENAI_API_KEY", "OPENAI_BASE_URL"},
        {"anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"},
    };
    for (size_t i = 0; i < sizeof sdks / sizeof *sdks; i++) {
        bool is_set = environment(sdks[i].key) != NULL || environment(sdks[i].url) != NULL;
        if (is_set && is_built_in(sdks[i].protocol) && sdk_add(config, &sdks[i], error) == -1)
            return -1;
    }
    config->from_environment = config->provider_count > 0;
    return 0;
}

/* What only the whole can tell. */

/* Refuses a provider's name that is none; kind and title are of the section that holds it. */
static int check_provider(const struct config *config, const char *name, const char *kind,
                          const char *title, struct error *error)
{
    const char **names = xcalloc(config->provider_count + 1, sizeof *names);
    bool found = name == NULL;
    for (size_t i = 0; i < config->provider_count; i++) {
        names[i] = config->providers[i].name;
        found = found || strcmp(names[i], name) == 0;
    }
    const char *nearest = found ? NULL : nearest_word(name, names, config->provider_count);
    free(names);
    if (found)
        return 0;
    error_set(error, ERROR_DATA,
              "%s: %s \"%s\" names the provider \"%s\", which is not there%s%s%s", config->path,
              kind, title, name, nearest != NULL ? "; did you mean \"" : "",
              nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
    return -1;
}

static int config_check(const struct config *config, struct error *error)
{
    for (size_t i = 0; i < config->model_count; i++) {
        const struct config_model *model = &config->models[i];
        if (check_provider(config, model->provider, "model", model->pattern, error) == -1)
            return -1;
    }
    for (size_t i = 0; i < config->user_count; i++) {
        const struct config_user *user = &config->users[i];
        if (check_provider(config, user->provider, "user", user->name, error) == -1)
            return -1;
    }
    if (config->backoff_ms <= config->backoff_limit_ms)
        return 0;
    error_set(error, ERROR_DATA, "%s: backoff_limit is below backoff", config->path);
    return -1;
}

/* Numbers on the command line have the bounds that they have in the file. */
static int config_override(struct config *config, const struct config_options *options,
                           struct error *error)
{
    const struct setting *concurrency = setting_find(config_settings, "concurrency");
    const struct setting *drain = setting_find(config_settings, "drain_timeout");
    if (options->concurrency > concurrency->most) {
        error_set(error, ERROR_USAGE, "concurrency is at most %" PRIu64, concurrency->most);
        return -1;
    }
    if (options->drain_timeout_ms < 0 || (uint64_t)options->drain_timeout_ms > drain->most) {
        error_set(error, ERROR_USAGE, "the drain timeout is at most a day");
        return -1;
    }
    if (options->concurrency > 0)
        config->concurrency = options->concurrency;
    if (options->drain_timeout_ms > 0)
        config->drain_timeout_ms = options->drain_timeout_ms;
    return 0;
}

struct config *config_read(const struct config_options *options, struct error *error)
{
    struct config *config = config_new();
    int failed = config_load(config, options->path, true, error);
    if (failed == 0 && config->provider_count == 0)
        failed = config_from_environment(config, error);
    if (failed == 0)
        failed = config_check(config, error);
    if (failed == 0)
        failed = config_webhook_complete(config, error);
    if (failed == 0)
        failed = config_override(config, options, error);
    if (failed != 0) {
        config_free(config);
        return NULL;
    }
    config_users_complete(config);
    return config;
}

/* The rules of sections that say how long their outputs are kept. */
static void add_rules(const struct config *config, struct policy *policy)
{
    policy->models = xcalloc(config->model_count + 1, sizeof *policy->models);
    policy->users = xcalloc(config->user_count + 1, sizeof *policy->users);
    for (size_t i = 0; i < config->model_count; i++) {
        const struct config_model *model = &config->models[i];
        if (model->keep_ms >= 0)
            policy->models[policy->model_count++] =
                (struct policy_rule){xstrdup(model->pattern), model->keep_ms};
    }
    for (size_t i = 0; i < config->user_count; i++) {
        const struct config_user *user = &config->users[i];
        if (user->keep_ms >= 0)
            policy->users[policy->user_count++] =
                (struct policy_rule){xstrdup(user->name), user->keep_ms};
    }
}

int config_read_policy(const char *path, struct policy *policy, struct error *error)
{
    struct config *config = config_new();
    int result = config_load(config, path, false, error);
    if (result == 0) {
        *policy = config->retention;
        add_rules(config, policy);
    }
    config_free(config);
    return result;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->provider_count; i++)
        config_provider_clear(&config->providers[i]);
    free(config->providers);
    for (size_t i = 0; i < config->model_count; i++)
        config_model_clear(&config->models[i]);
    free(config->models);
    for (size_t i = 0; i < config->user_count; i++)
        config_user_clear(&config->users[i]);
    free(config->users);
    for (size_t i = 0; i < config->hook_count; i++)
        config_hook_clear(&config->hooks[i]);
    free(config->hooks);
    config_webhook_clear(&config->webhook);
    for (size_t i = 0; i < config->endpoint_count; i++)
        config_endpoint_clear(&config->endpoints[i]);
    free(config->endpoints);
    config_list_free(config->trusted_droppers);
    config_list_free(config->mail_allow);
    free(config->currency);
    free(config->time_zone);
    free(config->prices);
    free(config->ca_file);
    free(config->metrics_file);
    free(config->metrics_label);
    free(config->path);
    free(config);
}
