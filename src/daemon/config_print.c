/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_print: the effective configuration in the file's own syntax, with its keys masked.
 */
#include "daemon/config.h"

#include <string.h>

#include "daemon/config_table.h"

enum { MASK_LEAST = 12 }; /* a shorter key would be given away by five of its characters */

static void print_masked(const char *key, FILE *out)
{
    size_t length = strlen(key);
    if (length < MASK_LEAST)
        fputs("***", out);
    else
        fprintf(out, "%.3s***%s", key, key + length - 2);
}

/* key_source is "SETTING VALUE", "key", or the environment variable that was found. */
static void print_key(const struct config_provider *provider, FILE *out)
{
    const char *source = provider->keys[0].source;
    const char *space = strchr(source, ' ');
    fputs("    ", out);
    if (strcmp(source, "key") == 0) {
        fputs("key = '", out);
        print_masked(provider->keys[0].key, out);
        fputs("' # masked\n", out);
        return;
    }
    if (space != NULL)
        fprintf(out, "%.*s = ", (int)(space - source), source);
    else
        fputs("key_env = ", out);
    setting_print_text(space != NULL ? space + 1 : source, out);
    fputs(" # ", out);
    print_masked(provider->keys[0].key, out);
    fputc('\n', out);
}

static void print_droppers(char *const *names, FILE *out)
{
    if (*names == NULL)
        return;
    fputs("trusted_droppers = {", out);
    for (char *const *name = names; *name != NULL; name++) {
        if (name != names)
            fputs(", ", out);
        setting_print_text(*name, out);
    }
    fputs("}\n", out);
}

static void print_section(const char *kind, const char *title, FILE *out)
{
    fprintf(out, "\n%s ", kind);
    setting_print_text(title, out);
    fputs(" {\n", out);
}

static void print_provider(const struct config_provider *provider, FILE *out)
{
    print_section("provider", provider->name, out);
    setting_print(provider_settings, provider, "    ", out);
    for (size_t i = 0; i < provider->url_count; i++) {
        fputs("    url = ", out);
        setting_print_text(provider->urls[i], out);
        fputc('\n', out);
    }
    if (provider->key_count > 0)
        print_key(provider, out);
    fputs("}\n", out);
}

static void print_model(const struct config_model *model, FILE *out)
{
    print_section("model", model->pattern, out);
    setting_print(model_settings, model, "    ", out);
    fputs("}\n", out);
}

void config_print(const struct config *config, FILE *out)
{
    fprintf(out, "# %s\n", config->path != NULL ? config->path : "no configuration file was read");
    setting_print(config_settings, config, "", out);
    print_droppers(config->trusted_droppers, out);
    for (size_t i = 0; i < config->provider_count; i++)
        print_provider(&config->providers[i], out);
    for (size_t i = 0; i < config->model_count; i++)
        print_model(&config->models[i], out);
    if (config->keep_outputs_ms >= 0 || config->keep_failed_ms >= 0 ||
        config->keep_events_ms >= 0) {
        fputs("\nretention {\n", out);
        setting_print(retention_settings, config, "    ", out);
        fputs("}\n", out);
    }
}
