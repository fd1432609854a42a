/* SPDX-License-Identifier: GPL-2.0-or-later */
/* parameter: types and bounds. */
#include "mock/parameter.h"

#include <stdbool.h>
#include <string.h>

enum { STOPS_MAX = 4 };

static const char *const type_names[] = {
    [PARAMETER_NUMBER] = "a number",   [PARAMETER_INTEGER] = "an integer",
    [PARAMETER_BOOLEAN] = "a boolean", [PARAMETER_STRING] = "a string",
    [PARAMETER_OBJECT] = "an object",  [PARAMETER_ARRAY] = "an array",
};

static bool has_type(const json_t *value, enum parameter_type type)
{
    switch (type) {
    case PARAMETER_NUMBER:
        return json_is_number(value);
    case PARAMETER_INTEGER:
        return json_is_integer(value);
    case PARAMETER_BOOLEAN:
        return json_is_boolean(value);
    case PARAMETER_STRING:
        return json_is_string(value);
    case PARAMETER_OBJECT:
        return json_is_object(value);
    case PARAMETER_ARRAY:
        return json_is_array(value);
    }
    return false;
}

static int check_one(const json_t *value, const struct parameter *parameter, struct reply *reply)
{
    double number = json_number_value(value);
    bool whole = parameter->type == PARAMETER_INTEGER;

    if (!has_type(value, parameter->type)) {
        reply_refuse(reply, 400, parameter->name, "invalid_type",
                     "Invalid type for '%s': expected %s.", parameter->name,
                     type_names[parameter->type]);
        return -1;
    }
    if (!json_is_number(value)) {
        return 0;
    }
    if (number < parameter->least) {
        reply_refuse(reply, 400, parameter->name,
                     whole ? "integer_below_min_value" : "decimal_below_min_value",
                     "Invalid '%s': value below minimum. Expected a value >= %g.", parameter->name,
                     parameter->least);
        return -1;
    }
    if (number > parameter->most) {
        reply_refuse(reply, 400, parameter->name,
                     whole ? "integer_above_max_value" : "decimal_above_max_value",
                     "Invalid '%s': value above maximum. Expected a value <= %g.", parameter->name,
                     parameter->most);
        return -1;
    }
    return 0;
}

int parameter_check(const json_t *body, const struct parameter *table, size_t count,
                    struct reply *reply)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(body, table[i].name);

        if (value != NULL && !json_is_null(value) && check_one(value, &table[i], reply) != 0) {
            return -1;
        }
    }
    return 0;
}

int parameter_check_stop(const json_t *body, struct reply *reply)
{
    const json_t *stop = json_object_get(body, "stop");
    bool good = stop == NULL || json_is_null(stop) || json_is_string(stop) ||
                (json_is_array(stop) && json_array_size(stop) <= STOPS_MAX);

    for (size_t i = 0; good && i < json_array_size(stop); i++) {
        good = json_is_string(json_array_get(stop, i));
    }
    if (good) {
        return 0;
    }
    reply_refuse(reply, 400, "stop", "invalid_type",
                 "Invalid type for 'stop': expected a string or up to %d strings.", STOPS_MAX);
    return -1;
}

static bool is_in_table(const char *name, const struct parameter *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

const char *parameter_stranger(const json_t *body, const struct parameter *table, size_t count,
                               const char *const *others, size_t other_count)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)body, name, value)
    {
        if (!is_in_table(name, table, count) && !is_among(name, others, other_count)) {
            return name;
        }
    }
    return NULL;
}
