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
#include "base/nearest.h"
#include "base/xalloc.h"
#include "spool/file.h"
#include "provider/provider.h"
#include "upstream/easy.h"
#include "daemon/config_table.h"
#include "daemon/config_text.h"
#include "daemon/key.h"

enum { OPTIONS_MAX = 32 }; /* of one section, with the two at its ends */

/* What the callbacks share. */
struct reading {
    struct config *config;
    const char *path;
    mode_t mode; /* of the file */
    bool failed; /* error is filled: what follows is only its echo */
    struct error *error;
};

/* libconfuse's callbacks get no argument of ours, so each section's first option leads to it: a
 * function, which libconfuse gives no value, and which no file can call, because config_text lets
 * no parenthesis through. */
static const char reading_name[] = "\001reading";

static int on_call(cfg_t *section, cfg_opt_t *option, int count, const char **arguments)
{
    (void)section, (void)option, (void)count, (void)arguments;
    return -1;
}

static struct reading *reading_of(cfg_t *section)
{
    assert(strcmp(section->opts[0].name, reading_name) == 0);
    return (struct reading *)(void *)section->opts[0].simple_value.ptr;
}

/* Prefixes what went wrong with file and line and keeps the first of it. */
static int reading_fail(struct reading *reading, int line, const struct error *problem)
{
    if (!reading->failed)
        error_set(reading->error, problem->kind, "%s:%d: %s", reading->path, line, problem->text);
    reading->failed = true;
    return -1;
}

/* Words for a setting or section that this version does not know. */
static void describe_unknown(cfg_t *section, const char *name, struct error *problem)
{
    const char *known[OPTIONS_MAX];
    size_t count = 0;
    for (const cfg_opt_t *option = section->opts + 1; option->name != NULL; option++)
        known[count++] = option->name;
    const char *nearest = nearest_word(name, known, count);
    error_set(problem, ERROR_DATA, "there is no setting \"%s\"%s", name,
              strcmp(section->name, "root") == 0 ? "" : " in this section");
    size_t length = strlen(problem->text);
    if (nearest != NULL)
        (void)snprintf(problem->text + length, sizeof problem->text - length,
                       "; did you mean \"%s\"?", nearest);
    else
        (void)snprintf(problem->text + length, sizeof problem->text - length,
                       "; see llmspoold.conf(5) for those that exist");
}

__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *section, const char *format,
                                                           va_list arguments)
{
    static const char unknown[] = "no such option '";
    struct error problem = {.kind = ERROR_DATA};
    (void)vsnprintf(problem.text, sizeof problem.text, format, arguments);
    if (strncmp(problem.text, unknown, strlen(unknown)) == 0) {
        char *name = xstrdup(problem.text + strlen(unknown));
        name[strcspn(name, "'")] = '\0';
        describe_unknown(section, name, &problem);
        free(name);
    }
    (void)reading_fail(reading_of(section), section->line, &problem);
}

/* Sections. */

struct config_provider *config_add_provider(struct config *config, const char *name)
{
    config->providers =
        xrealloc(config->providers, (config->provider_count + 1) * sizeof *config->providers);
    struct config_provider *provider = &config->providers[config->provider_count++];
    *provider = (struct config_provider){.name = xstrdup(name)};
    setting_defaults(provider_settings, provider);
    return provider;
}

static struct config_provider *provider_of(struct config *config, const char *name)
{
    for (size_t i = 0; i < config->provider_count; i++) {
        if (strcmp(config->providers[i].name, name) == 0)
            return &config->providers[i];
    }
    return config_add_provider(config, name);
}

static struct config_model *model_of(struct config *config, const char *pattern)
{
    for (size_t i = 0; i < config->model_count; i++) {
        if (strcmp(config->models[i].pattern, pattern) == 0)
            return &config->models[i];
    }
    config->models = xrealloc(config->models, (config->model_count + 1) * sizeof *config->models);
    struct config_model *model = &config->models[config->model_count++];
    *model = (struct config_model){.pattern = xstrdup(pattern)};
    return model;
}

const char *config_default_url(const char *protocol)
{
    static const struct {
        const char *protocol;
        const char *url;
    } urls[] = {
        {"openai", "https://api.openai.com/v1"},
        {"anthropic", "https://api.anthropic.com"},
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        if (strcmp(urls[i].protocol, protocol) == 0)
            return urls[i].url;
    }
    return NULL;
}

/* Settings of one value. */

