/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings: making, sharing and changing them by the table of options. */
#include "mock/settings.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/nearest.h"
#include "base/xalloc.h"
#include "mock/option.h"

struct settings *settings_new(void)
{
    struct settings *settings = xcalloc(1, sizeof *settings);
    size_t count;
    const struct settings_option *options = settings_options(&count);

    atomic_init(&settings->holders, 1);
    for (size_t i = 0; i < count; i++) {
        options[i].kind->reset(settings, &options[i]);
    }
    return settings;
}

struct settings *settings_copy(const struct settings *settings)
{
    struct settings *copy = xmemdup(settings, sizeof *settings);

    atomic_init(&copy->holders, 1);
    copy->key = xstrdup(settings->key);
    copy->redirect = xstrdup(settings->redirect);
    copy->models = NULL;
    copy->model_count = 0;
    for (size_t i = 0; i < settings->model_count; i++) {
        (void)option_models.apply(copy, NULL, settings->models[i], NULL);
    }
    return copy;
}

struct settings *settings_hold(struct settings *settings)
{
    atomic_fetch_add(&settings->holders, 1);
    return settings;
}

void settings_drop(struct settings *settings)
{
    if (settings != NULL && atomic_fetch_sub(&settings->holders, 1) == 1) {
        free(settings->key);
        free(settings->redirect);
        option_models.reset(settings, NULL);
        free(settings);
    }
}

static void explain_unknown(const char *name, struct error *error)
{
    size_t count;
    const struct settings_option *options = settings_options(&count);
    const char **names = xcalloc(count, sizeof *names);
    const char *near;

    for (size_t i = 0; i < count; i++) {
        names[i] = options[i].name;
    }
    near = nearest_word(name, names, count);
    if (near != NULL) {
        error_set(error, ERROR_USAGE, "there is no setting \"%.80s\"; did you mean \"%s\"?", name,
                  near);
    } else {
        error_set(error, ERROR_USAGE, "there is no setting \"%.80s\"; see llmspool-mock(1)", name);
    }
    free(names);
}

static const struct settings_option *find_option(const char *name, struct error *error)
{
    size_t count;
    const struct settings_option *options = settings_options(&count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(options[i].name, name) == 0) {
            return &options[i];
        }
    }
    explain_unknown(name, error);
    return NULL;
}

int settings_apply(struct settings *settings, const char *name, const char *value,
                   struct error *error)
{
    const struct settings_option *option = find_option(name, error);

    return option == NULL ? -1 : option->kind->apply(settings, option, value, error);
}

/* One JSON scalar as the command line would write it. */
static int apply_scalar(struct settings *settings, const struct settings_option *option,
                        const json_t *value, struct error *error)
{
    struct buffer text = {0};
    int result;

    if (json_is_array(value) || json_is_object(value) || json_is_null(value)) {
        error_set(error, ERROR_DATA, "setting \"%s\" takes text, a number or a boolean here",
                  option->name);
        return -1;
    }
    if (json_is_string(value)) {
        buffer_append(&text, json_string_value(value), json_string_length(value));
    } else {
        jsontext_write(&text, value);
    }
    buffer_text(&text, "");
    result = option->kind->apply(settings, option, text.bytes != NULL ? text.bytes : "", error);
    buffer_free(&text);
    return result;
}

static int apply_list(struct settings *settings, const struct settings_option *option,
                      const json_t *list, struct error *error)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (apply_scalar(settings, option, json_array_get(list, i), error) != 0) {
            return -1;
        }
    }
    return 0;
}

/* {"500": 0.1} as 500=0.1. */
static int apply_pairs(struct settings *settings, const struct settings_option *option,
                       const json_t *pairs, struct error *error)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)pairs, name, value)
    {
        char *pair = xasprintf("%s=%.17g", name, json_number_value(value));
        int result = option->kind->apply(settings, option, pair, error);

        free(pair);
        if (result != 0) {
            return -1;
        }
    }
    return 0;
}

/* One member of the object that changes settings. */
static int apply_member(struct settings *settings, const struct settings_option *option,
                        const json_t *value, struct error *error)
{
    option->kind->reset(settings, option);
    if (json_is_null(value)) {
        return 0;
    }
    if (json_is_array(value) && option->kind == &option_models) {
        return apply_list(settings, option, value, error);
    }
    if (json_is_object(value) && option->kind == &option_faults) {
        return apply_pairs(settings, option, value, error);
    }
    return apply_scalar(settings, option, value, error);
}

int settings_apply_json(struct settings *settings, const json_t *object, struct error *error)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const struct settings_option *option = find_option(name, error);

        if (option == NULL || apply_member(settings, option, value, error) != 0) {
            return -1;
        }
    }
    return 0;
}

void settings_write(const struct settings *settings, struct buffer *out)
{
    size_t count;
    const struct settings_option *options = settings_options(&count);

    buffer_byte(out, '{');
    for (size_t i = 0; i < count; i++) {
        buffer_printf(out, "%s\"%s\":", i > 0 ? "," : "", options[i].name);
        options[i].kind->write(settings, &options[i], out);
    }
    buffer_text(out, "}\n");
}

bool settings_has_model(const struct settings *settings, const char *model)
{
    for (size_t i = 0; i < settings->model_count; i++) {
        if (fnmatch(settings->models[i], model, 0) == 0) {
            return true;
        }
    }
    return settings->model_count == 0;
}
