/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probe_print: see probe_print.h. */
#include "daemon/probe_print.h"

#include <jansson.h>
#include <stddef.h>

#include "base/jsontext.h"
#include "daemon/key.h"

static const char *const opinions[] = {
    [PROBE_UNTOLD] = "unknown", [PROBE_GOOD] = "good", [PROBE_REFUSED] = "refused"};

static const struct kind {
    const char *word;  /* in JSON, as the limits of a gate have it */
    const char *label; /* for a person */
    size_t offset;
} kinds[] = {
    {"requests", "requests", offsetof(struct ratelimit, requests)},
    {"tokens", "tokens", offsetof(struct ratelimit, tokens)},
    {"input_tokens", "input tokens", offsetof(struct ratelimit, input_tokens)},
    {"output_tokens", "output tokens", offsetof(struct ratelimit, output_tokens)},
};

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

static const struct ratelimit_bucket *bucket_of(const struct ratelimit *limits,
                                                const struct kind *kind)
{
    return (const struct ratelimit_bucket *)((const char *)limits + kind->offset);
}

/* --- for a person ------------------------------------------------------------------------------
 */

static void print_key(FILE *out, const struct upstream *upstream,
                      const struct probe_finding *finding)
{
    static const char *const said[] = {
        [PROBE_UNTOLD] = "not judged", [PROBE_GOOD] = "good", [PROBE_REFUSED] = "refused"};
    char mask[KEY_MASK_SIZE];

    if (upstream->key != NULL)
        fprintf(out, ", key %s %s", key_mask(upstream->key, mask), said[finding->key]);
    else
        fputs(finding->key == PROBE_REFUSED ? ", a key is wanted" : ", no key", out);
}

static void print_model(FILE *out, const struct probe_finding *finding)
{
    static const char *const said[] = {
        [PROBE_UNTOLD] = "not judged", [PROBE_GOOD] = "known", [PROBE_REFUSED] = "not known"};

    fprintf(out, ", model %s", said[finding->model]);
}

static void print_limits(FILE *out, const struct ratelimit *limits)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const struct ratelimit_bucket *bucket = bucket_of(limits, &kinds[i]);

        if (bucket->limit < 0)
            continue;
        fputs(", ", out);
        if (bucket->remaining >= 0)
            fprintf(out, "%lld of ", (long long)bucket->remaining);
        fprintf(out, "%lld %s%s", (long long)bucket->limit, kinds[i].label,
                bucket->remaining >= 0 ? " left" : "");
    }
}

void probe_print_line(FILE *out, const struct upstream *upstream,
                      const struct probe_finding *finding)
{
    fprintf(out, "%s: ", upstream->name);
    if (finding->reachable) {
        fputs("reachable", out);
        print_key(out, upstream, finding);
        print_model(out, finding);
        fprintf(out, ", %s, %lld ms", finding->mock ? "mock" : "no mock",
                (long long)finding->latency_ms);
        print_limits(out, &finding->limits);
    } else {
        fprintf(out, "not reachable, %s", upstream->url);
    }
    if (finding->message[0] != '\0')
        fprintf(out, ": %s", finding->message);
    fputc('\n', out);
}

/* --- for a program -----------------------------------------------------------------------------
 */

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0')
        json_object_set_new(object, key, json_string(text));
}

static json_t *limits_json(const struct ratelimit *limits)
{
    json_t *array = json_array();

    for (size_t i = 0; i < KIND_COUNT; i++) {
        const struct ratelimit_bucket *bucket = bucket_of(limits, &kinds[i]);
        json_t *limit;

        if (bucket->limit < 0)
            continue;
        limit = json_pack("{s:s, s:I}", "of", kinds[i].word, "limit", (json_int_t)bucket->limit);
        if (bucket->remaining >= 0)
            json_object_set_new(limit, "left", json_integer(bucket->remaining));
        json_array_append_new(array, limit);
    }
    return array;
}

static json_t *finding_json(const struct upstream *upstream, const struct probe_finding *finding)
{
    char mask[KEY_MASK_SIZE];
    json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "gate", upstream->name, "provider",
                             upstream->provider, "model", upstream->model, "upstream",
                             upstream->url, "ok", finding->ok, "reachable", finding->reachable);

    set_text(line, "user", upstream->owner);
    if (upstream->key != NULL)
        set_text(line, "key", key_mask(upstream->key, mask));
    set_text(line, "key_is", opinions[finding->key]);
    set_text(line, "model_is", opinions[finding->model]);
    if (finding->reachable) {
        json_object_set_new(line, "mock", json_boolean(finding->mock));
        json_object_set_new(line, "http_status", json_integer(finding->http_status));
    }
    json_object_set_new(line, "latency_ms", json_integer(finding->latency_ms));
    set_text(line, "code", finding->code);
    set_text(line, "message", finding->message);
    json_object_set_new(line, "limits", limits_json(&finding->limits));
    return line;
}

static void print_json(FILE *out, json_t *line)
{
    struct buffer text = {0};

    jsontext_write(&text, line);
    fprintf(out, "%s\n", text.bytes);
    buffer_free(&text);
    json_decref(line);
}

void probe_print_json(FILE *out, const struct upstream *upstream,
                      const struct probe_finding *finding)
{
    print_json(out, finding_json(upstream, finding));
}

/* --- for either --------------------------------------------------------------------------------
 */

void probe_print_unasked(FILE *out, const char *provider, bool json)
{
    static const char why[] = "not asked: it serves none of these models; --model names one";

    if (json)
        print_json(out, json_pack("{s:s, s:b, s:s}", "provider", provider, "asked", 0, "message",
                                  why));
    else
        fprintf(out, "%s: %s\n", provider, why);
}
