/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exchange: requests and answers of a provider as rows of a table.
 *
 * All JSON is written with ' in the place of ".
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "provider/provider.h"
#include "provider/stream.h"

static const struct wall exchange_now = {INT64_C(1796126400000)};

/* JSON with its proper quotes, for the caller to free. */
static inline char *exchange_json(const char *text)
{
    char *json = xstrdup(text);
    for (char *at = json; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    return json;
}

static inline struct job *exchange_job(const char *text)
{
    struct error error = {0};
    struct job_context context = {.default_model = "m"};
    char *json = exchange_json(text);
    struct job *job = job_read(json, strlen(json), &context, &error);
    if (job == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    free(json);
    return job;
}

/* A job, how it is asked, and the body that comes of it; or, where body begins with no {, a part of
 * the sentence that says why there is none. */
struct exchange_request {
    const char *job;
    const char *body;
    struct provider_ask ask;
};

static inline void exchange_check_request(const struct provider *provider,
                                          const struct exchange_request *row)
{
    struct provider_request request = {0};
    struct provider_ask ask = row->ask;
    struct error error = {0};
    struct job *job = exchange_job(row->job);
    ask.model = ask.model != NULL ? ask.model : job->model;
    int result = provider->build(job, &ask, &request, &error);
    if (row->body[0] != '{') {
        assert_int_equal(result, -1);
        assert_int_equal(error.kind, ERROR_DATA);
        assert_null(request.headers[0]);
        if (strstr(error.text, row->body) == NULL) {
            fail_msg("%s: %s", row->job, error.text);
        }
    } else {
        char *expected = exchange_json(row->body);
        if (result != 0) {
            fail_msg("%s: %s", row->job, error.text);
        }
        assert_string_equal(request.body.bytes, expected);
        free(expected);
    }
    provider_request_clear(&request);
    job_free(job);
}

static inline void exchange_check_requests(const struct provider *provider,
                                           const struct exchange_request *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        exchange_check_request(provider, &rows[i]);
    }
}

/* An answer to a job: what comes back, and what it means. */
struct exchange_answer {
    const char *job;
    const char *body;   /* NULL: none */
    const char *result; /* the answer as exchange_describe writes it; else the verdict's code */
    enum outcome outcome;
    int status; /* 0: 200 */
};

/* output tool_calls|refusal|finish_reason|truncated|input/output/cached/reasoning */
static inline char *exchange_describe(const struct answer *answer)
{
    struct buffer out = {0};
    jsontext_write(&out, answer->output);
    if (answer->tool_calls != NULL) {
        buffer_byte(&out, ' ');
        jsontext_write(&out, answer->tool_calls);
    }
    buffer_printf(
        &out, "|%s|%s|%d|%lld/%lld/%lld/%lld", answer->refusal != NULL ? answer->refusal : "",
        answer->finish_reason != NULL ? answer->finish_reason : "", answer->truncated,
        (long long)answer->usage.input_tokens, (long long)answer->usage.output_tokens,
        (long long)answer->usage.cached_tokens, (long long)answer->usage.reasoning_tokens);
    return buffer_take(&out);
}

static inline void exchange_check_result(const struct exchange_answer *row,
                                         const struct verdict *verdict, const struct answer *answer)
{
    if (verdict->outcome != row->outcome) {
        fail_msg("%s: outcome %d, %s: %s", row->body, (int)verdict->outcome, verdict->code,
                 verdict->message);
    }
    if (verdict->outcome != OUTCOME_OK) {
        assert_string_equal(verdict->code, row->result);
        assert_true(verdict->message[0] != '\0');
        assert_null(answer->output);
        assert_null(answer->response);
        return;
    }
    char *expected = exchange_json(row->result);
    char *found = exchange_describe(answer);
    assert_string_equal(found, expected);
    assert_non_null(answer->response);
    assert_true(verdict->refused == (answer->refusal != NULL));
    free(found);
    free(expected);
}

static inline void exchange_check_answers(const struct provider *provider,
                                          const struct exchange_answer *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct job *job = exchange_job(rows[i].job);
        char *body = exchange_json(rows[i].body != NULL ? rows[i].body : "");
        const struct provider_reply reply = {.status = rows[i].status > 0 ? rows[i].status : 200,
                                             .body = body,
                                             .body_length = strlen(body)};
        struct answer answer;
        struct verdict verdict = provider->read(job, &reply, exchange_now, &answer);
        exchange_check_result(&rows[i], &verdict, &answer);
        answer_clear(&answer);
        job_free(job);
        free(body);
    }
}

/* Feeds a body in parts of this size; returns the text that a watcher saw at last. */
static inline char *exchange_stream(const struct provider *provider,
                                    const struct exchange_answer *row, size_t part)
{
    struct job *job = exchange_job(row->job);
    char *body = exchange_json(row->body);
    size_t length = strlen(body);
    const struct provider_reply reply = {.status = 200, .body = body, .body_length = length};
    struct stream *stream = stream_new(provider);
    struct answer answer;
    bool good = true;
    for (size_t at = 0; at < length && good; at += part) {
        size_t size = length - at < part ? length - at : part;
        char *exact = xmemdup(body + at, size); /* no byte behind: ASan would tell */
        good = stream_feed(stream, exact, size);
        free(exact);
    }
    const struct buffer *shown = stream_text(stream);
    char *text = xstrndup(shown->length > 0 ? shown->bytes : "", shown->length);
    struct verdict verdict = stream_end(stream, job, &reply, exchange_now, &answer);
    exchange_check_result(row, &verdict, &answer);
    answer_clear(&answer);
    stream_free(stream);
    job_free(job);
    free(body);
    return text;
}

/* A stream and the text that a watcher sees of it; each is fed whole, in parts and byte by byte. */
struct exchange_stream_row {
    struct exchange_answer answer;
    const char *text;
};

static inline void exchange_check_streams(const struct provider *provider,
                                          const struct exchange_stream_row *rows, size_t count)
{
    static const size_t parts[] = {SIZE_MAX / 2, 1, 7};
    for (size_t i = 0; i < count * UNIT_COUNT(parts); i++) {
        const struct exchange_stream_row *row = &rows[i / UNIT_COUNT(parts)];
        char *text = exchange_stream(provider, &row->answer, parts[i % UNIT_COUNT(parts)]);
        assert_string_equal(text, row->text);
        free(text);
    }
}

#endif
