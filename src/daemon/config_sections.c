/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_sections: the sections of llmspoold.conf as parts of a struct config: found or made, given
 * keys, checked at their end.
 */
#include "daemon/config_sections.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "daemon/config_kinds.h"
#include "daemon/config_table.h"
#include "daemon/config_urls.h"
#include "daemon/key.h"
#include "spool/layout.h"

static const struct config_budget no_budget = {-1, -1, -1, -1};

/* Finding and making. */

struct config_provider *config_provider_at(struct config *config, const char *name)
{
    for (size_t i = 0; i < config->provider_count; i++) {
        if (strcmp(config->providers[i].name, name) == 0)
            return &config->providers[i];
    }
    config->providers =
        xrealloc(config->providers, (config->provider_count + 1) * sizeof *config->providers);
    struct config_provider *provider = &config->providers[config->provider_count++];
    *provider = (struct config_provider){.name = xstrdup(name), .budget = no_budget};
    setting_defaults(provider_settings, provider);
    return provider;
}

struct config_model *config_model_at(struct config *config, const char *pattern)
{
    for (size_t i = 0; i < config->model_count; i++) {
        if (strcmp(config->models[i].pattern, pattern) == 0)
            return &config->models[i];
    }
    config->models = xrealloc(config->models, (config->model_count + 1) * sizeof *config->models);
    struct config_model *model = &config->models[config->model_count++];
    *model = (struct config_model){
        .pattern = xstrdup(pattern),
        .price = {.input_nano = -1, .cached_nano = -1, .output_nano = -1},
        .keep_ms = -1,
        .budget = no_budget,
    };
    return model;
}

struct config_user *config_user_at(struct config *config, const char *name)
{
    for (size_t i = 0; i < config->user_count; i++) {
        if (strcmp(config->users[i].name, name) == 0)
            return &config->users[i];
    }
    config->users = xrealloc(config->users, (config->user_count + 1) * sizeof *config->users);
    struct config_user *user = &config->users[config->user_count++];
    *user = (struct config_user){.name = xstrdup(name), .keep_ms = -1, .budget = no_budget};
    return user;
}

struct config_hook *config_hook_at(struct config *config, const char *name)
{
    for (size_t i = 0; i < config->hook_count; i++) {
        if (strcmp(config->hooks[i].name, name) == 0)
            return &config->hooks[i];
    }
    config->hooks = xrealloc(config->hooks, (config->hook_count + 1) * sizeof *config->hooks);
    struct config_hook *hook = &config->hooks[config->hook_count++];
    *hook = (struct config_hook){.name = xstrdup(name)};
    setting_defaults(hook_settings, hook);
    return hook;
}

/* Keys. */

static bool is_private(const struct config_place *place)
{
    return (place->mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) == 0;
}

static char *key_from_config(const struct config_place *place, const char *key, struct error *error)
{
    if (!is_private(place)) {
        error_set(error, ERROR_DATA,
                  "a key stands in this file, and users other than its owner may open it: chmod 600"
                  " %s, or keep the key elsewhere (key_file, key_env, key_credential)",
                  place->path);
        return NULL;
    }
    return key_copy(key, "this file", error);
}

static char *key_found(const struct config_place *place, const char *setting, const char *value,
                       struct error *error)
{
    if (strcmp(setting, "key_file") == 0)
        return key_from_file(value, error);
    if (strcmp(setting, "key_env") == 0)
        return key_from_environment(value, error);
    if (strcmp(setting, "key_credential") == 0)
        return key_from_credential(value, error);
    return key_from_config(place, value, error);
}

int config_add_key(const struct config_place *place, const char *setting, const char *value,
                   struct config_key **keys, size_t *count, struct error *error)
{
    char *key = key_found(place, setting, value, error);
    if (key == NULL)
        return -1;
    for (size_t i = 0; i < *count; i++) {
        if (strcmp((*keys)[i].key, key) != 0)
            continue;
        error_set(error, ERROR_DATA, "this key is there already: %s", (*keys)[i].source);
        key_free(key);
        return -1;
    }
    bool here = strcmp(setting, "key") == 0;
    *keys = xrealloc(*keys, (*count + 1) * sizeof **keys);
    (*keys)[(*count)++] = (struct config_key){
        .key = key,
        .source = here ? xstrdup("key") : xasprintf("%s %s", setting, value),
    };
    return 0;
}

