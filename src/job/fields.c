/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fields: a JSON Schema made of names. */
#include "job/fields.h"

#include <stdbool.h>
#include <string.h>

#include "base/jsontext.h"
#include "job/refusal.h"

static const char *const types[] = {"string", "number", "integer", "boolean"};

enum { TYPE_COUNT = sizeof types / sizeof types[0] };

/* The schema of a type such as "number[]?", or NULL. */
static json_t *type_schema(const char *text, size_t length)
{
    const char *type = NULL;
    bool nullable = length > 0 && text[length - 1] == '?';
    length -= nullable;
    bool array = length > 2 && memcmp(text + length - 2, "[]", 2) == 0;
    length -= array ? 2 : 0;
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (strlen(types[i]) == length && memcmp(types[i], text, length) == 0) {
            type = types[i];
        }
    }
    if (length == 0) {
        type = array ? NULL : types[0];
    }
    if (type == NULL) {
        return NULL;
    }
    json_t *schema = json_object();
    json_object_set_new(schema, "type",
                        nullable ? json_pack("[s, s]", array ? "array" : type, "null")
                                 : json_string(array ? "array" : type));
    if (array) {
        json_object_set_new(schema, "items", json_pack("{s:s}", "type", type));
    }
    return schema;
}

/* Blanks around a name or type do not count. */
static const char *trim(const char *text, size_t *length)
{
    while (*length > 0 && *text == ' ') {
        text++;
        (*length)--;
    }
    while (*length > 0 && text[*length - 1] == ' ') {
        (*length)--;
    }
    return text;
}

static int add(json_t *schema, const char *name, size_t name_length, const char *type,
               size_t type_length, struct error *error)
{
    json_t *properties = json_object_get(schema, "properties");
    char shown[REFUSAL_QUOTE_SIZE];
    name = trim(name, &name_length);
    type = trim(type, &type_length);
    json_t *key = json_stringn(name, name_length);
    const char *text = json_string_value(key);
    json_t *value = type_schema(type, type_length);
    int result = -1;
    if (text == NULL || name_length == 0 || name_length > FIELDS_NAME_LIMIT ||
        refusal_has_control(text)) {
        error_set(error, ERROR_DATA,
                  "fields must have names of 1 to %d bytes without control characters",
                  FIELDS_NAME_LIMIT);
    } else if (value == NULL) {
        error_set(error, ERROR_DATA,
                  "fields have the type string, number, integer or boolean, with [] behind it for "
                  "several and ? when it may be null; that of \"%s\" is none",
                  refusal_quote(text, shown));
    } else if (json_object_get(properties, text) != NULL) {
        error_set(error, ERROR_DATA, "fields must differ, and \"%s\" comes twice",
                  refusal_quote(text, shown));
    } else {
        json_object_set(properties, text, value);
        json_array_append(json_object_get(schema, "required"), key);
        result = 0;
    }
    json_decref(value);
    json_decref(key);
    return result;
}

/* NAME, NAME:TYPE, or NAME? */
static int add_word(json_t *schema, const char *text, size_t length, struct error *error)
{
    const char *colon = memchr(text, ':', length);
    size_t name_length = colon != NULL ? (size_t)(colon - text) : length;
    if (colon != NULL) {
        return add(schema, text, name_length, colon + 1, length - name_length - 1, error);
    }
    text = trim(text, &name_length);
    if (name_length > 0 && text[name_length - 1] == '?') {
        return add(schema, text, name_length - 1, "?", 1, error);
    }
    return add(schema, text, name_length, "", 0, error);
}

static int add_words(json_t *schema, const char *text, struct error *error)
{
    for (;;) {
        size_t length = strcspn(text, ",");
        if (add_word(schema, text, length, error) != 0) {
            return -1;
        }
        if (text[length] == '\0') {
            return 0;
        }
        text += length + 1;
    }
}

static int bad_value(struct error *error)
{
    error_set(
        error, ERROR_DATA,
        "fields must be a text such as \"name,amount:number\", an array of such, or an object "
        "of names and types");
    return -1;
}

static int add_array(json_t *schema, const json_t *value, struct error *error)
{
    size_t i;
    const json_t *item;
    json_array_foreach (value, i, item) {
        if (!json_is_string(item)) {
            return bad_value(error);
        }
        if (add_word(schema, json_string_value(item), json_string_length(item), error) != 0) {
            return -1;
        }
    }
    return 0;
}

static int add_object(json_t *schema, json_t *value, struct error *error)
{
    const char *name;
    const json_t *type;
    json_object_foreach (value, name, type) {
        if (!json_is_string(type)) {
            return bad_value(error);
        }
        if (add(schema, name, strlen(name), json_string_value(type), json_string_length(type),
                error) != 0) {
            return -1;
        }
    }
    return 0;
}

static int add_all(json_t *schema, json_t *value, struct error *error)
{
    if (json_is_string(value)) {
        return add_words(schema, json_string_value(value), error);
    }
    if (json_is_array(value)) {
        return add_array(schema, value, error);
    }
    return json_is_object(value) ? add_object(schema, value, error) : bad_value(error);
}

json_t *fields_schema(json_t *value, struct error *error)
{
    json_t *schema = json_pack("{s:s, s:{}, s:[], s:b}", "type", "object", "properties", "required",
                               "additionalProperties", 0);
    int result = add_all(schema, value, error);
    size_t count = json_object_size(json_object_get(schema, "properties"));
    if (result == 0 && (count == 0 || count > FIELDS_COUNT_LIMIT)) {
        error_set(error, ERROR_DATA, "fields must be 1 to %d", FIELDS_COUNT_LIMIT);
        result = -1;
    }
    if (result != 0) {
        json_decref(schema);
        return NULL;
    }
    return schema;
}
