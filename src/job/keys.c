/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keys: every key that a job may have at its top level. */
#include "job/keys.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/jsontext.h"
#include "base/nearest.h"
#include "base/timetext.h"
#include "base/weburl.h"
#include "job/label.h"
#include "job/mail.h"
#include "job/messages.h"
#include "job/question.h"
#include "job/webhook.h"

enum {
    WORD_LIMIT = 200,     /* bytes of a model, provider or user */
    WEBHOOK_LIMIT = 2000, /* bytes of a URL */
    ATTEMPTS_LIMIT = 100,
    PRIORITY_LAST = 9,
    FALLBACK_LIMIT = 8, /* models */
};

static void *field_of(const struct key *key, struct job *job)
{
    return (char *)job + key->field;
}

static void put_text(const struct key *key, const json_t *value, struct job *job)
{
    const char *text = json_string_value(value);
    memcpy(field_of(key, job), &text, sizeof text);
}

static void put_ms(const struct key *key, int64_t ms, struct job *job)
{
    memcpy(field_of(key, job), &ms, sizeof ms);
}

/* Reads an integer in a range; 5.0 is one too, as in JSON Schema, and has the same identity as 5.
 */
static bool read_integer(const json_t *value, double least, double most, json_int_t *number)
{
    double real = json_number_value(value);
    if (!json_is_number(value) || floor(real) != real || real < least || real > most) {
        return false;
    }
    *number = json_is_integer(value) ? json_integer_value(value) : (json_int_t)real;
    return true;
}

/* Texts */

static int take_any_text(const struct key *key, const json_t *value, struct job *job,
                         struct refusal *refusal)
{
    (void)job;
    if (!json_is_string(value)) {
        return refuse(refusal, "bad_value", "\"%s\" must be text", key->name);
    }
    return 0;
}

static int take_prompt(const struct key *key, const json_t *value, struct job *job,
                       struct refusal *refusal)
{
    (void)job;
    if (!json_is_string(value) || json_string_length(value) == 0) {
        return refuse(refusal, "bad_value", "\"%s\" must be text that is not empty", key->name);
    }
    return 0;
}

/* model, provider, user: they get into names, logs and headers. */
static bool is_word(const json_t *value)
{
    size_t length = json_string_length(value);
    return length > 0 && length <= WORD_LIMIT && !refusal_has_control(json_string_value(value));
}

static int take_word(const struct key *key, const json_t *value, struct job *job,
                     struct refusal *refusal)
{
    if (!is_word(value)) {
        return refuse(refusal, "bad_value",
                      "\"%s\" must be text of 1 to %d bytes without control characters", key->name,
                      WORD_LIMIT);
    }
    put_text(key, value, job);
    return 0;
}

static int take_name(const struct key *key, const json_t *value, struct job *job,
                     struct refusal *refusal)
{
    if (!json_is_string(value) || !layout_name_ok(json_string_value(value))) {
        return refuse(refusal, "bad_value",
                      "\"%s\" must be 1 to 100 of the characters A-Z a-z 0-9 . _ -, not begin with "
                      "a dot, and not be 6 to 64 hex digits, which would be taken for an ID",
                      key->name);
    }
    put_text(key, value, job);
    return 0;
}

static int take_webhook(const struct key *key, const json_t *value, struct job *job,
                        struct refusal *refusal)
{
    const char *text = json_string_value(value);
    struct weburl url;
    struct error problem = {.text = "it is neither a URL nor a name"};
    bool good = text != NULL && strlen(text) <= WEBHOOK_LIMIT &&
                (webhook_is_url(text) ? weburl_read(text, &url, &problem) == 0
                                      : layout_name_ok(text));
    if (!good) {
        return refuse(refusal, "bad_value",
                      "\"%s\" must be an http or https URL of at most %d bytes, or the name of a "
                      "configured endpoint: %s",
                      key->name, WEBHOOK_LIMIT, problem.text);
    }
    put_text(key, value, job);
    return 0;
}

static int take_mail(const struct key *key, const json_t *value, struct job *job,
                     struct refusal *refusal)
{
    struct error error;
    (void)key;
    if (mail_check(value, &error) != 0) {
        return refuse(refusal, "bad_value", "%s", error.text);
    }
    job->mail = value;
    return 0;
}

