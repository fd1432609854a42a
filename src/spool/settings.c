/* SPDX-License-Identifier: GPL-2.0-or-later */
/* settings: spool.json. */
#include "spool/settings.h"

#include <errno.h>
#include <jansson.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "spool/file.h"
#include "spool/layout.h"

enum { SETTINGS_LIMIT = 1024 * 1024 };

static int take_values(const json_t *object, const char *path, struct settings *settings,
                       struct error *error)
{
    const json_t *version = json_object_get(object, "llmspool");
    const json_t *model = json_object_get(object, "default_model");
    if (!json_is_integer(version)) {
        error_set(error, ERROR_ABSENT,
                  "%s is no spool that this program knows: its " SETTINGS_NAME
                  " has no number \"llmspool\"",
                  path);
        return -1;
    }
    if (json_integer_value(version) != LAYOUT_VERSION) {
        error_set(error, ERROR_ABSENT,
                  "the spool %s has version %" JSON_INTEGER_FORMAT
                  ", and this program knows version %d only",
                  path, json_integer_value(version), LAYOUT_VERSION);
        return -1;
    }
    if (model != NULL && !json_is_null(model) &&
        (!json_is_string(model) || json_string_length(model) == 0)) {
        error_set(error, ERROR_ABSENT,
                  "%s/" SETTINGS_NAME ": \"default_model\" must be the name of a model", path);
        return -1;
    }
    settings->default_model = xstrdup(json_string_value(model));
    return 1;
}

int settings_read(int root, const char *path, struct settings *settings, struct error *error)
{
    struct buffer text = {0};
    *settings = (struct settings){0};
    int result = file_read_at(root, SETTINGS_NAME, SETTINGS_LIMIT, &text, &settings->status);
    if (result != 0) {
        buffer_free(&text);
        if (result == -ENOENT) {
            return 0;
        }
        error_system(error, -result, "cannot read %s/" SETTINGS_NAME, path);
        return -1;
    }
    struct error problem;
    json_t *object = jsontext_read_object(text.bytes, text.length, &problem);
    buffer_free(&text);
    if (object == NULL) {
        error_set(error, ERROR_ABSENT, "%s/" SETTINGS_NAME ": %s", path, problem.text);
        return -1;
    }
    result = take_values(object, path, settings, error);
    json_decref(object);
    return result;
}

int settings_write(struct buffer *out, const char *default_model)
{
    json_t *model = default_model != NULL ? json_string(default_model) : NULL;
    if (default_model != NULL && (model == NULL || json_string_length(model) == 0)) {
        json_decref(model);
        return -1;
    }
    json_t *object = json_object();
    json_object_set_new(object, "llmspool", json_integer(LAYOUT_VERSION));
    if (model != NULL) {
        json_object_set_new(object, "default_model", model);
    }
    jsontext_write(out, object);
    buffer_byte(out, '\n');
    json_decref(object);
    return 0;
}
