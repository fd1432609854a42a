/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jsonpath: a value inside a JSON document, by the path that a person writes. */
#include "base/jsonpath.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum { INDEX_DIGITS = 9 };

/* The element of an array whose number a step writes: digits without a leading zero. */
static const json_t *element(const json_t *array, const char *step)
{
    size_t digits = strspn(step, "0123456789");

    if (digits == 0 || digits > INDEX_DIGITS || step[digits] != '\0' ||
        (step[0] == '0' && digits > 1)) {
        return NULL;
    }
    return json_array_get(array, strtoul(step, NULL, 10));
}

static const json_t *child(const json_t *value, const char *step)
{
    return json_is_array(value) ? element(value, step) : json_object_get(value, step);
}

/* Copies the step that path begins with, up to the separator; in a pointer ~1 is / and ~0 is ~.
 * Returns what follows the separator, or NULL at the end. */
static const char *cut_step(const char *path, char separator, struct buffer *step)
{
    bool pointer = separator == '/';

    buffer_clear(step);
    for (; *path != separator && *path != '\0'; path++) {
        if (pointer && path[0] == '~' && (path[1] == '0' || path[1] == '1')) {
            buffer_byte(step, path[1] == '0' ? '~' : '/');
            path++;
        } else {
            buffer_byte(step, *path);
        }
    }
    buffer_byte(step, '\0');
    return *path == separator ? path + 1 : NULL;
}

const json_t *jsonpath_find(const json_t *document, const char *path)
{
    char separator = path[0] == '/' ? '/' : '.';
    const char *rest = path[0] == '/' ? path + 1 : path;
    struct buffer step = {0};

    while (rest != NULL && document != NULL) {
        rest = cut_step(rest, separator, &step);
        document = child(document, step.bytes);
    }
    buffer_free(&step);
    return document;
}
