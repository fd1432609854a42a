/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jsondiff: where two JSON values differ. */
#include "base/jsondiff.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/xalloc.h"

/* A way into the values. As steps with dots it reads better; where a step could be misread so, the
 * whole is a JSON Pointer. */
struct way {
    struct buffer dots;
    struct buffer pointer;
    size_t odd; /* steps that dots cannot write */
    void (*visit)(void *context, const char *path, const json_t *old_value,
                  const json_t *new_value);
    void *context;
};

static void differ(struct way *way, const json_t *old_value, const json_t *new_value)
{
    const struct buffer *path = way->odd > 0 ? &way->pointer : &way->dots;

    way->visit(way->context, path->length > 0 ? path->bytes : "", old_value, new_value);
}

static void compare(struct way *way, json_t *old_value, json_t *new_value);

static void append_pointer(struct buffer *pointer, const char *step)
{
    buffer_byte(pointer, '/');
    for (; *step != '\0'; step++) {
        if (*step == '~' || *step == '/') {
            buffer_text(pointer, *step == '~' ? "~0" : "~1");
        } else {
            buffer_byte(pointer, *step);
        }
    }
}

static void cut(struct buffer *buffer, size_t length)
{
    if (buffer->bytes != NULL) {
        buffer->length = length;
        buffer->bytes[length] = '\0';
    }
}

static void go_in(struct way *way, const char *step, json_t *old_value, json_t *new_value)
{
    size_t dots = way->dots.length, pointer = way->pointer.length;
    bool odd = step[0] == '\0' || strchr(step, '.') != NULL || strchr(step, '/') != NULL;

    buffer_text(&way->dots, dots > 0 ? "." : "");
    buffer_text(&way->dots, step);
    append_pointer(&way->pointer, step);
    way->odd += odd;
    compare(way, old_value, new_value);
    way->odd -= odd;
    cut(&way->dots, dots);
    cut(&way->pointer, pointer);
}

static void compare_objects(struct way *way, json_t *old_value, json_t *new_value)
{
    const char *key;
    json_t *value;

    json_object_foreach (old_value, key, value) {
        go_in(way, key, value, json_object_get(new_value, key));
    }
    json_object_foreach (new_value, key, value) {
        if (json_object_get(old_value, key) == NULL) {
            go_in(way, key, NULL, value);
        }
    }
}

static void compare_arrays(struct way *way, json_t *old_value, json_t *new_value)
{
    size_t count = json_array_size(old_value);

    if (json_array_size(new_value) > count) {
        count = json_array_size(new_value);
    }
    for (size_t i = 0; i < count; i++) {
        char *step = xasprintf("%zu", i);

        go_in(way, step, json_array_get(old_value, i), json_array_get(new_value, i));
        free(step);
    }
}

static void compare(struct way *way, json_t *old_value, json_t *new_value)
{
    if (json_is_object(old_value) && json_is_object(new_value)) {
        compare_objects(way, old_value, new_value);
    } else if (json_is_array(old_value) && json_is_array(new_value)) {
        compare_arrays(way, old_value, new_value);
    } else if (json_is_number(old_value) && json_is_number(new_value)) {
        if (json_number_value(old_value) != json_number_value(new_value)) {
            differ(way, old_value, new_value);
        }
    } else if (!json_equal(old_value, new_value)) {
        differ(way, old_value, new_value);
    }
}

void jsondiff_each(const json_t *old_value, const json_t *new_value,
                   void (*visit)(void *context, const char *path, const json_t *old_value,
                                 const json_t *new_value),
                   void *context)
{
    struct way way = {.visit = visit, .context = context};
    json_t *old_copy = json_deep_copy(old_value); /* iterators want what they may change */
    json_t *new_copy = json_deep_copy(new_value);

    compare(&way, old_copy, new_copy);
    json_decref(old_copy);
    json_decref(new_copy);
    buffer_free(&way.dots);
    buffer_free(&way.pointer);
}
