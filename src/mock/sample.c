/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sample: walking a schema and making the smallest value that fits and still shows something. */
#include "mock/sample.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "mock/label.h"

enum {
    DEPTH_SHORT = 6, /* from here on only what is required: a schema may contain itself */
    DEPTH_MAX = 48,
    ITEMS_MAX = 1000
};

struct sample {
    const json_t *root;
    const char *text;
    const char *evidence;
};

static json_t *make(const struct sample *sample, const json_t *schema, int depth);

/* The schema that "#/a/b" leads to, or NULL. */
static const json_t *resolve(const json_t *root, const char *reference)
{
    const json_t *at = root;

    if (reference[0] != '#') {
        return NULL;
    }
    for (reference++; *reference == '/' && at != NULL;) {
        char name[128];
        size_t length = strcspn(reference + 1, "/");

        if (length >= sizeof name) {
            return NULL;
        }
        memcpy(name, reference + 1, length);
        name[length] = '\0';
        at = json_object_get(at, name);
        reference += 1 + length;
    }
    return at;
}

static json_t *make_any(const struct sample *sample, const json_t *schema, int depth)
{
    return json_string(schema == NULL || depth < 0 ? "" : sample->text);
}

static json_t *make_null(const struct sample *sample, const json_t *schema, int depth)
{
    (void)sample;
    (void)schema;
    (void)depth;
    return json_null();
}

static json_t *make_boolean(const struct sample *sample, const json_t *schema, int depth)
{
    (void)sample;
    (void)schema;
    (void)depth;
    return json_true();
}

/* Bounds of a number; infinite where the schema has none. */
struct bounds {
    double least;
    double most;
    bool above; /* least itself is not allowed */
    bool below; /* most itself is not allowed */
};

static struct bounds read_bounds(const json_t *schema)
{
    const json_t *least = json_object_get(schema, "minimum");
    const json_t *above = json_object_get(schema, "exclusiveMinimum");
    const json_t *most = json_object_get(schema, "maximum");
    const json_t *below = json_object_get(schema, "exclusiveMaximum");
    struct bounds bounds = {-INFINITY, INFINITY, false, false};

    if (json_is_number(least)) {
        bounds.least = json_number_value(least);
    }
    if (json_is_number(above) && json_number_value(above) >= bounds.least) {
        bounds.least = json_number_value(above);
        bounds.above = true;
    }
    if (json_is_number(most)) {
        bounds.most = json_number_value(most);
    }
    if (json_is_number(below) && json_number_value(below) <= bounds.most) {
        bounds.most = json_number_value(below);
        bounds.below = true;
    }
    return bounds;
}

static json_t *make_integer(const struct sample *sample, const json_t *schema, int depth)
{
    struct bounds bounds = read_bounds(schema);
    double least = bounds.above ? floor(bounds.least) + 1 : ceil(bounds.least);
    double most = bounds.below ? ceil(bounds.most) - 1 : floor(bounds.most);
    double multiple = json_number_value(json_object_get(schema, "multipleOf"));
    double number = fmax(least, fmin(1, most));

    (void)sample;
    (void)depth;
    if (multiple > 0) {
        number = ceil(number / multiple) * multiple;
    }
    return json_integer((json_int_t)fmax(-9e15, fmin(number, 9e15)));
}

/* 1 where the bounds allow it, else a bound, or what lies between two that are not allowed. */
static json_t *make_number(const struct sample *sample, const json_t *schema, int depth)
{
    struct bounds bounds = read_bounds(schema);
    double multiple = json_number_value(json_object_get(schema, "multipleOf"));
    double number = fmax(bounds.least, fmin(1, bounds.most));

    (void)sample;
    (void)depth;
    if ((bounds.above && number <= bounds.least) || (bounds.below && number >= bounds.most)) {
        number = isinf(bounds.least)  ? bounds.most - 1
                 : isinf(bounds.most) ? bounds.least + 1
                                      : bounds.least + (bounds.most - bounds.least) / 2;
    }
    if (multiple > 0) {
        number = ceil(number / multiple) * multiple;
    }
    return json_real(number);
}

