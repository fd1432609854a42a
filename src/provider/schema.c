/* SPDX-License-Identifier: GPL-2.0-or-later */
/* schema: whether a value fits a JSON Schema; the rules that are made of further schemas. */
#include "provider/schema.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "provider/schema_rule.h"

enum { JUDGE_WORK = 30 }; /* of one schema for one value: about as many keywords are looked for */

static enum fit judge(struct check *check, const json_t *schema, const json_t *value);

static enum fit least(enum fit a, enum fit b)
{
    return a < b ? a : b;
}

static enum fit judge_member(struct check *check, const json_t *schema, const char *name,
                             const json_t *value)
{
    size_t before = schema_path_member(check, name);
    enum fit fit = judge(check, schema, value);
    schema_path_cut(check, before);
    return fit;
}

static enum fit judge_item(struct check *check, const json_t *schema, const json_t *array,
                           size_t index)
{
    size_t before = schema_path_item(check, index);
    enum fit fit = judge(check, schema, json_array_get(array, index));
    schema_path_cut(check, before);
    return fit;
}

/* Rules made of schemas */

static enum fit judge_all_of(struct check *check, const struct place *at)
{
    enum fit fit = json_is_array(at->param) ? FITS : UNKNOWN;
    for (size_t i = 0; i < json_array_size(at->param) && fit != UNFIT && check->work > 0; i++) {
        fit = least(fit, judge(check, json_array_get(at->param, i), at->value));
    }
    return check->work == 0 ? least(fit, UNKNOWN) : fit;
}

/* Counts how many of the schemas a value fits, and how many nobody knows of; stops at enough. */
static void count_fits(struct check *check, const json_t *schemas, const json_t *value,
                       size_t enough, size_t *fits, size_t *unknown)
{
    *fits = 0;
    *unknown = !json_is_array(schemas);
    check->quiet++;
    for (size_t i = 0; i < json_array_size(schemas) && *fits < enough && check->work > 0; i++) {
        enum fit fit = judge(check, json_array_get(schemas, i), value);
        *fits += fit == FITS;
        *unknown += fit == UNKNOWN;
    }
    check->quiet--;
    *unknown += check->work == 0;
}

static enum fit judge_any_of(struct check *check, const struct place *at)
{
    size_t fits, unknown;
    count_fits(check, at->param, at->value, 1, &fits, &unknown);
    if (fits > 0) {
        return FITS;
    }
    return unknown > 0 ? UNKNOWN
                       : schema_fail(check, at->rule->name, "it fits none of the %zu schemas",
                                     json_array_size(at->param));
}

static enum fit judge_one_of(struct check *check, const struct place *at)
{
    size_t fits, unknown;
    count_fits(check, at->param, at->value, 2, &fits, &unknown);
    if (fits > 1) {
        return schema_fail(check, at->rule->name, "it fits more than one of the %zu schemas",
                           json_array_size(at->param));
    }
    if (unknown > 0) {
        return UNKNOWN;
    }
    return fits == 1 ? FITS
                     : schema_fail(check, at->rule->name, "it fits none of the %zu schemas",
                                   json_array_size(at->param));
}

static enum fit judge_not(struct check *check, const struct place *at)
{
    check->quiet++;
    enum fit fit = judge(check, at->param, at->value);
    check->quiet--;
    if (fit == FITS) {
        return schema_fail(check, at->rule->name, "it fits the schema that it must not fit");
    }
    return fit == UNFIT ? FITS : UNKNOWN;
}

/* Takes one step of a JSON pointer (RFC 6901) into value; name has %XX and ~ still in it. */
static const json_t *point(const json_t *value, const char *name, size_t length)
{
    struct buffer plain = {0};
    for (size_t i = 0; i < length; i++) {
        char hex[3] = {0};
        if (name[i] == '%' && i + 2 < length) {
            memcpy(hex, name + i + 1, 2);
            buffer_byte(&plain, (char)strtoul(hex, NULL, 16));
            i += 2;
        } else if (name[i] == '~' && i + 1 < length) {
            buffer_byte(&plain, name[++i] == '1' ? '/' : '~');
        } else {
            buffer_byte(&plain, name[i]);
        }
    }
    const char *key = plain.bytes == NULL ? "" : plain.bytes;
    const json_t *found = json_is_array(value) ? json_array_get(value, strtoul(key, NULL, 10))
                                               : json_object_get(value, key);
    buffer_free(&plain);
    return found;
}

static enum fit judge_ref(struct check *check, const struct place *at)
{
    const char *pointer = json_string_value(at->param);
    const json_t *target = check->root;
    if (pointer == NULL || *pointer++ != '#' || !schema_spend(check, 1 + strlen(pointer))) {
        return UNKNOWN;
    }
    while (*pointer == '/' && target != NULL) {
        size_t length = strcspn(pointer + 1, "/");
        target = point(target, pointer + 1, length);
        pointer += 1 + length;
    }
    return *pointer == '\0' && target != NULL ? judge(check, target, at->value) : UNKNOWN;
}

/* Rules for objects */

