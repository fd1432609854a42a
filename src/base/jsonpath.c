/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jsonpath: a value inside a JSON document, by the path that a person writes. */
#include "base/jsonpath.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum { INDEX_DIGITS = 9 };

/* The number of an array's element that a step writes: digits without a leading zero. SIZE_MAX: none,
 * which no array has. */
static size_t index_of(const char *step)
{
    size_t digits = strspn(step, "0123456789");

    if (digits == 0 || digits > INDEX_DIGITS || step[digits] != '\0' ||
        (step[0] == '0' && digits > 1)) {
        return SIZE_MAX;
    }
    return strtoul(step, NULL, 10);
}

static json_t *child(const json_t *value, const char *step)
{
    return json_is_array(value) ? json_array_get(value, index_of(step))
                                : json_object_get(value, step);
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

/* Sets a child of value, or takes it away; takes child over. */
static bool put(json_t *value, const char *step, json_t *child)
{
    size_t number = json_is_array(value) ? index_of(step) : 0;

    if (json_is_object(value) && child == NULL) {
        (void)json_object_del(value, step); /* what is not there is gone already */
        return true;
    }
    if (json_is_object(value)) {
        return json_object_set_new(value, step, child) == 0;
    }
    if (child == NULL) {
        return json_is_array(value) && json_array_remove(value, number) == 0;
    }
    if (json_is_array(value) && number == json_array_size(value)) {
        return json_array_append_new(value, child) == 0;
    }
    if (json_is_array(value)) {
        return json_array_set_new(value, number, child) == 0;
    }
    json_decref(child);
    return false;
}

/* Puts value behind the steps of rest; an object for the way that is missing is filled before it is
 * put in its place, so that nothing is changed when the way ends. */
static bool put_below(json_t *document, const char *rest, char separator, json_t *value)
{
    struct buffer step = {0};
    const char *behind = cut_step(rest, separator, &step);
    json_t *next = behind != NULL ? child(document, step.bytes) : NULL;
    bool set;

    if (behind == NULL) {
        set = put(document, step.bytes, value);
    } else if (next != NULL) {
        set = put_below(next, behind, separator, value);
    } else if (value == NULL) {
        set = json_is_object(document) || json_is_array(document);
    } else {
        next = json_object();
        set = put_below(next, behind, separator, value) &&
              put(document, step.bytes, json_incref(next));
        json_decref(next);
    }
    buffer_free(&step);
    return set;
}

bool jsonpath_set(json_t *document, const char *path, json_t *value)
{
    return put_below(document, path[0] == '/' ? path + 1 : path, path[0] == '/' ? '/' : '.', value);
}
