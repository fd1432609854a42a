/* SPDX-License-Identifier: GPL-2.0-or-later */
/* schema_value: the rules of a JSON Schema that look at a value without judging what is in it. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "provider/pattern.h"
#include "provider/schema_rule.h"

enum { SORT_WORK = 50 }; /* of one item: to allocate and to sort its text */

/* Equality as JSON Schema has it: 1 and 1.0 are one number. */
static bool is_same(struct check *check, const json_t *a, const json_t *b);

static bool is_same_array(struct check *check, const json_t *a, const json_t *b)
{
    size_t count = json_array_size(a);
    bool same = count == json_array_size(b);
    for (size_t i = 0; same && i < count; i++) {
        same = is_same(check, json_array_get(a, i), json_array_get(b, i));
    }
    return same;
}

static bool is_same_object(struct check *check, const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;
    if (json_object_size(a) != json_object_size(b)) {
        return false;
    }
    json_object_foreach ((json_t *)(uintptr_t)a, key, value) {
        if (!is_same(check, value, json_object_get(b, key))) {
            return false;
        }
    }
    return true;
}

static bool is_same(struct check *check, const json_t *a, const json_t *b)
{
    if (b == NULL || !schema_spend(check, 1)) {
        return false;
    }
    if (json_is_integer(a) && json_is_integer(b)) {
        return json_integer_value(a) == json_integer_value(b);
    }
    if (json_is_number(a) && json_is_number(b)) {
        return json_number_value(a) == json_number_value(b);
    }
    if (json_typeof(a) != json_typeof(b)) {
        return false;
    }
    return json_is_array(a)    ? is_same_array(check, a, b)
           : json_is_object(a) ? is_same_object(check, a, b)
                               : json_equal(a, b) == 1;
}

/* Rules for any value */

static bool is_whole(const json_t *value)
{
    double number = json_number_value(value);
    return json_is_integer(value) || (json_is_real(value) && floor(number) == number);
}

static const char *kind_name(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "object",   [JSON_ARRAY] = "array", [JSON_STRING] = "string",
        [JSON_INTEGER] = "integer", [JSON_REAL] = "number", [JSON_TRUE] = "boolean",
        [JSON_FALSE] = "boolean",   [JSON_NULL] = "null",
    };
    return names[json_typeof(value)];
}

static enum fit has_kind(const json_t *name, const json_t *value)
{
    static const char *const known[] = {"object",  "array",   "string", "number",
                                        "integer", "boolean", "null"};
    const char *word = json_string_value(name);
    bool is_known = false;
    for (size_t i = 0; word != NULL && i < sizeof known / sizeof *known; i++) {
        is_known = is_known || strcmp(word, known[i]) == 0;
    }
    if (!is_known) {
        return UNKNOWN;
    }
    bool fits = strcmp(word, kind_name(value)) == 0 ||
                (strcmp(word, "number") == 0 && json_is_number(value)) ||
                (strcmp(word, "integer") == 0 && is_whole(value));
    return fits ? FITS : UNFIT;
}

static enum fit judge_type(struct check *check, const struct place *at)
{
    struct buffer names = {0};
    size_t count = json_is_array(at->param) ? json_array_size(at->param) : 1;
    enum fit fit = UNFIT;
    for (size_t i = 0; i < count && fit != FITS && schema_spend(check, 1); i++) {
        const json_t *name = json_is_array(at->param) ? json_array_get(at->param, i) : at->param;
        enum fit one = has_kind(name, at->value);
        fit = one > fit ? one : fit;
        if (names.length < SCHEMA_SHOWN && one == UNFIT) {
            buffer_printf(&names, "%s%s", i == 0 ? "" : " or ", json_string_value(name));
        }
    }
    if (check->work == 0) {
        fit = UNKNOWN;
    }
    if (fit == UNFIT) {
        schema_fail(check, at->rule->name, "it must be %s, and is %s",
                    names.bytes == NULL ? "nothing" : names.bytes, kind_name(at->value));
    }
    buffer_free(&names);
    return fit;
}

static enum fit judge_enum(struct check *check, const struct place *at)
{
    if (!json_is_array(at->param)) {
        return UNKNOWN;
    }
    for (size_t i = 0; i < json_array_size(at->param); i++) {
        if (is_same(check, json_array_get(at->param, i), at->value)) {
            return FITS;
        }
        if (check->work == 0) {
            return UNKNOWN;
        }
    }
    return schema_fail(check, at->rule->name, "it is none of the %zu values",
                       json_array_size(at->param));
}

static enum fit judge_const(struct check *check, const struct place *at)
{
    if (is_same(check, at->param, at->value)) {
        return FITS;
    }
    return check->work == 0 ? UNKNOWN : schema_fail(check, at->rule->name, "it is another value");
}

