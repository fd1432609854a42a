/* SPDX-License-Identifier: GPL-2.0-or-later */
/* selection: which finished jobs are meant. */
#include "job/selection.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/day.h"
#include "base/jsonpath.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

static const char *const states[] = {"completed", "failed", "cancelled", "expired"};

enum { STATES = sizeof states / sizeof states[0], STATES_FAILED = 0xE /* all but the first */ };

/* --- reading ------------------------------------------------------------------------------------ */

static int bad(struct error *error, const char *option, const char *argument, const char *wanted)
{
    error_set(error, ERROR_USAGE, "--%s wants %s, not %s", option, wanted, argument);
    return -1;
}

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = xstrdup(value);
}

/* The bit of a state's word, or 0. */
static unsigned state_bit(const char *word, size_t length)
{
    for (unsigned i = 0; i < STATES; i++) {
        if (strlen(states[i]) == length && strncmp(states[i], word, length) == 0) {
            return 1U << i;
        }
    }
    return 0;
}

static int read_states(struct selection *selection, const char *list, struct error *error)
{
    const char *word = list;

    for (;;) {
        size_t length = strcspn(word, ",");
        unsigned bit = state_bit(word, length);

        if (bit == 0) {
            return bad(error, "state", list, "completed, failed, cancelled or expired");
        }
        selection->states |= bit;
        if (word[length] == '\0') {
            return 1;
        }
        word += length + 1;
    }
}

/* A duration, a date (its beginning, UTC) or a time. */
static int read_age(const char *option, const char *text, int64_t *ms, bool *is_time,
                    struct error *error)
{
    struct wall time;
    int32_t day;

    *is_time = false;
    if (timetext_read_duration(text, ms) == 0) {
        return 1;
    }
    *is_time = true;
    if (day_read(text, &day)) {
        *ms = day * day_ms;
        return 1;
    }
    if (timetext_read(text, &time) == 0) {
        *ms = time.ms;
        return 1;
    }
    return bad(error, option, text, "a duration such as 90d, or a date such as 2026-11-30");
}

static const struct sign {
    const char *text;
    enum relation relation;
} signs[] = {/* the longer ones first */
             {"!=", RELATION_UNEQUAL}, {"<=", RELATION_AT_MOST}, {">=", RELATION_AT_LEAST},
             {"=", RELATION_EQUAL},    {"<", RELATION_LESS},     {">", RELATION_MORE},
             {"~", RELATION_LIKE}};

/* The sign that text begins with, or NULL. In a path that is a JSON Pointer ~0 and ~1 are none. */
static const struct sign *sign_at(const char *text, bool pointer)
{
    if (pointer && text[0] == '~' && (text[1] == '0' || text[1] == '1')) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (strncmp(text, signs[i].text, strlen(signs[i].text)) == 0) {
            return &signs[i];
        }
    }
    return NULL;
}

static int read_where(struct selection *selection, const char *text, struct error *error)
{
    const struct sign *sign = NULL;
    size_t length = 0;

    while (text[length] != '\0' && (sign = sign_at(text + length, text[0] == '/')) == NULL) {
        length++;
    }
    if (sign == NULL || length == 0) {
        return bad(error, "where", text, "FIELD=VALUE (or != < <= > >= ~ between them)");
    }
    selection->where =
        xrealloc(selection->where, (selection->where_count + 1) * sizeof *selection->where);
    selection->where[selection->where_count++] =
        (struct condition){.path = xstrndup(text, length),
                           .relation = sign->relation,
                           .value = xstrdup(text + length + strlen(sign->text))};
    return 1;
}

