/* SPDX-License-Identifier: GPL-2.0-or-later */
/* call: the way of a request from its body to its reply. */
#include "mock/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "mock/journal.h"

int64_t call_tokens(size_t bytes)
{
    return (int64_t)((bytes + 3) / 4);
}

/* Refuses with an entry in the ledger. */
static int refuse(struct call *call, enum fault fault)
{
    ledger_fault(call->exchange->mock->ledger, exchange_key(call->exchange), fault);
    call->exchange->reply.refused = true;
    return -1;
}

/* Enters the request in the ledger and in its file, and derives from prompt and count what is to
 * be random about it. */
static void receive(struct call *call)
{
    struct exchange *exchange = call->exchange;
    struct ledger_receipt receipt = {.prompt = call->question.bytes,
                                     .prompt_length = call->question.length,
                                     .arrived_us = exchange->arrived_us};
    uint64_t mix = 0;

    exchange->known = call->body != NULL;
    if (exchange->known) {
        sha256_digest(call->text.bytes != NULL ? call->text.bytes : "", call->text.length,
                      exchange->digest);
        memcpy(&mix, exchange->digest, sizeof mix);
    }
    receipt.digest = exchange_key(exchange);
    call->nth = ledger_receive(exchange->mock->ledger, &receipt);
    exchange->flying = true;
    journal_write(exchange->mock->journal_fd, &receipt, call->model, call->nth);
    mix ^= (uint64_t)call->settings->seed * UINT64_C(0x9e3779b97f4a7c15) + (call->nth << 32);
    random_init(&call->random, mix | 1);
    (void)snprintf(call->id, sizeof call->id, "%016" PRIx64 "%08" PRIx64,
                   random_below(&call->random, UINT64_MAX), call->nth & 0xffffffff);
    call->created_s = exchange->arrived_us / 1000000;
}

int call_check_key(const struct exchange *exchange, struct reply *reply)
{
    const char *wanted = exchange->settings->key;
    const char *header;

    if (wanted == NULL) {
        return 0;
    }
    header = MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND,
                                         MHD_HTTP_HEADER_AUTHORIZATION);
    if (header == NULL || strncmp(header, "Bearer ", 7) != 0) {
        reply_refuse(reply, 401, NULL, NULL,
                     "You didn't provide an API key. Put it into the Authorization header: "
                     "Authorization: Bearer YOUR_KEY.");
        return -1;
    }
    if (strcmp(header + 7, wanted) != 0) {
        reply_refuse(reply, 401, NULL, "invalid_api_key", "Incorrect API key provided.");
        return -1;
    }
    return 0;
}

static int check_model(struct call *call, struct reply *reply)
{
    const json_t *model = json_object_get(call->body, "model");

    if (model == NULL || (json_is_string(model) && json_string_length(model) == 0)) {
        reply_refuse(reply, 400, NULL, NULL, "you must provide a model parameter");
        return refuse(call, FAULT_BAD_REQUEST);
    }
    if (!json_is_string(model)) {
        reply_refuse(reply, 400, "model", "invalid_type",
                     "Invalid type for 'model': expected a string.");
        return refuse(call, FAULT_BAD_REQUEST);
    }
    if (!settings_has_model(call->settings, call->model)) {
        reply_refuse(reply, 404, NULL, "model_not_found",
                     "The model `%.100s` does not exist or you do not have access to it.",
                     call->model);
        return refuse(call, FAULT_NO_MODEL);
    }
    return 0;
}

static int check_request(struct call *call, const struct call_kind *kind, struct reply *reply)
{
    struct error error = {.kind = ERROR_NONE};

    if (kind->check(call, reply) != 0) {
        return refuse(call, FAULT_BAD_REQUEST);
    }
    if (call->settings->context > 0 && call->prompt_tokens > call->settings->context) {
        reply_refuse(reply, 400, "messages", "context_length_exceeded",
                     "This model's maximum context length is %lld tokens. However, your messages "
                     "resulted in %lld tokens. Please reduce the length of the messages.",
                     (long long)call->settings->context, (long long)call->prompt_tokens);
        return refuse(call, FAULT_BAD_REQUEST);
    }
    if (marker_read(call->text.bytes != NULL ? call->text.bytes : "", &call->markers, &error) !=
        0) {
        reply_refuse(reply, 400, "messages", "invalid_value", "%s", error.text);
        return refuse(call, FAULT_BAD_REQUEST);
    }
    return 0;
}