static int take_type(const struct key *key, const json_t *value, struct job *job,
                     struct refusal *refusal)
{
    char shown[REFUSAL_QUOTE_SIZE];
    if (!json_is_string(value)) {
        return refuse(refusal, "bad_value", "\"%s\" must be text", key->name);
    }
    job->type = question_type(json_string_value(value));
    if (job->type == NULL) {
        return refuse(refusal, "unknown_type",
                      "\"type\" must be chat, completion or embed here, and is \"%s\"",
                      refusal_quote(json_string_value(value), shown));
    }
    return 0;
}

/* Numbers and words */

static int take_priority(const struct key *key, const json_t *value, struct job *job,
                         struct refusal *refusal)
{
    json_int_t number;
    if (!read_integer(value, 0, PRIORITY_LAST, &number)) {
        return refuse(refusal, "bad_value", "\"%s\" must be an integer from 0 (first) to %d (last)",
                      key->name, PRIORITY_LAST);
    }
    job->priority = (int)number;
    return 0;
}

static int take_max_attempts(const struct key *key, const json_t *value, struct job *job,
                             struct refusal *refusal)
{
    json_int_t number;
    if (!read_integer(value, 1, ATTEMPTS_LIMIT, &number)) {
        return refuse(refusal, "bad_value", "\"%s\" must be an integer from 1 to %d", key->name,
                      ATTEMPTS_LIMIT);
    }
    job->max_attempts = (unsigned)number;
    return 0;
}

static int take_sample(const struct key *key, const json_t *value, struct job *job,
                       struct refusal *refusal)
{
    json_int_t number;
    (void)job;
    if (!read_integer(value, 0, 0x1p53, &number)) {
        return refuse(refusal, "bad_value", "\"%s\" must be an integer of 0 or more", key->name);
    }
    return 0;
}

static int take_stream(const struct key *key, const json_t *value, struct job *job,
                       struct refusal *refusal)
{
    if (!json_is_boolean(value)) {
        return refuse(refusal, "bad_value", "\"%s\" must be true or false", key->name);
    }
    job->stream = json_is_true(value);
    return 0;
}

static int take_on_doubt(const struct key *key, const json_t *value, struct job *job,
                         struct refusal *refusal)
{
    const char *word = json_string_value(value);
    if (word == NULL || (strcmp(word, "retry") != 0 && strcmp(word, "hold") != 0)) {
        return refuse(refusal, "bad_value", "\"%s\" must be \"retry\" or \"hold\"", key->name);
    }
    job->on_doubt = strcmp(word, "hold") == 0 ? ON_DOUBT_HOLD : ON_DOUBT_RETRY;
    job->on_doubt_given = true;
    return 0;
}

/* Times */

static int take_time(const struct key *key, const json_t *value, struct job *job,
                     struct refusal *refusal)
{
    struct wall time;
    if (!json_is_string(value) || timetext_read(json_string_value(value), &time) != 0) {
        return refuse(refusal, "bad_value",
                      "\"%s\" must be a time such as \"2026-12-01T03:00:00Z\" (RFC 3339)",
                      key->name);
    }
    put_ms(key, time.ms, job);
    return 0;
}

static int read_duration(const struct key *key, const json_t *value, int64_t *ms,
                         struct refusal *refusal)
{
    if (!json_is_string(value) || timetext_read_duration(json_string_value(value), ms) != 0) {
        return refuse(refusal, "bad_value",
                      "\"%s\" must be a duration in quotes such as \"90s\", \"10m\", \"2h\" or "
                      "\"90d\"",
                      key->name);
    }
    return 0;
}

static int take_duration(const struct key *key, const json_t *value, struct job *job,
                         struct refusal *refusal)
{
    int64_t ms;
    if (read_duration(key, value, &ms, refusal) != 0) {
        return -1;
    }
    put_ms(key, ms, job);
    return 0;
}

static int take_delay(const struct key *key, const json_t *value, struct job *job,
                      struct refusal *refusal)
{
    int64_t ms;
    (void)job; /* completing the job turns it into not_before */
    return read_duration(key, value, &ms, refusal);
}

static int take_timeout(const struct key *key, const json_t *value, struct job *job,
                        struct refusal *refusal)
{
    if (take_duration(key, value, job, refusal) != 0) {
        return -1;
    }
    if (job->timeout == 0) {
        return refuse(refusal, "bad_value", "\"%s\" must be longer than 0", key->name);
    }
    return 0;
}

