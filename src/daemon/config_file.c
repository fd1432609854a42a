/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_file: llmspoold.conf read with libconfuse into a struct config.
 *
 * Values go from libconfuse's validation callbacks straight into the configuration, while the line
 * is known.
 */
#include "daemon/config_file.h"

#include <assert.h>
#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/config_reading.h"
#include "base/config_text.h"
#include "base/xalloc.h"
#include "spool/file.h"
#include "daemon/config_sections.h"
#include "daemon/config_table.h"

enum { OPTIONS_MAX = 40 }; /* of one section, with the two at its ends */

/* The kinds of sections; a budget is one for each kind that it may stand in. */
enum kind {
    KIND_ROOT,
    KIND_PROVIDER,
    KIND_MODEL,
    KIND_USER,
    KIND_HOOK,
    KIND_WEBHOOK,
    KIND_ENDPOINT,
    KIND_RETENTION,
    KIND_BUDGET,
    KIND_PROVIDER_BUDGET,
    KIND_MODEL_BUDGET,
    KIND_USER_BUDGET,
    KINDS,
};

/* What the callbacks share. */
struct reading {
    struct config_reading base;
    /* What a section's first option leads to. */
    struct section {
        struct config_section base;
        enum kind kind;
    } sections[KINDS];
    struct config *config;
    struct config_place place;
    bool keys; /* they are wanted */
    cfg_t *root;
};

static const struct section *section_of(cfg_t *section)
{
    return (const struct section *)(void *)config_reading_section(section);
}

static struct reading *reading_of(cfg_t *section)
{
    return (struct reading *)(void *)section_of(section)->base.reading;
}

/* Sections. */

/* The name of the section of this kind that is being read, which is the last one. */
static const char *open_title(const struct reading *reading, const char *kind)
{
    cfg_opt_t *option = cfg_getopt(reading->root, kind);
    return cfg_title(cfg_opt_getnsec(option, cfg_opt_size(option) - 1));
}

static void *root_object(struct reading *reading)
{
    return reading->config;
}

static void *provider_object(struct reading *reading)
{
    return config_provider_at(reading->config, open_title(reading, "provider"));
}

static void *model_object(struct reading *reading)
{
    return config_model_at(reading->config, open_title(reading, "model"));
}

static void *user_object(struct reading *reading)
{
    return config_user_at(reading->config, open_title(reading, "user"));
}

static void *hook_object(struct reading *reading)
{
    return config_hook_at(reading->config, open_title(reading, "hook"));
}

static void *webhook_object(struct reading *reading)
{
    return &reading->config->webhook;
}

static void *endpoint_object(struct reading *reading)
{
    return config_endpoint_at(reading->config, open_title(reading, "endpoint"));
}

static void *budget_object(struct reading *reading)
{
    return &reading->config->budget;
}

static void *provider_budget_object(struct reading *reading)
{
    return &((struct config_provider *)provider_object(reading))->budget;
}

static void *model_budget_object(struct reading *reading)
{
    return &((struct config_model *)model_object(reading))->budget;
}

static void *user_budget_object(struct reading *reading)
{
    return &((struct config_user *)user_object(reading))->budget;
}

/* Which settings each kind has, and what they are fields of. */
static const struct {
    const struct setting *settings;
    void *(*object)(struct reading *reading);
} kinds[KINDS] = {
    [KIND_ROOT] = {config_settings, root_object},
    [KIND_PROVIDER] = {provider_settings, provider_object},
    [KIND_MODEL] = {model_settings, model_object},
    [KIND_USER] = {user_settings, user_object},
    [KIND_HOOK] = {hook_settings, hook_object},
    [KIND_WEBHOOK] = {webhook_settings, webhook_object},
    [KIND_ENDPOINT] = {endpoint_settings, endpoint_object},
    [KIND_RETENTION] = {retention_settings, root_object},
    [KIND_BUDGET] = {budget_settings, budget_object},
    [KIND_PROVIDER_BUDGET] = {budget_settings, provider_budget_object},
    [KIND_MODEL_BUDGET] = {budget_settings, model_budget_object},
    [KIND_USER_BUDGET] = {budget_settings, user_budget_object},
};