static void add_retry_after(struct reply *reply, int64_t wait_ms)
{
    reply_header(reply, "retry-after", "%lld", (long long)((wait_ms + 999) / 1000));
    reply_header(reply, "retry-after-ms", "%lld", (long long)wait_ms);
}

static void add_gauge(struct reply *reply, const struct limits_gauge *gauge,
                      const char *const names[3])
{
    char reset[LIMITS_DURATION_SIZE];

    if (gauge->limited) {
        limits_write_duration(gauge->reset_ms, reset);
        reply_header(reply, names[0], "%lld", (long long)gauge->limit);
        reply_header(reply, names[1], "%lld", (long long)gauge->remaining);
        reply_header(reply, names[2], "%s", reset);
    }
}

static void add_rate_headers(struct reply *reply, const struct limits_report *report)
{
    static const char *const requests[3] = {"x-ratelimit-limit-requests",
                                            "x-ratelimit-remaining-requests",
                                            "x-ratelimit-reset-requests"};
    static const char *const tokens[3] = {
        "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"};

    add_gauge(reply, &report->requests, requests);
    add_gauge(reply, &report->tokens, tokens);
}

static void write_limit_error(const struct call *call, struct reply *reply,
                              enum limits_verdict verdict, const struct limits_report *report,
                              int64_t tokens)
{
    bool by_tokens = verdict != LIMITS_REQUESTS;
    const struct limits_gauge *gauge = by_tokens ? &report->tokens : &report->requests;
    char wait[LIMITS_DURATION_SIZE], message[400];

    limits_write_duration(report->wait_ms, wait);
    if (verdict == LIMITS_NEVER) {
        (void)snprintf(message, sizeof message,
                       "Request too large for %.100s on tokens per min (TPM): Limit %lld, "
                       "Requested %lld. The input or output tokens must be reduced.",
                       call->model, (long long)gauge->limit, (long long)tokens);
    } else {
        (void)snprintf(message, sizeof message,
                       "Rate limit reached for %.100s on %s per min (%s): Limit %lld, Used %lld, "
                       "Requested %lld. Please try again in %s.",
                       call->model, by_tokens ? "tokens" : "requests", by_tokens ? "TPM" : "RPM",
                       (long long)gauge->limit, (long long)(gauge->limit - gauge->remaining),
                       by_tokens ? (long long)tokens : 1LL, wait);
    }
    reply_error(reply, 429, by_tokens ? "tokens" : "requests", NULL, "rate_limit_exceeded",
                message);
}

static int check_limits(struct call *call, struct reply *reply)
{
    const struct settings *settings = call->settings;
    struct mock *mock = call->exchange->mock;
    int64_t tokens = call->prompt_tokens + call->answer_tokens;
    struct limits_report report;
    enum limits_verdict verdict;

    if (settings->max_concurrent > 0 &&
        ledger_in_flight(mock->ledger) > (uint64_t)settings->max_concurrent) {
        reply_error(reply, 429, "requests", NULL, "rate_limit_exceeded",
                    "Too many requests are in flight at once.");
        if (settings->rate_headers) {
            add_retry_after(reply, settings->retry_after_ms);
        }
        return refuse(call, FAULT_TOO_BUSY);
    }
    verdict = limits_take(mock->limits, settings, call->model, tokens, &report);
    if (verdict != LIMITS_PASS) {
        write_limit_error(call, reply, verdict, &report, tokens);
    }
    if (settings->rate_headers) {
        add_rate_headers(reply, &report);
        if (verdict != LIMITS_PASS && verdict != LIMITS_NEVER) {
            add_retry_after(reply, report.wait_ms);
        }
    }
    return verdict == LIMITS_PASS ? 0 : refuse(call, FAULT_RATE_LIMIT);
}

/* A marker whose turn it is decides; without one the configured rates do. */
static void choose_fault(struct call *call)
{
    struct mock *mock = call->exchange->mock;
    double number = latency_uniform(&call->random);
    const struct marker *marker = NULL;
    uint64_t turns;

    call->marker = (struct marker){.latency_ms = -1, .retry_after_ms = -1, .every_ms = -1};
    if (call->markers.count > 0) {
        turns = marker_turns(&call->markers);
        marker = marker_at(&call->markers,
                           ledger_spend(mock->ledger, exchange_key(call->exchange), turns));
    }
    if (marker != NULL) {
        call->marker = *marker;
        call->fault = marker->fault;
    } else if (call->markers.count == 0) {
        call->fault = fault_pick(call->settings->rates, number);
    }
}

