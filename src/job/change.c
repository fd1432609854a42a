/* SPDX-License-Identifier: GPL-2.0-or-later */
/* change: what a person wants different in jobs. */
#include "job/change.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsonpath.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "job/keys.h"

/* Whether text is an integer in JSON's sense, of any size. */
static bool is_integer(const char *text)
{
    text += *text == '-';
    return *text >= '1' && *text <= '9' && text[strspn(text, "0123456789")] == '\0';
}

/* The value of a text; *value is NULL for null. An integer that JSON cannot carry exactly is no text:
 * who wants one writes its quotes. */
static int read_value(const char *text, json_t **value, struct error *error)
{
    json_t *read = jsontext_read(text, strlen(text), error);

    if (read == NULL && is_integer(text)) {
        return -1;
    }
    if (read == NULL) {
        read = json_string(text);
    }
    if (read == NULL) {
        error_set(error, ERROR_USAGE, "the value is not UTF-8");
        return -1;
    }
    *value = json_is_null(read) ? NULL : read;
    return 0;
}

/* The key that a path begins with, or NULL with an error. */
static const struct key *key_of(const char *path, struct error *error)
{
    struct refusal refusal = {NULL, error};
    const char *start = path + (path[0] == '/');
    char *name = xstrndup(start, strcspn(start, path[0] == '/' ? "/" : "."));
    const struct key *key = key_find(name);

    if (key == NULL) {
        key_refuse_unknown(name, &refusal);
    } else if (strcmp(name, "name") == 0) {
        error_set(error, ERROR_USAGE, "the new job takes the name of the one that it comes from");
        key = NULL;
    } else if (strcmp(start, "metadata.derived_from") == 0 ||
               strcmp(start, "metadata/derived_from") == 0 || strcmp(start, "metadata") == 0) {
        error_set(error, ERROR_USAGE, "metadata.derived_from says which job the new one comes from; "
                                      "set other members by metadata.NAME=VALUE");
        key = NULL;
    }
    free(name);
    return key;
}

static int take(struct changes *changes, const char *text, const char *equals, struct error *error)
{
    struct change change = {.path = xstrndup(text, (size_t)(equals - text))};
    const struct key *key = key_of(change.path, error);

    if (key == NULL || read_value(equals + 1, &change.value, error) < 0) {
        free(change.path);
        return -1;
    }
    change.identity = key->identity;
    changes->each = xrealloc(changes->each, (changes->count + 1) * sizeof *changes->each);
    changes->each[changes->count++] = change;
    return 0;
}

int changes_add(struct changes *changes, const char *text, struct error *error)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL || equals == text) {
        error_set(error, ERROR_USAGE,
                  "--set wants PATH=VALUE such as params.max_tokens=8000, not %s", text);
        return -1;
    }
    if (take(changes, text, equals, error) < 0) {
        error_prefix(error, "--set %s", text);
        error->kind = ERROR_USAGE;
        return -1;
    }
    return 0;
}

bool changes_identity(const struct changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        if (changes->each[i].identity) {
            return true;
        }
    }
    return false;
}

/* delay and not_before say the same in two ways: the new one takes the place of the other. */
static void drop_excluded(const struct change *change, json_t *document)
{
    if (strcmp(change->path, "delay") == 0) {
        json_object_del(document, "not_before");
    } else if (strcmp(change->path, "not_before") == 0) {
        json_object_del(document, "delay");
    }
}

int changes_make(const struct changes *changes, json_t *document, struct error *error)
{
    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->each[i];

        drop_excluded(change, document);
        /* A copy: the document may be changed further. */
        if (!jsonpath_set(document, change->path, json_deep_copy(change->value))) {
            error_set(error, ERROR_DATA, "it has no place %s for a value", change->path);
            return -1;
        }
    }
    return 0;
}

void changes_free(struct changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        free(changes->each[i].path);
        json_decref(changes->each[i].value);
    }
    free(changes->each);
    *changes = (struct changes){0};
}