/* Settings. */

/* Takes a value away from libconfuse, so that it is read once; NULL when that was done already. */
static char *take_value(cfg_opt_t *option, unsigned i)
{
    char *value = option->values[i]->string;
    option->values[i]->string = NULL;
    return value;
}

/* Keys and proxies hold secrets. */
static void wipe_value(char *value)
{
    if (value == NULL)
        return;
    explicit_bzero(value, strlen(value));
    free(value);
}

static int on_setting(cfg_t *section, cfg_opt_t *option)
{
    struct reading *reading = reading_of(section);
    enum kind kind = section_of(section)->kind;
    struct error problem = {0};
    char *value = take_value(option, 0);
    int failed = setting_read(setting_find(kinds[kind].settings, option->name), value,
                              kinds[kind].object(reading), &problem);
    wipe_value(value);
    return failed == 0 ? 0 : config_reading_fail(&reading->base, section->line, &problem);
}

/* Called for each element of a list, and once more at its end. */
static int on_list(cfg_t *section, cfg_opt_t *option)
{
    struct reading *reading = reading_of(section);
    enum kind kind = section_of(section)->kind;
    const struct setting *setting = setting_find(kinds[kind].settings, option->name);
    void *object = kinds[kind].object(reading);
    struct error problem = {0};
    unsigned count = cfg_opt_size(option);
    for (unsigned i = 0; i < count && problem.kind == ERROR_NONE; i++) {
        char *value = take_value(option, i);
        if (value != NULL && i == 0)
            setting_empty_list(setting, object);
        if (value != NULL)
            (void)setting_read(setting, value, object, &problem);
        wipe_value(value);
    }
    return problem.kind == ERROR_NONE
               ? 0
               : config_reading_fail(&reading->base, section->line, &problem);
}

static int add_key(struct reading *reading, enum kind kind, const char *setting, const char *value,
                   struct error *error)
{
    if (kind == KIND_WEBHOOK) {
        struct config_webhook *webhook = webhook_object(reading);
        return config_add_secret(value, &webhook->secrets, &webhook->secret_count, error);
    }
    if (kind == KIND_ENDPOINT) {
        struct config_endpoint *endpoint = endpoint_object(reading);
        return config_add_secret(value, &endpoint->secrets, &endpoint->secret_count, error);
    }
    if (kind == KIND_USER) {
        struct config_user *user = user_object(reading);
        return config_add_key(&reading->place, setting, value, &user->keys, &user->key_count,
                              error);
    }
    struct config_provider *provider = provider_object(reading);
    return config_add_key(&reading->place, setting, value, &provider->keys, &provider->key_count,
                          error);
}

static int on_key(cfg_t *section, cfg_opt_t *option)
{
    struct reading *reading = reading_of(section);
    struct error problem = {0};
    for (unsigned i = 0; i < cfg_opt_size(option); i++) {
        char *value = take_value(option, i);
        if (value == NULL)
            continue;
        if (problem.kind == ERROR_NONE && reading->keys)
            (void)add_key(reading, section_of(section)->kind, option->name, value, &problem);
        wipe_value(value);
    }
    return problem.kind == ERROR_NONE
               ? 0
               : config_reading_fail(&reading->base, section->line, &problem);
}

/* Ends of sections. */

/* libconfuse calls nobody for a list without elements; it only notes that it was there. */
static void take_empty_lists(cfg_t *section)
{
    enum kind kind = section_of(section)->kind;
    for (cfg_opt_t *option = section->opts + 1; option->name != NULL; option++) {
        const struct setting *setting = setting_find(kinds[kind].settings, option->name);
        bool is_empty = (option->flags & CFGF_MODIFIED) != 0 && cfg_opt_size(option) == 0;
        if (is_empty && setting != NULL && setting->kind->list)
            setting_empty_list(setting, kinds[kind].object(reading_of(section)));
    }
}