static void write_fixed(struct reply *reply, const struct fault_kind *kind)
{
    if (kind->media != NULL) {
        reply_begin(reply, kind->status, kind->media);
        buffer_text(&reply->body, kind->text);
    } else {
        reply_error(reply, kind->status, kind->type, NULL, kind->code, kind->text);
    }
}

/* The answer, good or spoiled. */
static void answer(struct call *call, const struct call_kind *kind, struct reply *reply)
{
    const struct fault_kind *fault = fault_kind(call->fault);
    const struct settings *settings = call->settings;
    const struct marker *marker = &call->marker;

    if (call->fault != FAULT_NONE) {
        ledger_fault(call->exchange->mock->ledger, exchange_key(call->exchange), call->fault);
    }
    reply->delivery = fault->delivery;
    reply->by = marker->by;
    reply->every_ms = call->fault == FAULT_DRIP ? settings->drip_ms : settings->pace_ms;
    if (marker->every_ms >= 0) {
        reply->every_ms = marker->every_ms;
    }
    if (fault->status != 0) {
        write_fixed(reply, fault);
    } else {
        marker_strip(&call->question);
        marker_strip(&call->system);
        kind->answer(call, reply);
        reply->good = call->fault == FAULT_NONE || call->fault == FAULT_DRIP;
    }
    if (call->fault == FAULT_429 || marker->retry_after_ms >= 0) {
        add_retry_after(reply, marker->retry_after_ms >= 0 ? marker->retry_after_ms
                                                           : settings->retry_after_ms);
    }
}

static int64_t choose_delay(struct call *call)
{
    const struct fault_kind *fault = fault_kind(call->fault);

    if (call->marker.latency_ms >= 0) {
        return call->marker.latency_ms;
    }
    if (call->fault == FAULT_HANG) {
        return call->settings->hang_limit_ms;
    }
    return fault->at_once ? 0 : latency_sample(&call->settings->latency, &call->random);
}

/* The body as an object, or NULL with a reply. */
static json_t *parse(const struct exchange *exchange, struct reply *reply)
{
    struct error error = {.kind = ERROR_NONE};
    json_t *body = NULL;

    if (exchange->oversized) {
        reply_refuse(reply, 413, NULL, NULL, "The request body is too large.");
        return NULL;
    }
    body = jsontext_read_lenient(exchange->body.bytes != NULL ? exchange->body.bytes : "",
                                 exchange->body.length, &error);
    if (body == NULL) {
        reply_refuse(reply, 400, NULL, NULL,
                     "We could not parse the JSON body of your request: %.400s", error.text);
    } else if (!json_is_object(body)) {
        reply_refuse(reply, 400, NULL, NULL,
                     "We could not parse the JSON body of your request: it is not an object.");
        json_decref(body);
        body = NULL;
    }
    return body;
}

static void serve(struct call *call, const struct call_kind *kind, struct reply *reply)
{
    if (call->body != NULL) {
        kind->read(call);
        call->model = jsontext_get_text(call->body, "model", "");
    }
    receive(call);
    if (call_check_key(call->exchange, reply) != 0) {
        (void)refuse(call, FAULT_BAD_KEY);
        return;
    }
    if (call->body == NULL) {
        (void)refuse(call, FAULT_BAD_REQUEST);
        return;
    }
    if (check_model(call, reply) != 0 || check_request(call, kind, reply) != 0 ||
        check_limits(call, reply) != 0) {
        return;
    }
    choose_fault(call);
    answer(call, kind, reply);
    call->exchange->delay_ms = choose_delay(call);
}

void call_serve(struct exchange *exchange, const struct call_kind *kind)
{
    json_t *body = parse(exchange, &exchange->reply);
    struct call call = {.exchange = exchange, .settings = exchange->settings, .body = body};

    serve(&call, kind, &exchange->reply);
    buffer_free(&call.text);
    buffer_free(&call.system);
    buffer_free(&call.question);
    json_decref(body);
    /* A request may wait long; what it asked is no longer needed. */
    buffer_free(&exchange->body);
}
