/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state: what must be remembered of a job beside its file: cur/ID.state.json. */
#include "job/state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "job/field.h"
#include "job/mail.h"

enum { STATE_VERSION = 1 };

static const char never[] = "never"; /* an expires that does not come */

static const char *const hold_words[] = {
    [HOLD_NONE] = NULL,       [HOLD_USER] = "user",     [HOLD_DOUBT] = "doubt",
    [HOLD_POISON] = "poison", [HOLD_BUDGET] = "budget",
};

enum { HOLD_COUNT = sizeof hold_words / sizeof hold_words[0] };

const char *hold_word(enum hold hold)
{
    assert((size_t)hold < HOLD_COUNT);
    return hold_words[hold];
}

struct state *state_new(const struct id *id)
{
    struct state *state = xmalloc(sizeof *state);
    *state = (struct state){
        .id = *id,
        .run = 1,
        .hold = HOLD_NONE,
        .priority = -1,
        .not_before = -1,
        .expires = -1,
        .keep = -1,
        .names = json_array(),
        .webhooks = json_array(),
        .mails = json_array(),
    };
    return state;
}

void state_free(struct state *state)
{
    if (state == NULL) {
        return;
    }
    for (size_t i = 0; i < state->attempt_count; i++) {
        attempt_clear(&state->attempts[i]);
    }
    free(state->attempts);
    json_decref(state->names);
    json_decref(state->webhooks);
    json_decref(state->mails);
    free(state->in_run);
    free(state->fallback);
    free(state->fallback_reason);
    free(state);
}

/* Reading */

static bool read_id(const json_t *object, const struct id *id)
{
    struct id found;
    return id_read(jsontext_get_text(object, "id", ""), &found) && id_equal(&found, id);
}

static bool read_hold(const json_t *object, enum hold *hold)
{
    const json_t *value = json_object_get(object, "hold");
    if (value == NULL || json_is_null(value)) {
        return true;
    }
    for (size_t i = HOLD_NONE + 1; json_is_string(value) && i < HOLD_COUNT; i++) {
        if (strcmp(json_string_value(value), hold_words[i]) == 0) {
            *hold = (enum hold)i;
            return true;
        }
    }
    return false;
}

static bool read_counters(const json_t *object, struct state *state)
{
    return field_read_count(object, "run", &state->run) && state->run > 0 &&
           field_read_count(object, "tries", &state->tries) &&
           field_read_time(object, "submitted", &state->submitted) &&
           field_read_count(object, "sends", &state->sends) &&
           field_read_count(object, "failures", &state->failures) &&
           field_read_count(object, "since", &state->since) &&
           field_read_count(object, "throttled", &state->throttled) &&
           field_read_count(object, "doubts", &state->doubts) &&
           field_read_count(object, "crashes", &state->crashes) &&
           field_read_time(object, "next_try", &state->next_try) &&
           field_read_text(object, "in_run", &state->in_run) && read_hold(object, &state->hold);
}

static bool read_fallback(const json_t *object, struct state *state)
{
    const json_t *fallback = json_object_get(object, "fallback");
    if (fallback == NULL) {
        return true;
    }
    return field_read_text(fallback, "model", &state->fallback) && state->fallback != NULL &&
           field_read_text(fallback, "reason", &state->fallback_reason);
}

static bool read_attempts(const json_t *object, struct state *state)
{
    const json_t *values = json_object_get(object, "attempts");
    size_t count = json_array_size(values);
    if (values != NULL && !json_is_array(values)) {
        return false;
    }
    state->attempts = xcalloc(count + 1, sizeof *state->attempts);
    for (size_t i = 0; i < count; i++) {
        if (!attempt_from_json(json_array_get(values, i), &state->attempts[i])) {
            return false;
        }
        state->attempt_count++;
    }
    return true;
}

static bool read_texts(const json_t *object, const char *key, json_t *texts)
{
    const json_t *values = json_object_get(object, key);
    if (values != NULL && !json_is_array(values)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(values); i++) {
        json_t *text = json_array_get(values, i);
        if (!json_is_string(text)) {
            return false;
        }
        json_array_append(texts, text);
    }
    return true;
}

static bool read_expires(const json_t *object, int64_t *expires)
{
    if (strcmp(jsontext_get_text(object, "expires", ""), never) == 0) {
        *expires = JOB_NEVER;
        return true;
    }
    return field_read_time(object, "expires", expires);
}

static bool read_mails(const json_t *object, json_t *mails)
{
    json_t *value;
    size_t i;
    json_array_foreach(json_object_get(object, "mails"), i, value) {
        if (mail_check(value, NULL) != 0) {
            return false;
        }
        json_array_append(mails, value);
    }
    return true;
}

static bool read_widened(const json_t *object, struct state *state)
{
    int64_t priority = -1;
    if (!field_read_number(object, "priority", &priority) || priority > 9) {
        return false;
    }
    state->priority = (int)priority;
    state->stream = jsontext_get_bool(object, "stream", false);
    return field_read_time(object, "not_before", &state->not_before) &&
           read_expires(object, &state->expires) &&
           field_read_number(object, "keep_ms", &state->keep) &&
           read_texts(object, "names", state->names) &&
           read_texts(object, "webhooks", state->webhooks) && read_mails(object, state->mails);
}