static int check_end(struct reading *reading, enum kind kind, struct error *error)
{
    void *object = kinds[kind].object(reading);
    if (kind == KIND_WEBHOOK)
        return 0;
    if (kind == KIND_ENDPOINT)
        return config_endpoint_end(object, error);
    if (kind == KIND_PROVIDER)
        return config_provider_end(&reading->place, object, error);
    if (kind == KIND_HOOK)
        return config_hook_end(object, error);
    return kind == KIND_MODEL ? config_model_end(object, error) : config_user_end(object, error);
}

static int on_end(cfg_t *root, cfg_opt_t *option)
{
    struct reading *reading = reading_of(root);
    struct error problem = {0};
    cfg_t *section = cfg_opt_getnsec(option, cfg_opt_size(option) - 1);
    take_empty_lists(section);
    if (reading->keys && check_end(reading, section_of(section)->kind, &problem) == -1)
        return config_reading_fail(&reading->base, root->line, &problem);
    return 0;
}

/* What libconfuse is told. */

struct options {
    cfg_opt_t list[OPTIONS_MAX]; /* CFGT_NONE ends it */
    size_t count;
};

static void add_option(struct options *options, cfg_opt_t option, cfg_validate_callback_t check)
{
    assert(options->count + 1 < OPTIONS_MAX);
    options->list[options->count] = option;
    options->list[options->count++].validcb = check;
}

/* Begins the options of a kind of section with the settings of its table. */
static void begin_options(struct options *options, struct reading *reading, enum kind kind)
{
    *options = (struct options){0};
    reading->sections[kind] = (struct section){{&reading->base}, kind};
    add_option(options, config_reading_option(&reading->sections[kind].base), NULL);
    for (const struct setting *row = kinds[kind].settings; row->name != NULL; row++) {
        if (row->kind->list)
            add_option(options, (cfg_opt_t)CFG_STR_LIST(row->name, NULL, CFGF_NODEFAULT), on_list);
        else
            add_option(options, (cfg_opt_t)CFG_STR(row->name, NULL, CFGF_NODEFAULT), on_setting);
    }
}