void config_keys_clear(struct config_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        key_free(keys[i].key);
        free(keys[i].source);
    }
    free(keys);
}

/* Ends of sections. */

static int section_problem(struct error *error, const char *kind, const char *name,
                           const char *problem)
{
    error_set(error, ERROR_DATA, "%s \"%s\" %s", kind, name, problem);
    return -1;
}

/* A provider that is named after a protocol, and whose own has the same address. */
static void complete_url(struct config_provider *provider)
{
    const char *named = config_default_url(provider->name);
    const char *spoken = config_default_url(provider->protocol);
    if (provider->urls != NULL || provider->url_file != NULL || named == NULL || spoken == NULL ||
        strcmp(named, spoken) != 0)
        return;
    provider->urls = xcalloc(2, sizeof *provider->urls);
    provider->urls[0] = xstrdup(named);
}

/* Makes the URLs uniform and counts them; false when two are the same then. */
static bool settle_urls(struct config_provider *provider)
{
    provider->url_count = 0;
    for (char **url = provider->urls; url != NULL && *url != NULL; url++) {
        config_url_trim(provider->protocol, *url);
        for (size_t i = 0; i < provider->url_count; i++) {
            if (strcmp(provider->urls[i], *url) == 0)
                return false;
        }
        provider->url_count++;
    }
    return true;
}

static int check_url_file(const struct config_provider *provider, struct error *error)
{
    size_t count;
    char **urls = config_read_urls(provider, &count, error);
    config_list_free(urls);
    return urls != NULL ? 0 : -1;
}

int config_provider_end(const struct config_place *place, struct config_provider *provider,
                        struct error *error)
{
    const char *problem = NULL;
    complete_url(provider);
    bool differ = settle_urls(provider);
    if (*provider->name == '\0')
        problem = "needs a name";
    else if (provider->url_count == 0 && provider->url_file == NULL)
        problem = "has no url";
    else if (provider->url_count > 0 && provider->url_file != NULL)
        problem = "has both url and url_file";
    else if (!differ)
        problem = "has a url twice";
    else if (provider->client_key != NULL && provider->client_cert == NULL)
        problem = "has a client_key without client_cert";
    else if (provider->proxy != NULL && kind_proxy_is_secret(provider->proxy) && !is_private(place))
        problem = "has a password in its proxy, and users other than the file's owner may open it:"
                  " chmod 600";
    if (problem != NULL)
        return section_problem(error, "provider", provider->name, problem);
    return provider->url_file != NULL ? check_url_file(provider, error) : 0;
}

int config_model_end(struct config_model *model, struct error *error)
{
    struct config_price *price = &model->price;
    bool amounts = price->input_nano >= 0 || price->output_nano >= 0 || price->cached_nano >= 0;
    const char *problem = NULL;
    if (*model->pattern == '\0')
        problem = "needs a pattern";
    else if (!setting_any(model_settings, model) && !setting_any(budget_settings, &model->budget))
        problem = "says nothing: it needs a provider or another setting";
    else if (price->free && amounts)
        problem = "is free and has a price";
    else if (amounts && (price->input_nano < 0 || price->output_nano < 0))
        problem = "needs both input_price and output_price, of which one may be 0";
    if (problem != NULL)
        return section_problem(error, "model", model->pattern, problem);
    price->given = price->free || amounts;
    return 0;
}

int config_user_end(const struct config_user *user, struct error *error)
{
    if (*user->name == '\0')
        return section_problem(error, "user", user->name, "needs a name, or \"*\" for all others");
    if (user->provider != NULL && user->key_count == 0)
        return section_problem(error, "user", user->name, "names a provider and no key for it");
    return 0;
}