int selection_option(struct selection *selection, int option, const char *argument,
                     struct error *error)
{
    switch (option) {
    case SELECTION_RUN:
        set_text(&selection->run, argument);
        return layout_name_ok(argument) ? 1 : bad(error, "run", argument, "a run's name");
    case SELECTION_STATE:
        return read_states(selection, argument, error);
    case SELECTION_FAILED:
        selection->states |= STATES_FAILED;
        return 1;
    case SELECTION_REASON:
        set_text(&selection->reason, argument);
        return 1;
    case SELECTION_TRUNCATED:
        selection->truncated = true;
        return 1;
    case SELECTION_MODEL:
        set_text(&selection->model, argument);
        return 1;
    case SELECTION_TYPE:
        set_text(&selection->type, argument);
        return 1;
    case SELECTION_USER:
        set_text(&selection->user, argument);
        return 1;
    case SELECTION_OLDER_THAN:
        selection->says_older_than = true;
        return read_age("older-than", argument, &selection->older_than_ms,
                        &selection->older_than_is_time, error);
    case SELECTION_NEWER_THAN:
        selection->says_newer_than = true;
        return read_age("newer-than", argument, &selection->newer_than_ms,
                        &selection->newer_than_is_time, error);
    case SELECTION_WHERE:
        return read_where(selection, argument, error);
    default:
        return 0;
    }
}

bool selection_any(const struct selection *selection)
{
    return selection->states != 0 || selection->truncated || selection->run != NULL ||
           selection->reason != NULL || selection->model != NULL || selection->type != NULL ||
           selection->user != NULL || selection->says_older_than || selection->says_newer_than ||
           selection->where_count > 0;
}

bool selection_needs_record(const struct selection *selection)
{
    struct selection rest = *selection;

    if (rest.members != NULL) {
        rest.run = NULL;
    }
    return selection_any(&rest);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(((const struct id *)a)->bytes, ((const struct id *)b)->bytes, ID_SIZE);
}

void selection_members(struct selection *selection, struct id *members, size_t count)
{
    free(selection->members);
    selection->members = members != NULL ? members : xmalloc(sizeof *members);
    selection->member_count = count;
    if (count > 1) {
        qsort(members, count, sizeof *members, compare_ids);
    }
}

void selection_free(struct selection *selection)
{
    for (size_t i = 0; i < selection->where_count; i++) {
        free(selection->where[i].path);
        free(selection->where[i].value);
    }
    free(selection->where);
    free(selection->run);
    free(selection->reason);
    free(selection->model);
    free(selection->type);
    free(selection->user);
    free(selection->members);
    *selection = (struct selection){0};
}

/* --- matching ----------------------------------------------------------------------------------- */

static const json_t *find(const struct facts *facts, const char *path)
{
    const json_t *value = jsonpath_find(facts->record, path);

    return value != NULL || facts->job == NULL ? value : jsonpath_find(facts->job, path);
}

/* A value as the text that it is compared as: a string's own, any other's JSON. */
static void write_value(struct buffer *out, const json_t *value)
{
    if (json_is_string(value)) {
        buffer_append(out, json_string_value(value), json_string_length(value));
    } else {
        jsontext_write(out, value);
    }
    buffer_byte(out, '\0');
}

/* A decimal number, and none of the other things that strtod takes for one. */
static bool is_number(const char *text, double *number)
{
    char *end;

    if (text[0] == '\0' || text[strspn(text, "+-0123456789.eE")] != '\0') {
        return false;
    }
    *number = strtod(text, &end);
    return *end == '\0';
}

/* Two numbers are compared as numbers, all else as bytes of text. */
static int compare_value(const json_t *value, const char *wanted)
{
    struct buffer text = {0};
    double number;
    int order;

    if (json_is_number(value) && is_number(wanted, &number)) {
        double found = json_number_value(value);

        return (found > number) - (found < number);
    }
    write_value(&text, value);
    order = strcmp(text.bytes, wanted);
    buffer_free(&text);
    return order;
}

static bool is_like(const json_t *value, const char *pattern)
{
    struct buffer text = {0};
    bool like;

    write_value(&text, value);
    like = fnmatch(pattern, text.bytes, 0) == 0;
    buffer_free(&text);
    return like;
}