static const char *format_example(const char *format)
{
    static const char *const examples[][2] = {
        {"date-time", "2026-01-01T00:00:00Z"},
        {"date", "2026-01-01"},
        {"time", "00:00:00Z"},
        {"duration", "P1D"},
        {"email", "somebody@example.org"},
        {"hostname", "example.org"},
        {"ipv4", "192.0.2.1"},
        {"ipv6", "2001:db8::1"},
        {"uri", "https://example.org/"},
        {"uuid", "00000000-0000-4000-8000-000000000000"},
    };

    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        if (strcmp(format, examples[i][0]) == 0) {
            return examples[i][1];
        }
    }
    return NULL;
}

/* Bytes of the first count characters. */
static size_t character_bytes(const char *text, json_int_t count)
{
    size_t bytes = 0;

    while (text[bytes] != '\0' && (count > 0 || ((unsigned char)text[bytes] & 0xc0) == 0x80)) {
        count -= ((unsigned char)text[bytes] & 0xc0) != 0x80;
        if (count < 0) {
            break;
        }
        bytes++;
    }
    return bytes;
}

static json_int_t count_characters(const char *text)
{
    json_int_t count = 0;

    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return count;
}

static json_t *make_string(const struct sample *sample, const json_t *schema, int depth)
{
    const char *text = format_example(jsontext_get_text(schema, "format", ""));
    json_int_t least = jsontext_get_int(schema, "minLength", 0);
    json_int_t most = jsontext_get_int(schema, "maxLength", INT32_MAX);
    struct buffer padded = {0};
    json_t *value;

    (void)depth;
    if (text != NULL) {
        return json_string(text);
    }
    buffer_append(&padded, sample->text, character_bytes(sample->text, most));
    for (json_int_t i = count_characters(sample->text); i < least && i < 1 << 20; i++) {
        buffer_byte(&padded, '.');
    }
    value = json_stringn(padded.bytes != NULL ? padded.bytes : "", padded.length);
    buffer_free(&padded);
    return value;
}

static json_t *make_array(const struct sample *sample, const json_t *schema, int depth)
{
    const json_t *items = json_object_get(schema, "items");
    const json_t *prefix = json_object_get(schema, "prefixItems");
    json_int_t usual = depth < DEPTH_SHORT && jsontext_get_int(schema, "maxItems", 1) > 0 ? 1 : 0;
    json_int_t least = jsontext_get_int(schema, "minItems", usual);
    json_t *array = json_array();

    for (size_t i = 0; i < json_array_size(prefix); i++) {
        (void)json_array_append_new(array, make(sample, json_array_get(prefix, i), depth + 1));
    }
    while (json_array_size(array) < (size_t)(least < ITEMS_MAX ? least : ITEMS_MAX)) {
        (void)json_array_append_new(array, make(sample, items, depth + 1));
    }
    return array;
}