/* What has a shape */

static int take_object(const struct key *key, const json_t *value, struct job *job,
                       struct refusal *refusal)
{
    (void)job;
    if (!json_is_object(value)) {
        return refuse(refusal, "bad_value", "\"%s\" must be an object", key->name);
    }
    return 0;
}

static int take_messages(const struct key *key, const json_t *value, struct job *job,
                         struct refusal *refusal)
{
    (void)key;
    (void)job;
    return messages_check(value, refusal);
}

static int take_input(const struct key *key, const json_t *value, struct job *job,
                      struct refusal *refusal)
{
    (void)key;
    (void)job;
    return question_check_input(value, refusal);
}

static int take_fallback(const struct key *key, const json_t *value, struct job *job,
                         struct refusal *refusal)
{
    size_t count = json_array_size(value);
    bool words = count > 0 && count <= FALLBACK_LIMIT;
    for (size_t i = 0; words && i < count; i++) {
        words = is_word(json_array_get(value, i));
    }
    if (!words) {
        return refuse(refusal, "bad_value",
                      "\"%s\" must be an array of 1 to %d models, each text of 1 to %d bytes "
                      "without control characters",
                      key->name, FALLBACK_LIMIT, WORD_LIMIT);
    }
    job->fallback = value;
    return 0;
}

/* Labels are the one form of an answer that is ours to understand. */
static int check_format(const json_t *format, struct refusal *refusal)
{
    struct error error;
    if (strcmp(jsontext_get_text(format, "type", ""), "labels") != 0) {
        return 0;
    }
    const json_t *value = json_object_get(format, "labels");
    json_t *labels = json_is_array(value) ? label_list(value, &error) : NULL;
    if (labels == NULL) {
        return refuse(refusal, "bad_value", "\"response_format\" in \"params\": %s",
                      json_is_array(value) ? error.text : "\"labels\" must be an array of texts");
    }
    json_decref(labels);
    return 0;
}

static int take_params(const struct key *key, const json_t *value, struct job *job,
                       struct refusal *refusal)
{
    /* They would contradict what the job says outside, unseen by identity or routing. */
    static const char *const outside[] = {"stream", "model", "messages"};
    json_int_t number;
    if (take_object(key, value, job, refusal) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        if (json_object_get(value, outside[i]) != NULL) {
            return refuse(refusal, "bad_value",
                          "\"%s\" inside \"%s\" is refused; use the job's own key \"%s\"",
                          outside[i], key->name, outside[i]);
        }
    }
    if (check_format(json_object_get(value, "response_format"), refusal) != 0) {
        return -1;
    }
    const json_t *max_tokens = json_object_get(value, "max_tokens");
    if (max_tokens != NULL && !read_integer(max_tokens, 1, 0x1p53, &number)) {
        return refuse(refusal, "bad_value",
                      "\"max_tokens\" in \"%s\" must be an integer of 1 or more", key->name);
    }
    return 0;
}

/* Of a job with a template, which is expanded before its keys are checked. */
static int take_variables(const struct key *key, const json_t *value, struct job *job,
                          struct refusal *refusal)
{
    (void)value;
    (void)job;
    return refuse(refusal, "bad_value",
                  "\"%s\" are for a template: name one as \"type\", such as classify", key->name);
}

/* Steps */

static int take_after(const struct key *key, const json_t *value, struct job *job,
                      struct refusal *refusal)
{
    char shown[REFUSAL_QUOTE_SIZE];
    struct id id;
    size_t count = json_array_size(value), i;
    json_t *seen = json_object();
    const char *twice = NULL;
    bool good = count > 0 && count <= JOB_AFTER_LIMIT;
    for (i = 0; good && twice == NULL && i < count; i++) {
        const char *word = json_string_value(json_array_get(value, i));
        good = word != NULL && (layout_name_ok(word) || id_read(word, &id));
        if (good && json_object_get(seen, word) != NULL) {
            twice = word;
        } else if (good) {
            json_object_set_new(seen, word, json_true());
        }
    }
    json_decref(seen);
    if (twice != NULL) {
        return refuse(refusal, "bad_value", "\"%s\" names %s twice", key->name,
                      refusal_quote(twice, shown));
    }
    if (!good) {
        return refuse(refusal, "bad_value",
                      "\"%s\" must be an array of 1 to %d names of jobs or full IDs (64 lower-case "
                      "hex digits)",
                      key->name, JOB_AFTER_LIMIT);
    }
    job->after = value;
    return 0;
}