/* A field that is not there is unequal to everything, and fulfils no other relation. */
static bool holds(const struct condition *condition, const struct facts *facts)
{
    const json_t *value = find(facts, condition->path);

    if (value == NULL) {
        return condition->relation == RELATION_UNEQUAL;
    }
    switch (condition->relation) {
    case RELATION_EQUAL:
        return compare_value(value, condition->value) == 0;
    case RELATION_UNEQUAL:
        return compare_value(value, condition->value) != 0;
    case RELATION_LESS:
        return compare_value(value, condition->value) < 0;
    case RELATION_AT_MOST:
        return compare_value(value, condition->value) <= 0;
    case RELATION_MORE:
        return compare_value(value, condition->value) > 0;
    case RELATION_AT_LEAST:
        return compare_value(value, condition->value) >= 0;
    case RELATION_LIKE:
        return is_like(value, condition->value);
    }
    return false;
}

static bool model_matches(const char *pattern, const struct facts *facts)
{
    const json_t *model = json_object_get(facts->record, "model");
    const char *asked = jsontext_get_text(facts->record, "model", NULL);
    const char *answered = NULL;

    if (json_is_object(model)) {
        asked = jsontext_get_text(model, "asked", NULL);
        answered = jsontext_get_text(model, "answered", NULL);
    } else if (asked == NULL) {
        asked = jsontext_get_text(facts->job, "model", NULL);
    }
    return (asked != NULL && fnmatch(pattern, asked, 0) == 0) ||
           (answered != NULL && fnmatch(pattern, answered, 0) == 0);
}

/* The type that a person means: a template's name in metadata, else the job's own. */
static bool type_matches(const char *type, const struct facts *facts)
{
    const char *own = jsontext_get_text(facts->record, "type", NULL);
    const json_t *metadata = json_object_get(facts->record, "metadata");

    if (own == NULL) {
        own = jsontext_get_text(facts->job, "type", "chat");
    }
    return strcmp(type, own) == 0 || strcmp(type, jsontext_get_text(metadata, "type", "")) == 0;
}

static bool text_matches(const char *wanted, const struct facts *facts, const char *key)
{
    const json_t *value = find(facts, key);

    return json_is_string(value) && strcmp(json_string_value(value), wanted) == 0;
}

static bool age_matches(const struct selection *selection, int64_t finished, struct wall now)
{
    int64_t older = selection->older_than_is_time ? selection->older_than_ms
                                                  : now.ms - selection->older_than_ms;
    int64_t newer = selection->newer_than_is_time ? selection->newer_than_ms
                                                  : now.ms - selection->newer_than_ms;

    return (!selection->says_older_than || finished < older) &&
           (!selection->says_newer_than || finished >= newer);
}

static bool run_matches(const struct selection *selection, const struct facts *facts)
{
    if (selection->members == NULL) {
        return text_matches(selection->run, facts, "in_run");
    }
    return bsearch(facts->id, selection->members, selection->member_count,
                   sizeof *selection->members, compare_ids) != NULL;
}

bool selection_needs_job(const struct selection *selection)
{
    return selection->type != NULL || selection->where_count > 0;
}

bool selection_matches(const struct selection *selection, const struct facts *facts,
                       struct wall now)
{
    const char *state = facts->state != NULL ? facts->state : "";

    if ((selection->states != 0 && (selection->states & state_bit(state, strlen(state))) == 0) ||
        !age_matches(selection, facts->finished_ms, now) ||
        (selection->run != NULL && !run_matches(selection, facts)) ||
        (selection->truncated && !jsontext_get_bool(facts->record, "truncated", false)) ||
        (selection->reason != NULL && !text_matches(selection->reason, facts, "reason")) ||
        (selection->user != NULL && !text_matches(selection->user, facts, "user")) ||
        (selection->model != NULL && !model_matches(selection->model, facts)) ||
        (selection->type != NULL && !type_matches(selection->type, facts))) {
        return false;
    }
    for (size_t i = 0; i < selection->where_count; i++) {
        if (!holds(&selection->where[i], facts)) {
            return false;
        }
    }
    return true;
}