static int check_protocol(const char *protocol, struct error *error)
{
    if (provider_find(protocol, "chat") != NULL)
        return 0;
    struct buffer list = {0};
    for (const char *const *name = provider_protocols(); *name != NULL; name++)
        buffer_printf(&list, "%s%s", list.length > 0 ? ", " : "", *name);
    error_set(error, ERROR_DATA, "protocol \"%s\" is not spoken here; there is: %s", protocol,
              list.bytes != NULL ? list.bytes : "none");
    buffer_free(&list);
    return -1;
}

static int check_provider_setting(const struct config_provider *provider, const char *name,
                                  struct error *error)
{
    if (strcmp(name, "protocol") == 0)
        return check_protocol(provider->protocol, error);
    if (strcmp(name, "url") == 0)
        return easy_check_url(provider->url, NULL, error);
    return 0;
}

static int read_setting(struct reading *reading, cfg_t *section, const char *name, const char *text,
                        struct error *error)
{
    struct config *config = reading->config;
    if (strcmp(section->name, "provider") == 0) {
        struct config_provider *provider = provider_of(config, section->title);
        int failed = setting_read(setting_find(provider_settings, name), text, provider, error);
        return failed == -1 ? -1 : check_provider_setting(provider, name, error);
    }
    if (strcmp(section->name, "model") == 0)
        return setting_read(setting_find(model_settings, name), text,
                            model_of(config, section->title), error);
    if (strcmp(section->name, "retention") == 0)
        return setting_read(setting_find(retention_settings, name), text, config, error);
    return setting_read(setting_find(config_settings, name), text, config, error);
}

static int on_setting(cfg_t *section, cfg_opt_t *option)
{
    struct reading *reading = reading_of(section);
    struct error problem = {0};
    const char *text = cfg_opt_getnstr(option, 0);
    if (read_setting(reading, section, option->name, text, &problem) == -1)
        return reading_fail(reading, section->line, &problem);
    return 0;
}

/* trusted_droppers: called for each element of the list, and once more at its end. */
static int on_droppers(cfg_t *section, cfg_opt_t *option)
{
    struct reading *reading = reading_of(section);
    unsigned count = cfg_opt_size(option);
    char **names = xcalloc(count + 1, sizeof *names);
    for (unsigned i = 0; i < count; i++)
        names[i] = xstrdup(cfg_opt_getnstr(option, i));
    for (char **name = reading->config->trusted_droppers; *name != NULL; name++)
        free(*name);
    free(reading->config->trusted_droppers);
    reading->config->trusted_droppers = names;
    if (count == 0 || *names[count - 1] != '\0')
        return 0;
    struct error problem = {.kind = ERROR_DATA, .text = "a name in trusted_droppers is empty"};
    return reading_fail(reading, section->line, &problem);
}

/* Keys. */

static char *key_from_config(const struct reading *reading, const char *key, struct error *error)
{
    if (reading->mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) {
        error_set(error, ERROR_DATA,
                  "a key stands in this file, and users other than its owner may open it: chmod 600"
                  " %s, or keep the key elsewhere (key_file, key_env, key_credential)",
                  reading->path);
        return NULL;
    }
    return key_copy(key, "this file", error);
}

static char *key_found(const struct reading *reading, const char *setting, const char *value,
                       struct error *error)
{
    if (strcmp(setting, "key_file") == 0)
        return key_from_file(value, error);
    if (strcmp(setting, "key_env") == 0)
        return key_from_environment(value, error);
    if (strcmp(setting, "key_credential") == 0)
        return key_from_credential(value, error);
    return key_from_config(reading, value, error);
}

static int on_key(cfg_t *section, cfg_opt_t *option)
{
    struct reading *reading = reading_of(section);
    struct config_provider *provider = provider_of(reading->config, section->title);
    struct error problem = {0};
    char *value = option->values[0]->string;
    bool secret = strcmp(option->name, "key") == 0;
    if (provider->key != NULL)
        error_set(&problem, ERROR_DATA, "provider \"%s\" has a key already: %s", provider->name,
                  provider->key_source);
    else if ((provider->key = key_found(reading, option->name, value, &problem)) != NULL)
        provider->key_source = secret ? xstrdup("key") : xasprintf("%s %s", option->name, value);
    if (secret)
        explicit_bzero(value, strlen(value));
    return problem.kind == ERROR_NONE ? 0 : reading_fail(reading, section->line, &problem);
}

/* Ends of sections. */

