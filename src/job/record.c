/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record: what a finished job leaves: the output file and the error file. */
#include "job/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/jsontext.h"
#include "base/sha256.h"
#include "job/field.h"

void answer_clear(struct answer *answer)
{
    json_decref(answer->output);
    json_decref(answer->tool_calls);
    json_decref(answer->response);
    free(answer->refusal);
    free(answer->finish_reason);
    free(answer->model);
    *answer = (struct answer){0};
}

/* Members */

/* Sets a member to a value that stays the caller's. */
static void set_borrowed(json_t *object, const char *key, json_t *value)
{
    json_object_set(object, key, value != NULL ? value : json_null());
}

static void set_id(json_t *object, const struct id *id)
{
    char text[ID_TEXT_SIZE];
    id_write(id, text);
    field_text(object, "id", text);
}

/* A machine word: a provider's code may be any text. */
static void set_reason(json_t *object, const char *reason)
{
    char word[64];
    size_t length = 0;
    for (; reason != NULL && reason[length] != '\0' && length < sizeof word - 1; length++) {
        char byte = reason[length];
        bool upper = byte >= 'A' && byte <= 'Z';
        bool plain = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
        word[length] = upper ? (char)(byte - 'A' + 'a') : plain ? byte : '_';
    }
    word[length] = '\0';
    field_text(object, "reason", length > 0 ? word : "unknown");
}

static int64_t later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* A time of the run; nothing happened before it was submitted, whatever the clock did. */
static void set_moment(json_t *object, const char *key, int64_t ms, int64_t submitted)
{
    field_time_or_null(object, key, ms != 0 ? later_of(ms, submitted) : 0);
}

static json_t *times_json(const struct job_times *times, bool first_token)
{
    json_t *object = json_object();
    int64_t submitted = times->submitted;
    field_time(object, "submitted", submitted);
    set_moment(object, "accepted", times->accepted, submitted);
    set_moment(object, "started", times->started, submitted);
    if (first_token) {
        set_moment(object, "first_token", times->first_token, submitted);
    }
    set_moment(object, "finished", times->finished, submitted);
    return object;
}

static void set_tokens(json_t *object, const char *key, int64_t count)
{
    json_object_set_new(object, key, count >= 0 ? json_integer(count) : json_null());
}

static json_t *usage_json(const struct usage *usage)
{
    json_t *object = json_object();
    set_tokens(object, "input_tokens", usage->input_tokens);
    set_tokens(object, "output_tokens", usage->output_tokens);
    set_tokens(object, "cached_tokens", usage->cached_tokens);
    set_tokens(object, "reasoning_tokens", usage->reasoning_tokens);
    return object;
}

static json_t *model_json(const struct record *record, const struct answer *answer)
{
    json_t *object = json_object();
    field_text(object, "asked", record->job->model);
    field_text(object, "answered", answer != NULL ? answer->model : NULL);
    return object;
}

/* Which model answers in place of the job's own, and why; no member when it is its own. */
static void set_fallback(json_t *object, const struct record *record)
{
    if (record->state->fallback == NULL) {
        return;
    }
    json_t *fallback = json_object();
    field_text(fallback, "model", record->state->fallback);
    field_text(fallback, "reason", record->state->fallback_reason);
    json_object_set_new(object, "fallback", fallback);
}

static void set_cost(json_t *object, const struct record *record)
{
    if (record->currency == NULL || record->cost_nano < 0) {
        return;
    }
    json_t *cost = json_object();
    json_object_set_new(cost, "amount", json_real(amount_units(record->cost_nano)));
    field_text(cost, "currency", record->currency);
    json_object_set_new(object, "cost", cost);
}

/* The attempts; those of a first try cannot be from before it was submitted. */
static json_t *attempts_json(const struct record *record)
{
    const struct state *state = record->state;
    int64_t earliest = state->tries == 0 ? record->times.submitted : 0;
    json_t *attempts = json_array();
    for (size_t i = 0; i < state->attempt_count; i++) {
        struct attempt attempt = state->attempts[i];
        attempt.started = later_of(attempt.started, earliest);
        attempt.ended = later_of(attempt.ended, earliest);
        json_array_append_new(attempts, attempt_json(&attempt));
    }
    return attempts;
}

static void set_attempts(json_t *object, const struct record *record)
{
    json_object_set_new(object, "attempts", attempts_json(record));
    field_count(object, "sends", record->state->sends);
    field_count(object, "throttled", record->state->throttled);
    field_count(object, "doubts", record->state->doubts);
}

/* The job's own name first, then those that duplicates brought; no member when there are none. */
static void set_names(json_t *object, const struct record *record)
{
    const char *own = record->job->name;
    const json_t *further = record->state->names;
    json_t *names = json_array();
    if (own != NULL) {
        json_array_append_new(names, json_string(own));
    }
    for (size_t i = 0; i < json_array_size(further); i++) {
        json_t *name = json_array_get(further, i);
        if (own == NULL || strcmp(json_string_value(name), own) != 0) {
            json_array_append(names, name);
        }
    }
    if (json_array_size(names) > 0) {
        json_object_set(object, "names", names);
    }
    json_decref(names);
}

static void set_metadata(json_t *object, const struct record *record)
{
    json_t *metadata = json_object_get(record->job->document, "metadata");
    if (metadata != NULL) {
        json_object_set(object, "metadata", metadata);
    }
}

static void set_expiry(json_t *object, const struct record *record)
{
    int64_t keep = later_of(record->job->keep, record->state->keep);
    if (keep >= 0) {
        int64_t finished = later_of(record->times.finished, record->times.submitted);
        field_time(object, "expires_at", finished + keep);
    }
}

