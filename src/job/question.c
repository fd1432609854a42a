/* SPDX-License-Identifier: GPL-2.0-or-later */
/* question: the types of jobs, and what a job of each asks with. */
#include "job/question.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* What a type makes of a key that asks. */
enum place { NO_PLACE, MAY, MUST, EITHER };

enum { KEY_COUNT = 4 };

static const char *const keys[KEY_COUNT] = {"input", "messages", "prompt", "system"};

static const struct type {
    const char *name;
    const char *needs; /* in words */
    enum place places[KEY_COUNT];
} types[] = {
    {"chat", "a \"prompt\" or \"messages\"", {NO_PLACE, EITHER, EITHER, MAY}},
    {"completion", "a \"prompt\"", {NO_PLACE, NO_PLACE, MUST, NO_PLACE}},
    {"embed", "an \"input\"", {MUST, NO_PLACE, NO_PLACE, NO_PLACE}},
};

static const struct type *find_type(const char *word)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, word) == 0) {
            return &types[i];
        }
    }
    return NULL;
}

const char *question_type(const char *word)
{
    const struct type *type = find_type(word);
    return type != NULL ? type->name : NULL;
}

/* Counts the keys that are there and of which one is enough or needed. */
static int count_askers(const json_t *document, const struct type *type, size_t *count,
                        struct refusal *refusal)
{
    *count = 0;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (json_object_get(document, keys[i]) == NULL) {
            continue;
        }
        if (type->places[i] == NO_PLACE) {
            return refuse(refusal, "bad_value",
                          "\"%s\" has no place in a job of type %s, which asks with %s", keys[i],
                          type->name, type->needs);
        }
        *count += type->places[i] != MAY;
    }
    return 0;
}

int question_check(const json_t *document, const char *word, struct refusal *refusal)
{
    const struct type *type = find_type(word);
    size_t askers;
    if (count_askers(document, type, &askers, refusal) != 0) {
        return -1;
    }
    if (askers == 0) {
        return refuse(refusal, "bad_value", "a job of type %s needs %s", type->name, type->needs);
    }
    if (askers > 1) {
        return refuse(refusal, "bad_value", "\"prompt\" and \"messages\" exclude each other");
    }
    return 0;
}

/* A token's number; 5.0 is one too, as in JSON Schema. */
static bool is_token(const json_t *value)
{
    double number = json_number_value(value);
    return json_is_number(value) && number >= 0 && floor(number) == number;
}

static bool is_text(const json_t *value)
{
    return json_string_length(value) > 0;
}

static bool all_are(const json_t *array, bool (*is)(const json_t *))
{
    size_t count = json_array_size(array);
    for (size_t i = 0; i < count; i++) {
        if (!is(json_array_get(array, i))) {
            return false;
        }
    }
    return count > 0;
}

static bool are_tokens(const json_t *value)
{
    return all_are(value, is_token);
}

int question_check_input(const json_t *input, struct refusal *refusal)
{
    bool several = all_are(input, is_text) || all_are(input, are_tokens);
    if (several && json_array_size(input) > QUESTION_INPUTS_LIMIT) {
        return refuse(refusal, "bad_value", "\"input\" has %zu items, and the limit is %d",
                      json_array_size(input), QUESTION_INPUTS_LIMIT);
    }
    if (!several && !is_text(input) && !are_tokens(input)) {
        return refuse(refusal, "bad_value",
                      "\"input\" must be text that is not empty, or an array of such texts, of "
                      "tokens (integers), or of arrays of tokens");
    }
    return 0;
}