static int on_provider(cfg_t *root, cfg_opt_t *option)
{
    struct reading *reading = reading_of(root);
    const char *name = cfg_title(cfg_opt_getnsec(option, cfg_opt_size(option) - 1));
    struct config_provider *provider = provider_of(reading->config, name);
    struct error problem = {0};
    if (*name == '\0')
        error_set(&problem, ERROR_DATA, "a provider needs a name");
    else if (provider->url == NULL && strcmp(name, provider->protocol) == 0)
        provider->url = xstrdup(config_default_url(name));
    if (*name != '\0' && provider->url == NULL)
        error_set(&problem, ERROR_DATA, "provider \"%s\" has no url", name);
    return problem.kind == ERROR_NONE ? 0 : reading_fail(reading, root->line, &problem);
}

static int on_model(cfg_t *root, cfg_opt_t *option)
{
    struct reading *reading = reading_of(root);
    const char *pattern = cfg_title(cfg_opt_getnsec(option, cfg_opt_size(option) - 1));
    const struct config_model *model = model_of(reading->config, pattern);
    if (*pattern != '\0' && model->provider != NULL)
        return 0;
    struct error problem;
    error_set(&problem, ERROR_DATA, "model \"%s\" needs a pattern and a provider", pattern);
    return reading_fail(reading, root->line, &problem);
}

/* What libconfuse is told. */

static size_t add_options(cfg_opt_t *options, size_t count, const struct setting *table)
{
    for (; table->name != NULL; table++) {
        assert(count + 1 < OPTIONS_MAX);
        options[count] = (cfg_opt_t)CFG_STR(table->name, NULL, CFGF_NODEFAULT);
        options[count++].validcb = on_setting;
    }
    return count;
}

static size_t add_option(cfg_opt_t *options, size_t count, cfg_opt_t option,
                         cfg_validate_callback_t check)
{
    assert(count + 1 < OPTIONS_MAX);
    options[count] = option;
    options[count].validcb = check;
    return count + 1;
}

static size_t begin_options(cfg_opt_t *options, struct reading *reading)
{
    memset(options, 0, OPTIONS_MAX * sizeof *options); /* CFGT_NONE ends a list */
    options[0] = (cfg_opt_t)CFG_FUNC(reading_name, on_call);
    options[0].simple_value.ptr = (void **)(void *)reading;
    return 1;
}

static cfg_t *reading_open(struct reading *reading)
{
    cfg_opt_t root[OPTIONS_MAX], provider[OPTIONS_MAX], model[OPTIONS_MAX], retention[OPTIONS_MAX];
    static const char *const keys[] = {"key", "key_file", "key_env", "key_credential"};
    const cfg_flag_t titled = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;

    size_t count = add_options(provider, begin_options(provider, reading), provider_settings);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        count =
            add_option(provider, count, (cfg_opt_t)CFG_STR(keys[i], NULL, CFGF_NODEFAULT), on_key);
    (void)add_options(model, begin_options(model, reading), model_settings);
    (void)add_options(retention, begin_options(retention, reading), retention_settings);

    count = add_options(root, begin_options(root, reading), config_settings);
    count =
        add_option(root, count, (cfg_opt_t)CFG_STR_LIST("trusted_droppers", NULL, CFGF_NODEFAULT),
                   on_droppers);
    count = add_option(root, count, (cfg_opt_t)CFG_SEC("provider", provider, titled), on_provider);
    count = add_option(root, count, (cfg_opt_t)CFG_SEC("model", model, titled), on_model);
    (void)add_option(root, count, (cfg_opt_t)CFG_SEC("retention", retention, CFGF_NONE), NULL);
    return cfg_init(root, CFGF_NONE); /* copies them all */
}

static int reading_parse(struct reading *reading, char *text)
{
    struct error problem;
    int line;
    if (config_text_check(text, &line, &problem) == -1)
        return reading_fail(reading, line, &problem);
    cfg_t *parser = reading_open(reading);
    if (parser == NULL) {
        error_set(reading->error, ERROR_SYSTEM, "out of memory for %s", reading->path);
        return -1;
    }
    (void)cfg_set_error_function(parser, on_error);
    int result = cfg_parse_buf(parser, text);
    (void)cfg_free(parser);
    if (result != CFG_SUCCESS && !reading->failed) {
        error_set(reading->error, ERROR_SYSTEM, "%s cannot be read", reading->path);
        return -1;
    }
    return reading->failed ? -1 : 0;
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

int config_file_read(struct config *config, const char *path, struct error *error)
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
            .config = config, .path = path, .mode = status.st_mode, .error = error};
        buffer_byte(&text, '\n'); /* libconfuse reads no empty text */
        failed = reading_parse(&reading, text.bytes);
    }
    if (text.bytes != NULL)
        explicit_bzero(text.bytes, text.length);
    buffer_free(&text);
    return failed == 0 ? 0 : -1;
}