static enum fit judge_properties(struct check *check, const struct place *at)
{
    enum fit fit = json_is_object(at->param) ? FITS : UNKNOWN;
    const char *key;
    json_t *member;
    json_object_foreach ((json_t *)(uintptr_t)at->value, key, member) {
        const json_t *inner = json_object_get(at->param, key);
        if (inner != NULL) {
            fit = least(fit, judge_member(check, inner, key, member));
        }
        if (fit == UNFIT || !schema_spend(check, 1)) {
            break;
        }
    }
    return check->work == 0 ? least(fit, UNKNOWN) : fit;
}

static enum fit judge_additional(struct check *check, const struct place *at)
{
    const json_t *properties = json_object_get(at->schema, "properties");
    enum fit fit = FITS;
    const char *key;
    json_t *member;
    if (json_object_get(at->schema, "patternProperties") != NULL) {
        return UNKNOWN;
    }
    json_object_foreach ((json_t *)(uintptr_t)at->value, key, member) {
        if (!schema_spend(check, 1)) {
            return UNKNOWN;
        }
        if (json_object_get(properties, key) != NULL) {
            continue;
        }
        if (json_is_false(at->param)) {
            return schema_fail(check, at->rule->name, "the member \"%.*s\" is not allowed",
                               schema_shown(key, SCHEMA_SHOWN), key);
        }
        fit = least(fit, judge_member(check, at->param, key, member));
        if (fit == UNFIT) {
            break;
        }
    }
    return fit;
}

/* Rules for arrays */

/* The schemas for the first items: NULL when there are none. */
static const json_t *prefix_of(const json_t *schema)
{
    const json_t *prefix = json_object_get(schema, "prefixItems");
    const json_t *items = json_object_get(schema, "items");
    return json_is_array(prefix) ? prefix : json_is_array(items) ? items : NULL;
}

static enum fit judge_prefix(struct check *check, const struct place *at)
{
    enum fit fit = json_is_array(at->param) ? FITS : UNKNOWN;
    size_t count = json_array_size(at->value);
    for (size_t i = 0; i < json_array_size(at->param) && i < count && fit != UNFIT; i++) {
        fit = least(fit, judge_item(check, json_array_get(at->param, i), at->value, i));
        if (check->work == 0) {
            break;
        }
    }
    return fit;
}

static enum fit judge_items(struct check *check, const struct place *at)
{
    enum fit fit = FITS;
    if (json_is_array(at->param)) {
        return judge_prefix(check, at);
    }
    size_t count = json_array_size(at->value);
    for (size_t i = json_array_size(prefix_of(at->schema)); i < count && fit != UNFIT; i++) {
        fit = least(fit, judge_item(check, at->param, at->value, i));
        if (check->work == 0) {
            break;
        }
    }
    return fit;
}

static const struct rule rules[] = {
    {"additionalProperties", SCHEMA_KIND(JSON_OBJECT), judge_additional, 0},
    {"properties", SCHEMA_KIND(JSON_OBJECT), judge_properties, 0},
    {"prefixItems", SCHEMA_KIND(JSON_ARRAY), judge_prefix, 0},
    {"items", SCHEMA_KIND(JSON_ARRAY), judge_items, 0},
    {"$ref", 0, judge_ref, 0},
    {"allOf", 0, judge_all_of, 0},
    {"anyOf", 0, judge_any_of, 0},
    {"oneOf", 0, judge_one_of, 0},
    {"not", 0, judge_not, 0},
    {NULL, 0, NULL, 0},
};

/* Judges by the rules of a table that the schema has. */
static enum fit judge_by(struct check *check, const struct rule *rule, const json_t *schema,
                         const json_t *value)
{
    enum fit fit = FITS;
    for (; rule->name != NULL && fit != UNFIT && check->work > 0; rule++) {
        struct place place = {rule, schema, json_object_get(schema, rule->name), value};
        bool judged = rule->kinds == 0 || (rule->kinds & SCHEMA_KIND(json_typeof(value))) != 0;
        if (place.param != NULL && judged) {
            fit = least(fit, rule->judge(check, &place));
        }
    }
    return check->work == 0 ? least(fit, UNKNOWN) : fit;
}

static enum fit judge(struct check *check, const json_t *schema, const json_t *value)
{
    if (json_is_false(schema)) {
        return schema_fail(check, "false", "nothing is allowed here");
    }
    if (json_is_true(schema)) {
        return FITS;
    }
    if (!json_is_object(schema) || check->depth == SCHEMA_DEPTH ||
        !schema_spend(check, JUDGE_WORK)) {
        return UNKNOWN;
    }
    check->depth++;
    enum fit fit = judge_by(check, schema_value_rules, schema, value);
    if (fit != UNFIT) {
        fit = least(fit, judge_by(check, rules, schema, value));
    }
    check->depth--;
    return fit;
}

int schema_check(const json_t *schema, const json_t *value, struct error *error)
{
    struct check check = {.root = schema, .error = error, .work = SCHEMA_WORK};
    enum fit fit = judge(&check, schema, value);
    buffer_free(&check.path);
    return fit == UNFIT ? -1 : 0;
}