/* What of object is no state of id, or NULL. */
static const char *read_state(const json_t *object, const struct id *id, struct state *state)
{
    if (jsontext_get_int(object, "version", 0) != STATE_VERSION) {
        return "it is not of version 1";
    }
    if (!read_id(object, id)) {
        return "it belongs to another job";
    }
    if (json_object_get(object, "run") == NULL || !read_counters(object, state)) {
        return "a counter or time is wrong";
    }
    if (!read_fallback(object, state)) {
        return "its fallback is wrong";
    }
    if (!read_attempts(object, state)) {
        return "its attempts are wrong";
    }
    return read_widened(object, state) ? NULL : "what duplicates widened is wrong";
}

struct state *state_read(const char *text, size_t length, const struct id *id, struct error *error)
{
    json_t *object = jsontext_read_object(text, length, error);
    if (object == NULL) {
        return NULL;
    }
    struct state *state = state_new(id);
    const char *fault = read_state(object, id, state);
    json_decref(object);
    if (fault != NULL) {
        error_set(error, ERROR_DATA, "not a state file of this job: %s", fault);
        state_free(state);
        return NULL;
    }
    return state;
}

/* Writing */

json_t *state_attempts(const struct state *state)
{
    json_t *attempts = json_array();
    for (size_t i = 0; i < state->attempt_count; i++) {
        json_array_append_new(attempts, attempt_json(&state->attempts[i]));
    }
    return attempts;
}

static void write_expires(json_t *object, int64_t expires)
{
    if (expires == JOB_NEVER) {
        field_text(object, "expires", never);
    } else if (expires >= 0) {
        field_time(object, "expires", expires);
    }
}

static void write_fallback(json_t *object, const struct state *state)
{
    if (state->fallback == NULL) {
        return;
    }
    json_t *fallback = json_object();
    field_text(fallback, "model", state->fallback);
    field_text(fallback, "reason", state->fallback_reason);
    json_object_set_new(object, "fallback", fallback);
}

static void write_widened(json_t *object, const struct state *state)
{
    if (state->priority >= 0) {
        field_count(object, "priority", state->priority);
    }
    if (state->not_before >= 0) {
        field_time(object, "not_before", state->not_before);
    }
    write_expires(object, state->expires);
    if (state->keep >= 0) {
        field_count(object, "keep_ms", state->keep);
    }
    if (state->stream) {
        json_object_set_new(object, "stream", json_true());
    }
    if (json_array_size(state->names) > 0) {
        json_object_set(object, "names", state->names);
    }
    if (json_array_size(state->webhooks) > 0) {
        json_object_set(object, "webhooks", state->webhooks);
    }
    if (json_array_size(state->mails) > 0) {
        json_object_set(object, "mails", state->mails);
    }
}

void state_write(const struct state *state, struct buffer *out)
{
    char id[ID_TEXT_SIZE];
    json_t *object = json_object();
    id_write(&state->id, id);
    field_count(object, "version", STATE_VERSION);
    field_text(object, "id", id);
    field_count(object, "run", state->run);
    field_count(object, "tries", state->tries);
    if (state->submitted != 0) {
        field_time(object, "submitted", state->submitted);
    }
    field_count(object, "sends", state->sends);
    field_count(object, "failures", state->failures);
    if (state->since > 0) {
        field_count(object, "since", state->since);
    }
    field_count(object, "throttled", state->throttled);
    field_count(object, "doubts", state->doubts);
    field_count(object, "crashes", state->crashes);
    field_time_or_null(object, "next_try", state->next_try);
    field_text(object, "hold", hold_word(state->hold));
    field_text_if(object, "in_run", state->in_run);
    write_fallback(object, state);
    json_object_set_new(object, "attempts", state_attempts(state));
    write_widened(object, state);
    jsontext_write(out, object);
    buffer_byte(out, '\n');
    json_decref(object);
}

/* Recording */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Whether it may share a record with others of its kind: those that use nothing up can be many, and
 * the record must not grow with an outage. A doubt always stands alone, and so does what came back
 * and was paid for. */
static bool may_merge(const struct attempt *attempt)
{
    return !attempt->counted && attempt->raw == NULL && attempt->outcome != OUTCOME_OK &&
           attempt->outcome != OUTCOME_IN_DOUBT && attempt->outcome != OUTCOME_CANCELLED;
}

static bool merge(struct state *state, struct attempt *attempt)
{
    if (state->attempt_count == 0) {
        return false;
    }
    struct attempt *last = &state->attempts[state->attempt_count - 1];
    if (!may_merge(last) || !may_merge(attempt) || last->outcome != attempt->outcome ||
        !same_text(last->code, attempt->code) || !same_text(last->upstream, attempt->upstream)) {
        return false;
    }
    last->count += attempt->count;
    last->ended = attempt->ended;
    attempt_clear(attempt);
    return true;
}