static bool hook_name_good(const char *name)
{
    static const char *const events[] = {"run-finished", "gate-closed", "budget", "failed", "mail"};
    size_t length = strcspn(name, ":");
    bool label = name[length] != ':' || layout_name_ok(name + length + 1);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        if (strlen(events[i]) == length && memcmp(events[i], name, length) == 0)
            return label && (name[length] == '\0' || strcmp(events[i], "mail") != 0);
    }
    return false;
}

int config_hook_end(const struct config_hook *hook, struct error *error)
{
    if (!hook_name_good(hook->name))
        return section_problem(error, "hook", hook->name,
                               "is for no event: there are run-finished, gate-closed, budget and"
                               " failed, each with a colon and a label behind it for a further"
                               " hook, and mail");
    if (hook->command == NULL || hook->command[0] == NULL)
        return section_problem(error, "hook", hook->name, "has no command");
    return 0;
}

/* Users. */

static char **list_copy(char *const *list)
{
    size_t count = 0;
    while (list[count] != NULL)
        count++;
    char **copy = xcalloc(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = xstrdup(list[i]);
    return copy;
}

static void user_copy_keys(struct config_user *user, const struct config_user *from)
{
    user->provider = from->provider != NULL ? xstrdup(from->provider) : NULL;
    user->keys = xcalloc(from->key_count, sizeof *user->keys);
    for (user->key_count = 0; user->key_count < from->key_count; user->key_count++) {
        const struct config_key *key = &from->keys[user->key_count];
        user->keys[user->key_count] =
            (struct config_key){.key = xstrdup(key->key), .source = xstrdup(key->source)};
    }
}

static void amount_complete(int64_t *amount, int64_t rest)
{
    if (*amount < 0)
        *amount = rest;
}

static void user_complete(struct config_user *user, const struct config_user *rest)
{
    if (user->key_count == 0 && rest->key_count > 0)
        user_copy_keys(user, rest);
    if (user->max_in_flight == 0)
        user->max_in_flight = rest->max_in_flight;
    if (user->max_waiting == 0)
        user->max_waiting = rest->max_waiting;
    if (user->models == NULL && rest->models != NULL)
        user->models = list_copy(rest->models);
    amount_complete(&user->budget.day_nano, rest->budget.day_nano);
    amount_complete(&user->budget.week_nano, rest->budget.week_nano);
    amount_complete(&user->budget.month_nano, rest->budget.month_nano);
    amount_complete(&user->budget.run_nano, rest->budget.run_nano);
}

void config_users_complete(struct config *config)
{
    const struct config_user *rest = config_user(config, NULL);
    for (size_t i = 0; rest != NULL && i < config->user_count; i++) {
        if (&config->users[i] != rest)
            user_complete(&config->users[i], rest);
    }
}

/* Freeing. */

void config_list_free(char **list)
{
    for (char **at = list; at != NULL && *at != NULL; at++)
        free(*at);
    free(list);
}

void config_provider_clear(struct config_provider *provider)
{
    free(provider->name);
    free(provider->protocol);
    config_list_free(provider->urls);
    free(provider->url_file);
    config_keys_clear(provider->keys, provider->key_count);
    free(provider->key_header);
    free(provider->query);
    config_list_free(provider->headers);
    if (provider->proxy != NULL)
        explicit_bzero(provider->proxy, strlen(provider->proxy));
    free(provider->proxy);
    free(provider->ca_file);
    free(provider->client_cert);
    free(provider->client_key);
}

void config_model_clear(struct config_model *model)
{
    free(model->pattern);
    free(model->provider);
    config_list_free(model->fallback);
}

void config_user_clear(struct config_user *user)
{
    free(user->name);
    config_keys_clear(user->keys, user->key_count);
    free(user->provider);
    config_list_free(user->models);
}

void config_hook_clear(struct config_hook *hook)
{
    free(hook->name);
    config_list_free(hook->command);
}