/* Writes object as one line and frees it. */
static void write_line(struct buffer *out, json_t *object)
{
    jsontext_write(out, object);
    buffer_byte(out, '\n');
    json_decref(object);
}

/* Outputs */

static void output_sha256(const json_t *output, char hex[SHA256_HEX_SIZE])
{
    if (json_is_string(output)) {
        sha256_hex(json_string_value(output), json_string_length(output), hex);
        return;
    }
    struct buffer canonical = {0};
    jsontext_write_canonical(&canonical, output);
    sha256_hex(canonical.bytes, canonical.length, hex);
    buffer_free(&canonical);
}

static void set_answer(json_t *object, const struct answer *answer)
{
    set_borrowed(object, "output", answer != NULL ? answer->output : NULL);
    if (answer != NULL && answer->tool_calls != NULL) {
        json_object_set(object, "tool_calls", answer->tool_calls);
    }
    if (answer != NULL) {
        field_text_if(object, "refusal", answer->refusal);
    }
    field_text(object, "finish_reason", answer != NULL ? answer->finish_reason : NULL);
    json_object_set_new(object, "truncated", json_boolean(answer != NULL && answer->truncated));
}

static void set_ending(json_t *object, const struct record *record)
{
    json_object_set_new(object, "status", json_string(record->status));
    if (strcmp(record->status, "completed") != 0) {
        set_reason(object, record->reason);
        field_text(object, "message", record->message != NULL ? record->message : "");
    }
}

static void set_timing(json_t *object, const struct record *record)
{
    json_object_set_new(object, "times", times_json(&record->times, true));
    if (record->times.started != 0) {
        field_count(object, "latency_ms", later_of(record->latency_ms, 0));
    } else {
        json_object_set_new(object, "latency_ms", json_null());
    }
}

static json_t *output_json(const struct record *record, const struct answer *answer)
{
    static const struct usage unknown = {-1, -1, -1, -1};
    json_t *object = json_object();
    set_id(object, &record->job->id);
    field_count(object, "version", record->state->run);
    set_ending(object, record);
    set_answer(object, answer);
    json_object_set_new(object, "model", model_json(record, answer));
    field_text(object, "provider", record->provider);
    json_object_set_new(object, "mock", json_boolean(record->mock));
    field_text(object, "user", record->job->user);
    set_fallback(object, record);
    json_object_set_new(object, "usage", usage_json(answer != NULL ? &answer->usage : &unknown));
    set_cost(object, record);
    set_timing(object, record);
    set_attempts(object, record);
    field_text_if(object, "in_run", record->in_run);
    set_metadata(object, record);
    set_names(object, record);
    field_text(object, "request_id", record->request_id);
    set_expiry(object, record);
    return object;
}

void record_write_output(struct buffer *out, const struct record *record,
                         const struct answer *answer)
{
    char hex[SHA256_HEX_SIZE];
    assert((answer != NULL) == (strcmp(record->status, "completed") == 0));
    json_t *object = output_json(record, answer);
    output_sha256(json_object_get(object, "output"), hex);
    field_text(object, "sha256", hex);
    if (record->store_response && answer != NULL && answer->response != NULL) {
        json_object_set(object, "response", answer->response);
    }
    write_line(out, object);
}

enum record_flaw record_output_flaw(const json_t *document, const struct id *id, unsigned version)
{
    char hex[SHA256_HEX_SIZE];
    struct id found;
    const json_t *output = json_object_get(document, "output");
    if (output == NULL || !id_read(jsontext_get_text(document, "id", ""), &found) ||
        !id_equal(&found, id) || jsontext_get_int(document, "version", 0) != version) {
        return RECORD_OTHER;
    }
    output_sha256(output, hex);
    bool same = strcmp(jsontext_get_text(document, "sha256", ""), hex) == 0;
    return same ? RECORD_WHOLE : RECORD_DIGEST;
}

bool record_output_is(const json_t *object, const struct id *id, unsigned version)
{
    return record_output_flaw(object, id, version) == RECORD_WHOLE;
}

bool record_output_whole(const char *text, size_t length, const struct id *id, unsigned version)
{
    json_t *object = jsontext_read_object(text, length, NULL);
    bool whole = record_output_is(object, id, version);
    json_decref(object);
    return whole;
}

/* Error files */

void record_write_error(struct buffer *out, const struct record *record)
{
    json_t *object = json_object();
    set_id(object, &record->job->id);
    field_count(object, "run", record->state->run);
    field_count(object, "tries", record->state->tries);
    set_ending(object, record);
    field_text(object, "model", record->job->model);
    set_fallback(object, record);
    field_text(object, "provider", record->provider);
    field_text(object, "user", record->job->user);
    set_attempts(object, record);
    json_object_set_new(object, "times", times_json(&record->times, false));
    field_text_if(object, "in_run", record->in_run);
    set_metadata(object, record);
    set_names(object, record);
    field_text(object, "request_id", record->request_id);
    if (record->raw != NULL) {
        json_object_set_new(object, "raw",
                            field_string(record->raw, record->raw_length, RECORD_RAW_LIMIT));
    }
    write_line(out, object);
}

void record_write_refusal(struct buffer *out, const char *name, const char *reason,
                          const char *message, int64_t submitted, int64_t finished)
{
    json_t *times = json_object();
    field_time(times, "submitted", submitted);
    field_time(times, "finished", later_of(finished, submitted));
    json_t *object = json_object();
    json_object_set_new(object, "status", json_string("refused"));
    field_text(object, "name", name);
    set_reason(object, reason);
    field_text(object, "message", message);
    json_object_set_new(object, "times", times);
    write_line(out, object);
}