static void append(struct state *state, const struct attempt *attempt)
{
    size_t count = state->attempt_count + 1;
    state->attempts = xrealloc(state->attempts, count * sizeof *state->attempts);
    state->attempts[count - 1] = *attempt;
    state->attempt_count = count;
}

void state_record(struct state *state, struct attempt *attempt)
{
    assert(attempt->outcome != OUTCOME_NOT_SENT);
    attempt->count = attempt->count > 0 ? attempt->count : 1;
    attempt->number = state->sends + 1;
    /* The clock may have been set back meanwhile. */
    attempt->started = attempt->started > state->submitted ? attempt->started : state->submitted;
    attempt->ended = attempt->ended > attempt->started ? attempt->ended : attempt->started;
    state->sends += attempt->count;
    state->failures += attempt->counted ? attempt->count : 0;
    state->throttled += attempt->outcome == OUTCOME_THROTTLED ? attempt->count : 0;
    state->doubts += attempt->outcome == OUTCOME_IN_DOUBT ? attempt->count : 0;
    if (!merge(state, attempt)) {
        append(state, attempt);
        *attempt = (struct attempt){.number = attempt->number};
    }
}

void state_fall_back(struct state *state, const char *model, const char *reason)
{
    free(state->fallback);
    free(state->fallback_reason);
    state->fallback = xstrdup(model);
    state->fallback_reason = xstrdup(reason);
    state->since = state->sends;
    state->failures = 0;
}

unsigned state_count(const struct state *state, enum outcome outcome, const char *code)
{
    unsigned count = 0;
    for (size_t i = 0; i < state->attempt_count; i++) {
        const struct attempt *attempt = &state->attempts[i];
        if (attempt->number > state->since && attempt->outcome == outcome &&
            same_text(attempt->code, code)) {
            count += attempt->count;
        }
    }
    return count;
}

unsigned state_count_failures(const struct state *state, const char *code)
{
    unsigned count = 0;
    for (size_t i = 0; i < state->attempt_count; i++) {
        const struct attempt *attempt = &state->attempts[i];
        if (attempt->number > state->since && attempt->counted && same_text(attempt->code, code)) {
            count += attempt->count;
        }
    }
    return count;
}

/* Widening */

static bool lower(int64_t *widened, int64_t own, int64_t other)
{
    int64_t effective = *widened >= 0 && *widened < own ? *widened : own;
    if (other >= effective) {
        return false;
    }
    *widened = other;
    return true;
}

static bool raise(int64_t *widened, int64_t own, int64_t other)
{
    int64_t effective = *widened > own ? *widened : own;
    if (other <= effective) {
        return false;
    }
    *widened = other;
    return true;
}

static bool add_text(json_t *texts, const char *own, const char *other)
{
    if (other == NULL || same_text(own, other)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(texts); i++) {
        if (strcmp(json_string_value(json_array_get(texts, i)), other) == 0) {
            return false;
        }
    }
    json_array_append_new(texts, json_string(other));
    return true;
}

static bool add_mail(json_t *mails, const json_t *own, const json_t *other)
{
    bool known = other == NULL || (own != NULL && json_equal(own, other));
    for (size_t i = 0; !known && i < json_array_size(mails); i++) {
        known = json_equal(json_array_get(mails, i), other);
    }
    if (!known) {
        json_array_append_new(mails, json_deep_copy(other));
    }
    return !known;
}

bool state_widen(struct state *state, const struct job *job, const struct job *duplicate)
{
    int64_t priority = state->priority;
    bool changed = lower(&priority, job->priority, duplicate->priority);
    state->priority = (int)priority;
    changed |= lower(&state->not_before, job->not_before, duplicate->not_before);
    changed |= raise(&state->expires, job->expires, duplicate->expires);
    changed |= raise(&state->keep, job->keep, duplicate->keep);
    if (duplicate->stream && !job->stream && !state->stream) {
        state->stream = true;
        changed = true;
    }
    changed |= add_text(state->names, job->name, duplicate->name);
    changed |= add_text(state->webhooks, job->webhook, duplicate->webhook);
    changed |= add_mail(state->mails, job->mail, duplicate->mail);
    return changed;
}

/* Again */

static void keep_history(struct state *state, const json_t *history)
{
    const json_t *attempts = json_object_get(history, "attempts");
    unsigned sends = 0;
    struct attempt attempt;
    for (size_t i = 0; i < json_array_size(attempts); i++) {
        if (attempt_from_json(json_array_get(attempts, i), &attempt)) {
            sends += attempt.count;
            append(state, &attempt);
        }
    }
    state->sends = sends;
    if (!field_read_count(history, "sends", &state->sends) || state->sends < sends) {
        state->sends = sends;
    }
}

struct state *state_again(const struct id *id, unsigned run, unsigned tries, int64_t submitted,
                          const json_t *history)
{
    struct state *state = state_new(id);
    assert(run > 0);
    state->run = run;
    state->tries = tries;
    state->submitted = submitted;
    if (history != NULL) {
        keep_history(state, history);
        state->since = state->sends;
        /* A name that was linked to this job before must lead to its next end too. */
        read_texts(history, "names", state->names);
        field_read_text(history, "in_run", &state->in_run);
    }
    return state;
}
