/* SPDX-License-Identifier: GPL-2.0-or-later */
/* attempt: one request for a job and how it ended. */
#include "job/attempt.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "job/field.h"

static const char *const outcome_words[] = {
    [OUTCOME_OK] = "ok",
    [OUTCOME_NOT_SENT] = "not_sent",
    [OUTCOME_JOB] = "job",
    [OUTCOME_TRANSIENT] = "transient",
    [OUTCOME_THROTTLED] = "throttled",
    [OUTCOME_UPSTREAM] = "upstream",
    [OUTCOME_UNKNOWN] = "unknown",
    [OUTCOME_UNUSABLE] = "unusable",
    [OUTCOME_IN_DOUBT] = "in_doubt",
    [OUTCOME_CANCELLED] = "cancelled",
};

enum { OUTCOME_COUNT = sizeof outcome_words / sizeof outcome_words[0] };

const char *outcome_word(enum outcome outcome)
{
    assert((size_t)outcome < OUTCOME_COUNT);
    return outcome_words[outcome];
}

bool outcome_read(const char *word, enum outcome *outcome)
{
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        if (strcmp(word, outcome_words[i]) == 0) {
            *outcome = (enum outcome)i;
            return true;
        }
    }
    return false;
}

bool outcome_counts(enum outcome outcome)
{
    return outcome == OUTCOME_TRANSIENT || outcome == OUTCOME_UNKNOWN ||
           outcome == OUTCOME_UNUSABLE;
}

/* The texts of an attempt and their keys. */
static const struct {
    const char *key;
    size_t field;
} texts[] = {
    {"code", offsetof(struct attempt, code)},
    {"message", offsetof(struct attempt, message)},
    {"request_id", offsetof(struct attempt, request_id)},
    {"upstream", offsetof(struct attempt, upstream)},
    {"raw", offsetof(struct attempt, raw)},
};

enum { TEXT_COUNT = sizeof texts / sizeof texts[0] };

static char *get_text(const struct attempt *attempt, size_t index)
{
    char *text;
    memcpy(&text, (const char *)attempt + texts[index].field, sizeof text);
    return text;
}

static void set_text(struct attempt *attempt, size_t index, char *text)
{
    memcpy((char *)attempt + texts[index].field, &text, sizeof text);
}

json_t *attempt_json(const struct attempt *attempt)
{
    json_t *value = json_object();
    field_count(value, "n", attempt->number);
    field_time(value, "started", attempt->started);
    field_time(value, "ended", attempt->ended);
    json_object_set_new(value, "outcome", json_string(outcome_word(attempt->outcome)));
    if (attempt->counted) {
        json_object_set_new(value, "counted", json_true());
    }
    if (attempt->http_status != 0) {
        field_count(value, "http_status", attempt->http_status);
    }
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        field_text_if(value, texts[i].key, get_text(attempt, i));
    }
    if (attempt->count > 1) {
        field_count(value, "count", attempt->count);
    }
    return value;
}

static bool read_texts(const json_t *value, struct attempt *attempt)
{
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        char *text = NULL;
        if (!field_read_text(value, texts[i].key, &text)) {
            return false;
        }
        set_text(attempt, i, text);
    }
    return true;
}

/* Whether value has all that every attempt has, in range. */
static bool read_numbers(const json_t *value, struct attempt *attempt)
{
    const char *word = jsontext_get_text(value, "outcome", "");
    int64_t status = 0;
    attempt->count = 1;
    attempt->started = -1;
    attempt->ended = -1;
    if (!field_read_count(value, "n", &attempt->number) ||
        !field_read_count(value, "count", &attempt->count) ||
        !field_read_time(value, "started", &attempt->started) ||
        !field_read_time(value, "ended", &attempt->ended) ||
        !field_read_number(value, "http_status", &status) || status > 999 ||
        !outcome_read(word, &attempt->outcome)) {
        return false;
    }
    attempt->http_status = (int)status;
    attempt->counted = jsontext_get_bool(value, "counted", false);
    return attempt->number > 0 && attempt->count > 0 && attempt->started >= 0 &&
           attempt->ended >= 0;
}

bool attempt_from_json(const json_t *value, struct attempt *attempt)
{
    *attempt = (struct attempt){0};
    if (!read_numbers(value, attempt) || !read_texts(value, attempt)) {
        attempt_clear(attempt);
        return false;
    }
    return true;
}

void attempt_clear(struct attempt *attempt)
{
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        free(get_text(attempt, i));
        set_text(attempt, i, NULL);
    }
}
