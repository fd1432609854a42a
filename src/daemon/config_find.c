/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_find: what the configuration says of a model, a user or an endpoint.
 */
#include "daemon/config.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/timetext.h"
#include "base/xalloc.h"

static bool fits(const char *pattern, const char *model)
{
    return fnmatch(pattern, model, 0) == 0;
}

static const struct config_provider *provider_named(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->provider_count; i++) {
        if (strcmp(config->providers[i].name, name) == 0)
            return &config->providers[i];
    }
    return NULL;
}

/* The section from *at on that fits next, and *at behind it; NULL at the end. */
static const struct config_model *next_fitting(const struct config *config, const char *model,
                                               size_t *at)
{
    while (*at < config->model_count) {
        const struct config_model *section = &config->models[(*at)++];
        if (fits(section->pattern, model))
            return section;
    }
    return NULL;
}

static bool models_name_providers(const struct config *config)
{
    for (size_t i = 0; i < config->model_count; i++) {
        if (config->models[i].provider != NULL)
            return true;
    }
    return false;
}

const struct config_provider *config_route(const struct config *config, const char *model,
                                           const char *provider)
{
    if (provider != NULL)
        return provider_named(config, provider);
    const struct config_model *section;
    for (size_t at = 0; (section = next_fitting(config, model, &at)) != NULL;) {
        if (section->provider != NULL)
            return provider_named(config, section->provider);
    }
    if (config->from_environment) {
        const struct config_provider *claude = provider_named(config, "anthropic");
        bool wants_claude = strncmp(model, "claude", strlen("claude")) == 0;
        return wants_claude && claude != NULL ? claude : &config->providers[0];
    }
    bool only_one = config->provider_count == 1 && !models_name_providers(config);
    return only_one ? &config->providers[0] : NULL;
}

/* Goes through the sections that say something of a model at its provider. */
struct sections {
    const struct config *config;
    const char *model;
    const struct config_provider *route; /* or NULL */
    size_t at;
};

static struct sections sections_at(const struct config *config, const char *model,
                                   const struct config_provider *route)
{
    return (struct sections){config, model, route, 0};
}

static struct sections sections_of(const struct config *config, const char *model,
                                   const char *provider)
{
    return sections_at(config, model, config_route(config, model, provider));
}

/* NULL at the end. What a section says of one provider's models is not true of another's: a price
 * of the machines at home must not make those of a shop free. */
static const struct config_model *next_section(struct sections *sections)
{
    const struct config_model *section;
    while ((section = next_fitting(sections->config, sections->model, &sections->at)) != NULL) {
        if (section->provider == NULL ||
            (sections->route != NULL && strcmp(section->provider, sections->route->name) == 0))
            return section;
    }
    return NULL;
}

static char **fallback_list(const struct config *config, const char *model, const char *provider)
{
    struct sections sections = sections_of(config, model, provider);
    const struct config_model *section;
    while ((section = next_section(&sections)) != NULL) {
        if (section->fallback != NULL)
            return section->fallback;
    }
    return NULL;
}

static bool named_before(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

const char **config_model_fallback(const struct config *config, const char *model,
                                   const char *provider)
{
    char **list = fallback_list(config, model, provider);
    size_t length = 0;
    while (list != NULL && list[length] != NULL)
        length++;
    const char **names = xcalloc(length + 1, sizeof *names);
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        if (strcmp(list[i], model) != 0 && !named_before(names, count, list[i]))
            names[count++] = list[i];
    }
    if (count > 0)
        return names;
    free(names);
    return NULL;
}

void config_model_price(const struct config *config, const char *model, const char *provider,
                        struct config_price *price)
{
    struct sections sections = sections_of(config, model, provider);
    const struct config_model *section;
    while ((section = next_section(&sections)) != NULL) {
        if (section->price.given) {
            *price = section->price;
            if (price->free)
                price->input_nano = price->output_nano = 0;
            return;
        }
    }
    *price = (struct config_price){.cached_nano = -1};
}

static void fill(uint64_t *limit, uint64_t said)
{
    if (*limit == 0)
        *limit = said;
}

static void fill_limits(struct config_limits *limits, const struct config_limits *said)
{
    if (limits->max_in_flight == 0)
        limits->max_in_flight = said->max_in_flight;
    fill(&limits->rpm, said->rpm);
    fill(&limits->tpm, said->tpm);
    fill(&limits->input_tpm, said->input_tpm);
    fill(&limits->output_tpm, said->output_tpm);
    fill(&limits->rpd, said->rpd);
}

void config_model_limits(const struct config *config, const char *model,
                         const struct config_provider *provider, struct config_limits *limits)
{
    *limits = (struct config_limits){0};
    struct sections sections = provider != NULL ? sections_at(config, model, provider)
                                                : sections_of(config, model, NULL);
    const struct config_model *section;
    while ((section = next_section(&sections)) != NULL)
        fill_limits(limits, &section->limits);
    if (provider != NULL)
        fill_limits(limits, &provider->limits);
}

uint64_t config_model_max_output(const struct config *config, const char *model,
                                 const char *provider)
{
    struct sections sections = sections_of(config, model, provider);
    const struct config_model *section;
    while ((section = next_section(&sections)) != NULL) {
        if (section->max_output_tokens > 0)
            return section->max_output_tokens;
    }
    return 0;
}

const struct config_user *config_user(const struct config *config, const char *name)
{
    const struct config_user *rest = NULL;
    for (size_t i = 0; i < config->user_count; i++) {
        const struct config_user *user = &config->users[i];
        if (name != NULL && strcmp(user->name, name) == 0)
            return user;
        if (strcmp(user->name, "*") == 0)
            rest = user;
    }
    return rest;
}

bool config_user_allows(const struct config_user *user, const char *model)
{
    if (user == NULL || user->models == NULL)
        return true;
    for (char **pattern = user->models; *pattern != NULL; pattern++) {
        if (fits(*pattern, model))
            return true;
    }
    return false;
}

const struct config_hook *config_hook(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->hook_count; i++) {
        if (strcmp(config->hooks[i].name, name) == 0)
            return &config->hooks[i];
    }
    return NULL;
}

const struct config_endpoint *config_endpoint(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->endpoint_count; i++) {
        if (strcmp(config->endpoints[i].name, name) == 0)
            return &config->endpoints[i];
    }
    return NULL;
}

bool config_hook_hears(const struct config_hook *hook, const char *event)
{
    size_t length = strlen(event);
    return strncmp(hook->name, event, length) == 0 &&
           (hook->name[length] == '\0' || hook->name[length] == ':');
}

bool config_webhook_hears(char *const *events, const char *event)
{
    for (char *const *at = events; at != NULL && *at != NULL; at++) {
        if (strcmp(*at, event) == 0)
            return true;
    }
    return events == NULL;
}

int64_t config_webhook_retry(const struct config_webhook *webhook, unsigned tries)
{
    int64_t ms;
    for (unsigned i = 0; tries > 0 && webhook->retries[i] != NULL; i++) {
        if (i + 1 == tries && timetext_read_duration(webhook->retries[i], &ms) == 0)
            return ms;
    }
    return -1;
}