static int take_on_failure(const struct key *key, const json_t *value, struct job *job,
                           struct refusal *refusal)
{
    const char *word = json_string_value(value);
    if (word == NULL || (strcmp(word, "fail") != 0 && strcmp(word, "run") != 0)) {
        return refuse(refusal, "bad_value", "\"%s\" must be \"fail\" or \"run\"", key->name);
    }
    job->runs_on_failure = strcmp(word, "run") == 0;
    return 0;
}

#define FIELD(member) offsetof(struct job, member)
#define NO_FIELD      0

static const struct key keys[] = {
    {"after", false, take_after, NO_FIELD},
    {"delay", false, take_delay, NO_FIELD},
    {"expires", false, take_time, FIELD(expires)},
    {"fallback", false, take_fallback, NO_FIELD},
    {"input", true, take_input, NO_FIELD},
    {"keep", false, take_duration, FIELD(keep)},
    {"mail", false, take_mail, NO_FIELD},
    {"max_age", false, take_duration, FIELD(max_age)},
    {"max_attempts", false, take_max_attempts, NO_FIELD},
    {"messages", true, take_messages, NO_FIELD},
    {"metadata", false, take_object, NO_FIELD},
    {"model", true, take_word, FIELD(model)},
    {"name", false, take_name, FIELD(name)},
    {"not_before", false, take_time, FIELD(not_before)},
    {"on_doubt", false, take_on_doubt, NO_FIELD},
    {"on_failure", false, take_on_failure, NO_FIELD},
    {"params", true, take_params, NO_FIELD},
    {"priority", false, take_priority, NO_FIELD},
    {"prompt", true, take_prompt, NO_FIELD},
    {"provider", true, take_word, FIELD(provider)},
    {"sample", true, take_sample, NO_FIELD},
    {"stream", false, take_stream, NO_FIELD},
    {"system", true, take_any_text, NO_FIELD},
    {"timeout", false, take_timeout, FIELD(timeout)},
    {"type", true, take_type, NO_FIELD},
    {"user", true, take_word, FIELD(user)},
    {"variables", false, take_variables, NO_FIELD},
    {"webhook", false, take_webhook, FIELD(webhook)},
};

enum { KEY_COUNT = sizeof keys / sizeof keys[0] };

const struct key *key_table(size_t *count)
{
    *count = KEY_COUNT;
    return keys;
}

static int compare_key(const void *name, const void *key)
{
    return strcmp(name, ((const struct key *)key)->name);
}

const struct key *key_find(const char *name)
{
    return bsearch(name, keys, KEY_COUNT, sizeof keys[0], compare_key);
}

/* What people write beside params instead of inside it. */
static const char *const params[] = {
    "frequency_penalty", "max_tokens",      "n",     "presence_penalty",
    "reasoning_effort",  "response_format", "seed",  "stop",
    "temperature",       "tool_choice",     "tools", "top_p",
};

enum { PARAM_COUNT = sizeof params / sizeof params[0] };

static const char *nearest_key(const char *name)
{
    const char *names[KEY_COUNT];
    for (size_t i = 0; i < KEY_COUNT; i++) {
        names[i] = keys[i].name;
    }
    return nearest_word(name, names, KEY_COUNT);
}

int key_refuse_unknown(const char *name, struct refusal *refusal)
{
    char shown[REFUSAL_QUOTE_SIZE];
    refusal_quote(name, shown);
    const char *param = nearest_word(name, params, PARAM_COUNT);
    const char *key = nearest_key(name);
    if (param != NULL && key == NULL) {
        return refuse(refusal, "unknown_key",
                      "unknown key \"%s\" (did you mean \"%s\" inside \"params\"?)", shown, param);
    }
    if (key != NULL) {
        return refuse(refusal, "unknown_key",
                      "unknown key \"%s\" (did you mean \"%s\"?); put your own data into "
                      "\"metadata\"",
                      shown, key);
    }
    return refuse(refusal, "unknown_key", "unknown key \"%s\"; put your own data into \"metadata\"",
                  shown);
}