static bool is_required(const json_t *schema, const char *name)
{
    const json_t *required = json_object_get(schema, "required");

    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *here = json_string_value(json_array_get(required, i));

        if (here != NULL && strcmp(here, name) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *make_object(const struct sample *sample, const json_t *schema, int depth)
{
    json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required");
    json_t *object = json_object();
    const char *name;
    json_t *property;

    json_object_foreach(properties, name, property)
    {
        if (depth < DEPTH_SHORT || is_required(schema, name)) {
            (void)json_object_set_new(object, name, make(sample, property, depth + 1));
        }
    }
    for (size_t i = 0; i < json_array_size(required); i++) {
        name = json_string_value(json_array_get(required, i));
        if (name != NULL && json_object_get(object, name) == NULL) {
            (void)json_object_set_new(object, name, json_string(sample->text));
        }
    }
    return object;
}

/* The type's name: of several the first that is not null, or null when it gets too deep. */
static const char *choose_type(const json_t *schema, int depth)
{
    const json_t *type = json_object_get(schema, "type");

    for (size_t i = 0; i < json_array_size(type); i++) {
        const char *name = json_string_value(json_array_get(type, i));

        if (name != NULL && (strcmp(name, "null") == 0) == (depth >= DEPTH_SHORT)) {
            return name;
        }
    }
    if (json_is_array(type)) {
        type = json_array_get(type, 0);
    }
    if (json_is_string(type)) {
        return json_string_value(type);
    }
    return json_object_get(schema, "properties") != NULL ? "object"
           : json_object_get(schema, "items") != NULL    ? "array"
                                                         : "any";
}

static json_t *make_typed(const struct sample *sample, const json_t *schema, int depth)
{
    static const struct {
        const char *type;
        json_t *(*make)(const struct sample *sample, const json_t *schema, int depth);
    } makers[] = {
        {"object", make_object},   {"array", make_array},   {"string", make_string},
        {"integer", make_integer}, {"number", make_number}, {"boolean", make_boolean},
        {"null", make_null},
    };
    const char *type = choose_type(schema, depth);

    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        if (strcmp(type, makers[i].type) == 0) {
            return makers[i].make(sample, schema, depth);
        }
    }
    return make_any(sample, schema, depth);
}

static json_t *make_enum(const struct sample *sample, const json_t *values)
{
    struct label_list list = {.count = 0};

    for (size_t i = 0; i < json_array_size(values) && i < LABEL_MAX; i++) {
        const json_t *value = json_array_get(values, i);

        if (!json_is_string(value)) {
            return json_deep_copy(json_array_get(values, 0));
        }
        list.labels[i].text = json_string_value(value);
        list.labels[i].length = json_string_length(value);
        list.count++;
    }
    return json_deep_copy(json_array_get(values, label_choose(&list, sample->evidence)));
}

/* The first alternative; when it gets too deep, one that ends it. */
static json_t *make_choice(const struct sample *sample, const json_t *choices, int depth)
{
    for (size_t i = 0; depth >= DEPTH_SHORT && i < json_array_size(choices); i++) {
        if (strcmp(choose_type(json_array_get(choices, i), depth), "null") == 0) {
            return json_null();
        }
    }
    return make(sample, json_array_get(choices, 0), depth + 1);
}

/* All parts and the schema itself as one. */
static json_t *make_all(const struct sample *sample, const json_t *schema, int depth)
{
    json_t *merged = json_deep_copy(schema);
    const json_t *parts = json_object_get(schema, "allOf");
    json_t *value;

    (void)json_object_del(merged, "allOf");
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i);
        const char *reference = jsontext_get_text(part, "$ref", NULL);
        json_t *required = json_object_get(merged, "required");
        json_t *both = json_is_array(required) ? json_copy(required) : json_array();

        part = reference != NULL ? resolve(sample->root, reference) : part;
        (void)json_array_extend(both, json_object_get(part, "required"));
        (void)json_object_update_recursive(merged, (json_t *)(uintptr_t)part);
        (void)json_object_set_new(merged, "required", both);
    }
    value = make(sample, merged, depth + 1);
    json_decref(merged);
    return value;
}

static json_t *make(const struct sample *sample, const json_t *schema, int depth)
{
    const char *reference = jsontext_get_text(schema, "$ref", NULL);
    const json_t *part;

    if (depth > DEPTH_MAX) {
        return json_null();
    }
    if (reference != NULL) {
        return make(sample, resolve(sample->root, reference), depth + 1);
    }
    if ((part = json_object_get(schema, "const")) != NULL) {
        return json_deep_copy(part);
    }
    if (json_array_size(part = json_object_get(schema, "enum")) > 0) {
        return make_enum(sample, part);
    }
    if (json_array_size(part = json_object_get(schema, "anyOf")) > 0 ||
        json_array_size(part = json_object_get(schema, "oneOf")) > 0) {
        return make_choice(sample, part, depth);
    }
    if (json_array_size(json_object_get(schema, "allOf")) > 0) {
        return make_all(sample, schema, depth);
    }
    return make_typed(sample, schema, depth);
}

json_t *sample_make(const json_t *schema, const char *text, const char *evidence)
{
    const struct sample sample = {schema, text, evidence};

    return make(&sample, schema, 0);
}
