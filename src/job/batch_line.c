/* SPDX-License-Identifier: GPL-2.0-or-later */
/* batch_line: a line of an OpenAI Batch file as a job. */
#include "job/batch_line.h"

#include <string.h>

#include "base/jsontext.h"
#include "job/batch_items.h"

#define API "/v1"

enum { CUSTOM_ID_LIMIT = 512 }; /* bytes; OpenAI's own metadata values have as many */

/* --- the envelope ------------------------------------------------------------------------------ */

static const struct batch_endpoint endpoints[] = {
    {API "/chat/completions", BATCH_CHAT, "chat"},
    {API "/completions", BATCH_COMPLETION, "completion"},
    {API "/embeddings", BATCH_EMBEDDING, "embed"},
    {API "/responses", BATCH_RESPONSE, "chat"},
};

const struct batch_endpoint *batch_endpoint_find(const char *url)
{
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        const char *whole = endpoints[i].url;
        if (strcmp(url, whole) == 0 || strcmp(url, whole + strlen(API)) == 0) {
            return &endpoints[i];
        }
    }
    return NULL;
}

bool batch_line_is(const json_t *line)
{
    return json_object_get(line, "custom_id") != NULL ||
           (json_object_get(line, "url") != NULL && json_object_get(line, "body") != NULL);
}

/* A member that must be text; NULL with *refusal. */
static const char *need_text(const json_t *line, const char *key, struct refusal *refusal)
{
    const json_t *value = json_object_get(line, key);
    if (value == NULL || json_is_null(value)) {
        refuse(refusal, "missing_required_parameter", "\"%s\" is missing", key);
        return NULL;
    }
    if (!json_is_string(value) || json_string_length(value) == 0) {
        refuse(refusal, "invalid_value", "\"%s\" must be text that is not empty", key);
        return NULL;
    }
    return json_string_value(value);
}

static int read_custom_id(const json_t *line, struct batch_line *read, struct refusal *refusal)
{
    read->custom_id = need_text(line, "custom_id", refusal);
    if (read->custom_id == NULL) {
        return -1;
    }
    if (strlen(read->custom_id) > CUSTOM_ID_LIMIT) {
        return refuse(refusal, "invalid_value", "\"custom_id\" has more than %d bytes",
                      CUSTOM_ID_LIMIT);
    }
    return 0;
}

static int read_url(const json_t *line, struct batch_line *read, struct refusal *refusal)
{
    char shown[REFUSAL_QUOTE_SIZE];
    const char *method = need_text(line, "method", refusal);
    const char *url = method != NULL ? need_text(line, "url", refusal) : NULL;
    if (url == NULL) {
        return -1;
    }
    if (strcmp(method, "POST") != 0) {
        return refuse(refusal, "invalid_method", "\"method\" is \"%s\", and must be \"POST\"",
                      refusal_quote(method, shown));
    }
    read->endpoint = batch_endpoint_find(url);
    if (read->endpoint == NULL) {
        return refuse(refusal, "url_unsupported",
                      "\"url\" is \"%s\"; batches here speak /v1/chat/completions, "
                      "/v1/completions, /v1/embeddings and /v1/responses",
                      refusal_quote(url, shown));
    }
    return 0;
}

static int read_body(const json_t *line, struct batch_line *read, struct refusal *refusal)
{
    json_t *body = json_object_get(line, "body");
    if (body == NULL || json_is_null(body)) {
        return refuse(refusal, "missing_required_parameter", "\"body\" is missing");
    }
    if (!json_is_object(body)) {
        return refuse(refusal, "invalid_value", "\"body\" must be an object");
    }
    read->body = body;
    read->model = jsontext_get_text(body, "model", NULL);
    return 0;
}

int batch_line_read(const json_t *line, struct batch_line *read, struct refusal *refusal)
{
    if (!json_is_object(line)) {
        return refuse(refusal, "invalid_json_line", "a line of a batch must be a JSON object");
    }
    return read_custom_id(line, read, refusal) != 0 || read_url(line, read, refusal) != 0
               ? -1
               : read_body(line, read, refusal);
}

/* --- the body ------------------------------------------------------------------------------------ */

/* Where a member of the body goes, if not into params. */
struct place {
    const char *name; /* in the body */
    int (*take)(json_t *value, json_t *job, struct refusal *refusal);
};