static void add_keys(struct options *options)
{
    static const char *const names[] = {"key", "key_file", "key_env", "key_credential"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        add_option(options, (cfg_opt_t)CFG_STR_LIST(names[i], NULL, CFGF_NODEFAULT), on_key);
}

/* Adds a section to the options of the one that it stands in. */
static void add_section(struct options *outer, const char *name, struct options *inner,
                        cfg_flag_t flags, cfg_validate_callback_t at_end)
{
    add_option(outer, (cfg_opt_t)CFG_SEC(name, inner->list, flags), at_end);
}

/* A titled section that may hold a budget; libconfuse copies all options when the outermost list is
 * given to it, so budget lives as long as those. */
struct titled {
    struct options section, budget;
};

static void add_titled(struct options *root, struct reading *reading, struct titled *titled,
                       const char *name, enum kind kind, enum kind budget)
{
    begin_options(&titled->section, reading, kind);
    begin_options(&titled->budget, reading, budget);
    if (kind != KIND_MODEL)
        add_keys(&titled->section);
    add_section(&titled->section, "budget", &titled->budget, CFGF_NONE, NULL);
    add_section(root, name, &titled->section, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES,
                on_end);
}

/* The sections about webhooks. */
static void add_receivers(struct options *root, struct reading *reading, struct options *webhook,
                          struct options *endpoint)
{
    const cfg_opt_t secrets = CFG_STR_LIST("secret_file", NULL, CFGF_NODEFAULT);
    begin_options(webhook, reading, KIND_WEBHOOK);
    begin_options(endpoint, reading, KIND_ENDPOINT);
    add_option(webhook, secrets, on_key);
    add_option(endpoint, secrets, on_key);
    add_section(root, "webhook", webhook, CFGF_NONE, on_end);
    add_section(root, "endpoint", endpoint, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES, on_end);
}

static cfg_t *reading_open(struct reading *reading)
{
    struct {
        struct options root, hook, webhook, endpoint, retention, budget;
        struct titled provider, model, user;
    } *all = xcalloc(1, sizeof *all);
    begin_options(&all->root, reading, KIND_ROOT);
    begin_options(&all->retention, reading, KIND_RETENTION);
    begin_options(&all->budget, reading, KIND_BUDGET);
    add_titled(&all->root, reading, &all->provider, "provider", KIND_PROVIDER,
               KIND_PROVIDER_BUDGET);
    add_titled(&all->root, reading, &all->model, "model", KIND_MODEL, KIND_MODEL_BUDGET);
    add_titled(&all->root, reading, &all->user, "user", KIND_USER, KIND_USER_BUDGET);
    begin_options(&all->hook, reading, KIND_HOOK);
    add_section(&all->root, "hook", &all->hook, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES,
                on_end);
    add_receivers(&all->root, reading, &all->webhook, &all->endpoint);
    add_section(&all->root, "retention", &all->retention, CFGF_NONE, NULL);
    add_section(&all->root, "budget", &all->budget, CFGF_NONE, NULL);
    cfg_t *parser = cfg_init(all->root.list, CFGF_NONE); /* copies them all */
    free(all);
    return parser;
}

static int reading_parse(struct reading *reading, char *text)
{
    struct error problem;
    int line;
    if (config_text_check(text, &line, &problem) == -1)
        return config_reading_fail(&reading->base, line, &problem);
    cfg_t *parser = reading_open(reading);
    if (parser == NULL) {
        error_set(reading->base.error, ERROR_SYSTEM, "out of memory for %s", reading->place.path);
        return -1;
    }
    reading->root = parser;
    config_reading_errors(parser);
    int result = cfg_parse_buf(parser, text);
    if (result == CFG_SUCCESS)
        take_empty_lists(parser);
    (void)cfg_free(parser);
    if (result != CFG_SUCCESS && !reading->base.failed) {
        error_set(reading->base.error, ERROR_SYSTEM, "%s cannot be read", reading->place.path);
        return -1;
    }
    return reading->base.failed ? -1 : 0;
}

static int open_regular(const char *path, struct stat *status, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd == -1) {
        int problem = errno;
        error_system(error, problem, "the configuration %s cannot be read", path);
        if (problem == ENOENT && error != NULL)
            error->kind = ERROR_ABSENT;
        return -1;
    }
    if (fstat(fd, status) == 0 && S_ISREG(status->st_mode))
        return fd;
    error_set(error, ERROR_DATA, "the configuration %s is no regular file", path);
    (void)close(fd); /* was not even read */
    return -1;
}

int config_file_read(struct config *config, const char *path, bool keys, struct error *error)
{
    struct stat status;
    int fd = open_regular(path, &status, error);
    if (fd == -1)
        return -1;
    struct buffer text = {0};
    int failed = file_read(fd, CONFIG_FILE_LIMIT, &text);
    (void)close(fd); /* was only read */
    if (failed != 0) {
        error_system(error, -failed, "the configuration %s cannot be read", path);
    } else if (text.length > 0 && strlen(text.bytes) != text.length) {
        error_set(error, ERROR_DATA, "the configuration %s is no text", path);
        failed = -1;
    } else {
        struct reading reading = {
            .base = {.path = path, .page = "llmspoold.conf(5)", .error = error},
            .config = config,
            .place = {path, status.st_mode},
            .keys = keys};
        buffer_byte(&text, '\n'); /* libconfuse reads no empty text */
        failed = reading_parse(&reading, text.bytes);
    }
    if (text.bytes != NULL)
        explicit_bzero(text.bytes, text.length);
    buffer_free(&text);
    return failed == 0 ? 0 : -1;
}
