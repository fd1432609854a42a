/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_print: the effective configuration in the file's own syntax, with its keys masked.
 */
#include "daemon/config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "daemon/config_table.h"

enum { MASK_LEAST = 12 }; /* a shorter key would be given away by five of its characters */

static char *masked(const char *key)
{
    size_t length = strlen(key);
    if (length < MASK_LEAST)
        return xstrdup("***");
    return xasprintf("%.3s***%s", key, key + length - 2);
}

/* What the setting was given, for a key's source of "SETTING VALUE", or NULL for another. */
static const char *source_value(const struct config_key *key, const char *setting)
{
    size_t length = strlen(setting);
    if (strncmp(key->source, setting, length) != 0)
        return NULL;
    if (key->source[length] == ' ')
        return key->source + length + 1;
    return key->source[length] == '\0' ? key->source + length : NULL;
}

/* Prints one setting's keys, by where they are; their masks follow as a comment. */
static void print_keys_of(const char *setting, const struct config_key *keys, size_t count,
                          FILE *out)
{
    bool here = strcmp(setting, "key") == 0;
    struct buffer masks = {0};
    char **values = xcalloc(count + 1, sizeof *values);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const char *value = source_value(&keys[i], setting);
        if (value == NULL)
            continue;
        char *mask = masked(keys[i].key);
        buffer_printf(&masks, "%s%s", found > 0 ? ", " : "", mask);
        values[found++] = here ? mask : xstrdup(value);
        if (!here)
            free(mask);
    }
    if (found > 0) {
        fprintf(out, "    %s = ", setting);
        setting_list.write(&values, out);
        fprintf(out, " # %s\n", here ? "masked" : masks.bytes);
    }
    config_list_free(values);
    buffer_free(&masks);
}

static void print_keys(const struct config_key *keys, size_t count, FILE *out)
{
    static const char *const settings[] = {"key", "key_file", "key_env", "key_credential"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        print_keys_of(settings[i], keys, count, out);
}

static void print_section(const char *kind, const char *title, FILE *out)
{
    fprintf(out, "\n%s ", kind);
    setting_print_text(title, out);
    fputs(" {\n", out);
}

/* The budget at the end of a section, and the end. */
static void print_end(const struct config_budget *budget, FILE *out)
{
    if (setting_any(budget_settings, budget)) {
        fputs("    budget {\n", out);
        setting_print(budget_settings, budget, "        ", out);
        fputs("    }\n", out);
    }
    fputs("}\n", out);
}

static void print_provider(const struct config_provider *provider, FILE *out)
{
    print_section("provider", provider->name, out);
    setting_print(provider_settings, provider, "    ", out);
    print_keys(provider->keys, provider->key_count, out);
    print_end(&provider->budget, out);
}

static void print_model(const struct config_model *model, FILE *out)
{
    print_section("model", model->pattern, out);
    setting_print(model_settings, model, "    ", out);
    print_end(&model->budget, out);
}

static void print_user(const struct config_user *user, FILE *out)
{
    print_section("user", user->name, out);
    setting_print(user_settings, user, "    ", out);
    print_keys(user->keys, user->key_count, out);
    print_end(&user->budget, out);
}

static void print_hook(const struct config_hook *hook, FILE *out)
{
    print_section("hook", hook->name, out);
    setting_print(hook_settings, hook, "    ", out);
    fputs("}\n", out);
}

/* Where secrets are; nothing of what they are. */
static void print_secrets(const struct config_key *secrets, size_t count, FILE *out)
{
    char **values = xcalloc(count + 1, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = xstrdup(source_value(&secrets[i], "secret_file"));
    if (count > 0) {
        fputs("    secret_file = ", out);
        setting_list.write(&values, out);
        fputc('\n', out);
    }
    config_list_free(values);
}

static void print_webhook(const struct config_webhook *webhook, FILE *out)
{
    fputs("\nwebhook {\n", out);
    setting_print(webhook_settings, webhook, "    ", out);
    print_secrets(webhook->secrets, webhook->secret_count, out);
    fputs("}\n", out);
}

static void print_endpoint(const struct config_endpoint *endpoint, FILE *out)
{
    print_section("endpoint", endpoint->name, out);
    setting_print(endpoint_settings, endpoint, "    ", out);
    print_secrets(endpoint->secrets, endpoint->secret_count, out);
    fputs("}\n", out);
}

/* A section without a name, where anything in it was said. */
static void print_plain(const char *name, const struct setting *table, const void *object,
                        FILE *out)
{
    if (!setting_any(table, object))
        return;
    fprintf(out, "\n%s {\n", name);
    setting_print(table, object, "    ", out);
    fputs("}\n", out);
}

void config_print(const struct config *config, FILE *out)
{
    fprintf(out, "# %s\n", config->path != NULL ? config->path : "no configuration file was read");
    setting_print(config_settings, config, "", out);
    print_plain("budget", budget_settings, &config->budget, out);
    for (size_t i = 0; i < config->provider_count; i++)
        print_provider(&config->providers[i], out);
    for (size_t i = 0; i < config->model_count; i++)
        print_model(&config->models[i], out);
    for (size_t i = 0; i < config->user_count; i++)
        print_user(&config->users[i], out);
    for (size_t i = 0; i < config->hook_count; i++)
        print_hook(&config->hooks[i], out);
    print_webhook(&config->webhook, out);
    for (size_t i = 0; i < config->endpoint_count; i++)
        print_endpoint(&config->endpoints[i], out);
    print_plain("retention", retention_settings, config, out);
}