static int take_model(json_t *value, json_t *job, struct refusal *refusal)
{
    (void)refusal;
    return json_object_set(job, "model", value);
}

static int take_messages(json_t *value, json_t *job, struct refusal *refusal)
{
    (void)refusal;
    return json_object_set(job, "messages", value);
}

/* One text, as it is or alone in an array. */
static int take_prompt(json_t *value, json_t *job, struct refusal *refusal)
{
    json_t *text = json_array_size(value) == 1 ? json_array_get(value, 0) : value;
    if (!json_is_string(text)) {
        return refuse(refusal, "unsupported",
                      "\"prompt\" must be one text: several prompts, or tokens, are not supported; "
                      "give each a line of its own");
    }
    return json_object_set(job, "prompt", text);
}

static int take_input(json_t *value, json_t *job, struct refusal *refusal)
{
    (void)refusal;
    return json_object_set(job, "input", value);
}

static int take_items(json_t *value, json_t *job, struct refusal *refusal)
{
    json_t *messages;
    if (json_is_string(value)) {
        return json_object_set(job, "prompt", value);
    }
    messages = batch_items_messages(value, refusal);
    return messages != NULL ? json_object_set_new(job, "messages", messages) : -1;
}

static int take_instructions(json_t *value, json_t *job, struct refusal *refusal)
{
    (void)refusal;
    return json_is_null(value) ? 0 : json_object_set(job, "system", value);
}

/* The answers of a batch are whole. */
static int take_stream(json_t *value, json_t *job, struct refusal *refusal)
{
    (void)job;
    return json_is_true(value)
               ? refuse(refusal, "bad_value", "\"stream\" cannot be true in a batch")
               : 0;
}

/* For each form, by the order of enum batch_form. */
static const struct place places[][5] = {
    {{"model", take_model}, {"messages", take_messages}, {"stream", take_stream}},
    {{"model", take_model}, {"prompt", take_prompt}, {"stream", take_stream}},
    {{"model", take_model}, {"input", take_input}},
    {{"model", take_model},
     {"input", take_items},
     {"instructions", take_instructions},
     {"stream", take_stream}},
};

enum { PLACE_COUNT = sizeof places[0] / sizeof places[0][0] };

static const struct place *find_place(enum batch_form form, const char *name)
{
    for (size_t i = 0; i < PLACE_COUNT && places[form][i].name != NULL; i++) {
        if (strcmp(places[form][i].name, name) == 0) {
            return &places[form][i];
        }
    }
    return NULL;
}

/* No bound at all is said by null, which a job says by leaving it out. */
static bool is_absent(const char *name, const json_t *value)
{
    return json_is_null(value) && strcmp(name, "max_tokens") == 0;
}

static int take_body(const struct batch_line *line, json_t *job, json_t *params,
                     struct refusal *refusal)
{
    const char *name;
    json_t *value;
    json_object_foreach (line->body, name, value) {
        const struct place *place = find_place(line->endpoint->form, name);
        if (place != NULL && place->take(value, job, refusal) != 0) {
            return -1;
        }
        if (place == NULL && !is_absent(name, value)) {
            json_object_set(params, name, value);
        }
    }
    return 0;
}

json_t *batch_line_job(const struct batch_line *line, struct refusal *refusal)
{
    json_t *job = json_object();
    json_t *params = json_object();
    int result = take_body(line, job, params, refusal);
    if (strcmp(line->endpoint->type, "chat") != 0) {
        json_object_set_new(job, "type", json_string(line->endpoint->type));
    }
    if (json_object_size(params) > 0) {
        json_object_set(job, "params", params);
    }
    json_decref(params);
    if (result == 0) {
        return job;
    }
    json_decref(job);
    return NULL;
}

const char *batch_foreign_key(json_t *job)
{
    static const char *const keys[] = {
        "delay",      "expires",  "fallback", "keep",     "max_age", "max_attempts", "metadata",
        "not_before", "on_doubt", "priority", "provider", "timeout", "user",         "webhook",
    };
    const char *name;
    json_t *value;
    json_object_foreach (job, name, value) {
        bool known = false;
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            known = known || strcmp(keys[i], name) == 0;
        }
        if (!known) {
            return name;
        }
    }
    return NULL;
}
