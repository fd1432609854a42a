/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config: the daemon's configuration: llmspoold.conf, options on top, and the environment when no
 * provider is named.
 */
#include "daemon/config.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/xalloc.h"
#include "provider/provider.h"
#include "upstream/easy.h"
#include "daemon/config_file.h"
#include "daemon/config_table.h"
#include "daemon/key.h"

static const char default_path[] = SYSCONFDIR "/llmspool/llmspoold.conf";

static struct config *config_new(void)
{
    struct config *config = xmalloc(sizeof *config);
    *config = (struct config){
        .trusted_droppers = xcalloc(1, sizeof(char *)),
        .keep_outputs_ms = -1,
        .keep_failed_ms = -1,
        .keep_events_ms = -1,
    };
    setting_defaults(config_settings, config);
    return config;
}

/* Reads the file that was asked for, or the usual one where it exists. */
static int config_load(struct config *config, const char *path, struct error *error)
{
    struct error problem = {0};
    const char *wanted = path != NULL ? path : default_path;
    if (config_file_read(config, wanted, &problem) == 0) {
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

static int sdk_read(struct config *config, const struct sdk *sdk, struct error *error)
{
    const char *url = environment(sdk->url);
    bool has_key = environment(sdk->key) != NULL;
    if (provider_find(sdk->protocol, "chat") == NULL || (url == NULL && !has_key))
        return 0;
    struct config_provider *provider = config_add_provider(config, sdk->protocol);
    const struct setting *protocol = setting_find(provider_settings, "protocol");
    if (setting_read(protocol, sdk->protocol, provider, error) == -1)
        return -1;
    if (url != NULL && easy_check_url(url, NULL, error) == -1) {
        error_prefix(error, "environment variable %s", sdk->url);
        return -1;
    }
    provider->url = xstrdup(url != NULL ? url : config_default_url(sdk->protocol));
    if (!has_key)
        return 0;
    provider->key = key_from_environment(sdk->key, error);
    provider->key_source = xstrdup(sdk->key);
    return provider->key != NULL ? 0 : -1;
}

static int config_from_environment(struct config *config, struct error *error)
{
    static const struct sdk sdks[] = {
        {"openai", "OPENAI_API_KEY", "OPENAI_BASE_URL"},
        {"anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"},
    };
    for (size_t i = 0; i < sizeof sdks / sizeof *sdks; i++) {
        if (sdk_read(config, &sdks[i], error) == -1)
            return -1;
    }
    config->from_environment = config->provider_count > 0;
    return 0;
}

/* What only the whole can tell. */

static const struct config_provider *provider_named(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->provider_count; i++) {
        if (strcmp(config->providers[i].name, name) == 0)
            return &config->providers[i];
    }
    return NULL;
}

static int model_refused(const struct config *config, const struct config_model *model,
                         struct error *error)
{
    const char **names = xcalloc(config->provider_count + 1, sizeof *names);
    for (size_t i = 0; i < config->provider_count; i++)
        names[i] = config->providers[i].name;
    const char *nearest = nearest_word(model->provider, names, config->provider_count);
    free(names);
    error_set(error, ERROR_DATA,
              "%s: model \"%s\" names the provider \"%s\", which is not there%s%s%s", config->path,
              model->pattern, model->provider, nearest != NULL ? "; did you mean \"" : "",
              nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
    return -1;
}

static int config_check(const struct config *config, struct error *error)
{
    for (size_t i = 0; i < config->model_count; i++) {
        if (provider_named(config, config->models[i].provider) == NULL)
            return model_refused(config, &config->models[i], error);
    }
    if (config->backoff_ms <= config->backoff_limit_ms)
        return 0;
    error_set(error, ERROR_DATA, "%s: backoff_limit is below backoff", config->path);
    return -1;
}

static void trim_urls(struct config *config)
{
    for (size_t i = 0; i < config->provider_count; i++) {
        char *url = config->providers[i].url;
        for (size_t length = strlen(url); length > 0 && url[length - 1] == '/'; length--)
            url[length - 1] = '\0';
    }
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
    int failed = config_load(config, options->path, error);
    if (failed == 0 && config->provider_count == 0)
        failed = config_from_environment(config, error);
    if (failed == 0)
        failed = config_check(config, error);
    if (failed == 0)
        failed = config_override(config, options, error);
    if (failed != 0) {
        config_free(config);
        return NULL;
    }
    trim_urls(config);
    return config;
}

const struct config_provider *config_route(const struct config *config, const char *model,
                                           const char *provider)
{
    if (provider != NULL)
        return provider_named(config, provider);
    for (size_t i = 0; i < config->model_count; i++) {
        if (fnmatch(config->models[i].pattern, model, 0) == 0)
            return provider_named(config, config->models[i].provider);
    }
    if (config->from_environment) {
        const struct config_provider *claude = provider_named(config, "anthropic");
        bool wants_claude = strncmp(model, "claude", strlen("claude")) == 0;
        return wants_claude && claude != NULL ? claude : &config->providers[0];
    }
    bool only_one = config->provider_count == 1 && config->model_count == 0;
    return only_one ? &config->providers[0] : NULL;
}

static void provider_clear(struct config_provider *provider)
{
    free(provider->name);
    free(provider->protocol);
    free(provider->url);
    key_free(provider->key);
    free(provider->key_source);
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->provider_count; i++)
        provider_clear(&config->providers[i]);
    free(config->providers);
    for (size_t i = 0; i < config->model_count; i++) {
        free(config->models[i].pattern);
        free(config->models[i].provider);
    }
    free(config->models);
    for (char **name = config->trusted_droppers; *name != NULL; name++)
        free(*name);
    free(config->trusted_droppers);
    free(config->ca_file);
    free(config->path);
    free(config);
}