static enum fit judge_required(struct check *check, const struct place *at)
{
    for (size_t i = 0; i < json_array_size(at->param); i++) {
        const char *name = json_string_value(json_array_get(at->param, i));
        if (name == NULL || !schema_spend(check, 1)) {
            return UNKNOWN;
        }
        if (json_object_get(at->value, name) == NULL) {
            return schema_fail(check, at->rule->name, "it has no member \"%.*s\"",
                               schema_shown(name, SCHEMA_SHOWN), name);
        }
    }
    return json_is_array(at->param) ? FITS : UNKNOWN;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The canonical texts of an array's items, sorted: what is equal stands together. */
static char **sorted_texts(struct check *check, const json_t *array)
{
    size_t count = json_array_size(array);
    char **texts = xcalloc(count, sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        struct buffer text = {0};
        jsontext_write_canonical(&text, json_array_get(array, i));
        schema_spend(check, text.length + SORT_WORK);
        texts[i] = buffer_take(&text);
    }
    qsort(texts, count, sizeof *texts, compare_texts);
    return texts;
}

static enum fit judge_unique(struct check *check, const struct place *at)
{
    size_t count = json_array_size(at->value);
    bool same = false;
    if (!json_is_true(at->param) || count < 2) {
        return FITS;
    }
    char **texts = sorted_texts(check, at->value);
    for (size_t i = 0; i < count; i++) {
        same = same || (i > 0 && strcmp(texts[i - 1], texts[i]) == 0);
    }
    for (size_t i = 0; i < count; i++) {
        free(texts[i]);
    }
    free(texts);
    return same ? schema_fail(check, at->rule->name, "two of its items are the same") : FITS;
}

/* Bounds */

static size_t code_points(const json_t *text)
{
    const char *bytes = json_string_value(text);
    size_t count = 0;
    for (size_t i = 0; i < json_string_length(text); i++) {
        count += ((unsigned char)bytes[i] & 0xC0) != 0x80;
    }
    return count;
}

static enum fit judge_count(struct check *check, const struct place *at)
{
    double bound = json_number_value(at->param);
    const char *unit = json_is_string(at->value)  ? "character"
                       : json_is_array(at->value) ? "item"
                                                  : "member";
    size_t count = json_is_string(at->value)  ? code_points(at->value)
                   : json_is_array(at->value) ? json_array_size(at->value)
                                              : json_object_size(at->value);
    if (!json_is_number(at->param) ||
        !schema_spend(check, json_is_string(at->value) ? count / 64 : 0)) {
        return UNKNOWN;
    }
    if (at->rule->sign < 0 ? (double)count >= bound : (double)count <= bound) {
        return FITS;
    }
    return schema_fail(check, at->rule->name, "it must have at %s %.0f %s%s, and has %zu",
                       at->rule->sign < 0 ? "least" : "most", bound, unit, bound == 1 ? "" : "s",
                       count);
}

static void show_number(const json_t *number, char out[JSONTEXT_NUMBER_SIZE])
{
    out[jsontext_number(json_number_value(number), out)] = '\0';
}

static enum fit judge_bound(struct check *check, const struct place *at)
{
    double bound = json_number_value(at->param);
    double number = json_number_value(at->value);
    bool exclusive = strncmp(at->rule->name, "exclusive", 9) == 0;
    char shown[JSONTEXT_NUMBER_SIZE];
    if (!json_is_number(at->param)) {
        return UNKNOWN;
    }
    if (at->rule->sign < 0 ? number > bound : number < bound) {
        return FITS;
    }
    if (number == bound && !exclusive) {
        return FITS;
    }
    show_number(at->param, shown);
    return schema_fail(check, at->rule->name, "it must be %s %s",
                       exclusive ? (at->rule->sign < 0 ? "more than" : "less than")
                                 : (at->rule->sign < 0 ? "at least" : "at most"),
                       shown);
}

/* 0.3 is a multiple of 0.1, though not of the double that 0.1 is: what rounding explains is let
 * through. */
static enum fit judge_multiple(struct check *check, const struct place *at)
{
    double step = json_number_value(at->param);
    double number = json_number_value(at->value);
    char shown[JSONTEXT_NUMBER_SIZE];
    if (!(step > 0)) {
        return UNKNOWN;
    }
    if (fabs(remainder(number, step)) <= 2 * DBL_EPSILON * fabs(number)) {
        return FITS;
    }
    show_number(at->param, shown);
    return schema_fail(check, at->rule->name, "it must be a multiple of %s", shown);
}

static enum fit judge_pattern(struct check *check, const struct place *at)
{
    const char *pattern = json_string_value(at->param);
    const char *text = json_string_value(at->value);
    if (pattern == NULL || strlen(text) != json_string_length(at->value)) {
        return UNKNOWN;
    }
    switch (pattern_search(pattern, text, &check->work)) {
    case PATTERN_MATCHED:
        return FITS;
    case PATTERN_UNMATCHED:
        return schema_fail(check, at->rule->name, "it does not match %.*s",
                           schema_shown(pattern, SCHEMA_SHOWN), pattern);
    default:
        return UNKNOWN;
    }
}

#define OBJECTS SCHEMA_KIND(JSON_OBJECT)
#define ARRAYS  SCHEMA_KIND(JSON_ARRAY)
#define STRINGS SCHEMA_KIND(JSON_STRING)
#define NUMBERS (SCHEMA_KIND(JSON_INTEGER) | SCHEMA_KIND(JSON_REAL))

const struct rule schema_value_rules[] = {
    {"type", 0, judge_type, 0},
    {"const", 0, judge_const, 0},
    {"enum", 0, judge_enum, 0},
    {"required", OBJECTS, judge_required, 0},
    {"minProperties", OBJECTS, judge_count, -1},
    {"maxProperties", OBJECTS, judge_count, 1},
    {"minItems", ARRAYS, judge_count, -1},
    {"maxItems", ARRAYS, judge_count, 1},
    {"uniqueItems", ARRAYS, judge_unique, 0},
    {"minLength", STRINGS, judge_count, -1},
    {"maxLength", STRINGS, judge_count, 1},
    {"pattern", STRINGS, judge_pattern, 0},
    {"minimum", NUMBERS, judge_bound, -1},
    {"exclusiveMinimum", NUMBERS, judge_bound, -1},
    {"maximum", NUMBERS, judge_bound, 1},
    {"exclusiveMaximum", NUMBERS, judge_bound, 1},
    {"multipleOf", NUMBERS, judge_multiple, 0},
    {NULL, 0, NULL, 0},
};
