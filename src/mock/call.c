/* SPDX-License-Identifier: GPL-2.0-or-later */
/* call: the way of a request from its body to its reply. */
#include "mock/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "mock/journal.h"
#include "mock/throttle.h"

enum { SLOW_START_MS = 5000 };

/* Port 9 takes whatever comes and answers nothing, where anybody listens there at all. */
#define NOWHERE "http://127.0.0.1:9"

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
                                     .files = call->files,
                                     .arrived_us = exchange->arrived_us,
                                     .endpoint = call->kind->endpoint};
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

/* The key of a request, or NULL. */
static const char *find_key(const struct exchange *exchange)
{
    const char *name = reply_dialect(&exchange->reply)->key_header;
    const char *header = NULL;

    if (name != NULL) {
        header = MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
    }
    if (header != NULL) {
        return header;
    }
    header = MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND,
                                         MHD_HTTP_HEADER_AUTHORIZATION);
    return header != NULL && strncmp(header, "Bearer ", 7) == 0 ? header + 7 : NULL;
}

int call_check_key(const struct exchange *exchange, struct reply *reply)
{
    const struct dialect *dialect = reply_dialect(reply);
    const char *wanted = exchange->settings->key;
    const char *key;

    if (wanted == NULL) {
        return 0;
    }
    key = find_key(exchange);
    if (key == NULL) {
        reply_refuse(reply, 401, NULL, NULL, "%s", dialect->no_key);
        return -1;
    }
    if (strcmp(key, wanted) != 0) {
        reply_refuse(reply, 401, NULL, "invalid_api_key", "%s", dialect->bad_key);
        return -1;
    }
    return 0;
}

static int check_model(struct call *call, struct reply *reply)
{
    const json_t *model = json_object_get(call->body, "model");
    const char *const *unknown = reply_dialect(reply)->unknown_model;

    if (model != NULL && !json_is_string(model) && !json_is_null(model)) {
        reply_refuse(reply, 400, "model", "invalid_type",
                     "Invalid type for 'model': expected a string.");
        return refuse(call, FAULT_BAD_REQUEST);
    }
    if (*call->model == '\0') {
        reply_refuse(reply, 400, NULL, NULL, "you must provide a model parameter");
        return refuse(call, FAULT_BAD_REQUEST);
    }
    if (!settings_has_model(call->settings, call->model)) {
        reply_refuse(reply, 404, NULL, "model_not_found", "%s%.100s%s", unknown[0], call->model,
                     unknown[1]);
        return refuse(call, FAULT_NO_MODEL);
    }
    return 0;
}

static void refuse_length(const struct call *call, struct reply *reply)
{
    long long most = call->settings->context, has = call->prompt_tokens;

    if (reply_dialect(reply) == &dialect_anthropic) {
        reply_refuse(reply, 400, NULL, NULL, "prompt is too long: %lld tokens > %lld maximum", has,
                     most);
    } else {
        reply_refuse(reply, 400, "messages", "context_length_exceeded",
                     "This model's maximum context length is %lld tokens. However, your messages "
                     "resulted in %lld tokens. Please reduce the length of the messages.",
                     most, has);
    }
}

static int check_request(struct call *call, struct reply *reply)
{
    struct error error = {.kind = ERROR_NONE};

    if (call->kind->check(call, reply) != 0) {
        return refuse(call, FAULT_BAD_REQUEST);
    }
    if (call->settings->context > 0 && call->prompt_tokens > call->settings->context) {
        refuse_length(call, reply);
        return refuse(call, FAULT_BAD_REQUEST);
    }
    if (marker_read(call->text.bytes != NULL ? call->text.bytes : "", &call->markers, &error) !=
        0) {
        reply_refuse(reply, 400, "messages", "invalid_value", "%s", error.text);
        return refuse(call, FAULT_BAD_REQUEST);
    }
    return 0;
}

static int check_limits(struct call *call, struct reply *reply)
{
    enum fault fault = throttle_check(call, reply);

    return fault == FAULT_NONE ? 0 : refuse(call, fault);
}

/* A marker whose turn it is decides; without one the configured rates do. */
static void choose_fault(struct call *call)
{
    struct mock *mock = call->exchange->mock;
    double number = latency_uniform(&call->random);
    const struct marker *marker = NULL;
    uint64_t turns;

    call->marker = marker_plain();
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

/* What the fault becomes where no stream was asked for. */
static enum fault without_stream(const struct call *call)
{
    if (call->stream) {
        return call->fault;
    }
    return call->fault == FAULT_ERROR_EVENT    ? FAULT_ERROR200
           : call->fault == FAULT_EMPTY_STREAM ? FAULT_EMPTY
                                               : call->fault;
}

static void write_error(struct reply *reply, const struct fault_kind *fault)
{
    const struct fault_error *own = &fault->anthropic;
    struct fault_error usual = {fault->status, fault->type, fault->code, fault->text};

    if (reply_dialect(reply) != &dialect_anthropic || own->status == 0) {
        own = &usual;
    }
    reply_error(reply, own->status, own->type, NULL, own->code, own->text);
}

/* A body that is the same whatever was asked. */
static void write_fixed(struct reply *reply, unsigned status, const char *media, const char *text)
{
    reply_begin(reply, status, media);
    buffer_text(&reply->body, text);
}

/* Sends the client to the same path elsewhere. */
static void write_location(const struct call *call, struct reply *reply)
{
    const char *origin = call->settings->redirect;

    buffer_text(&reply->location, origin != NULL ? origin : NOWHERE);
    buffer_text(&reply->location, call->exchange->url);
}

/* Writes the answer that the fault has in place of a good one. Returns whether there is one. */
static bool write_fault(struct call *call, struct reply *reply)
{
    const struct fault_kind *fault = fault_kind(call->fault);

    if (call->fault == FAULT_EMPTY || call->fault == FAULT_BIG) {
        write_fixed(reply, 200, "application/json",
                    call->fault == FAULT_EMPTY ? call->kind->empty : call->kind->endless);
    } else if (fault->media != NULL) {
        write_fixed(reply, fault->status, fault->media, fault->text);
    } else if (fault->status != 0 &&
               !(call->fault == FAULT_ERROR200 && call->kind->tells_failures)) {
        write_error(reply, fault);
    } else {
        return false;
    }
    if (call->fault == FAULT_REDIRECT) {
        write_location(call, reply);
    }
    return true;
}

static void choose_pieces(const struct call *call, struct reply *reply)
{
    const struct marker *marker = &call->marker;

    reply->by = marker->by;
    reply->every_ms = call->fault == FAULT_DRIP ? call->settings->drip_ms : call->settings->pace_ms;
    if (marker->every_ms >= 0) {
        reply->every_ms = marker->every_ms;
    }
}

/* The answer, good or spoiled. */
static void answer(struct call *call, struct reply *reply)
{
    if (call->fault != FAULT_NONE) {
        ledger_fault(call->exchange->mock->ledger, exchange_key(call->exchange), call->fault);
    }
    call->fault = without_stream(call);
    reply->delivery = fault_kind(call->fault)->delivery;
    choose_pieces(call, reply);
    if (!write_fault(call, reply)) {
        marker_strip(&call->question);
        marker_strip(&call->system);
        call->kind->answer(call, reply);
        reply->good = call->fault == FAULT_NONE || fault_kind(call->fault)->good;
    }
    if (call->fault == FAULT_KEEPALIVE_CLOSE) {
        *call->exchange->doomed = true;
    }
    throttle_tell(call, reply);
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
    if (call->fault == FAULT_SLOW_START) {
        return SLOW_START_MS;
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

/* Takes in what the body says and enters it in the ledger. */
static void take_in(struct call *call, const char *model)
{
    if (call->body != NULL) {
        call->kind->read(call);
        call->model = model != NULL ? model : jsontext_get_text(call->body, "model", "");
        call->stream = jsontext_get_bool(call->body, "stream", false);
    }
    receive(call);
}

static void serve(struct call *call, struct reply *reply)
{
    if (*call->exchange->doomed) {
        reply->delivery = DELIVERY_CLOSE;
        (void)refuse(call, FAULT_CLOSED);
        return;
    }
    if (call_check_key(call->exchange, reply) != 0) {
        (void)refuse(call, FAULT_BAD_KEY);
        return;
    }
    if (call->body == NULL) {
        (void)refuse(call, FAULT_BAD_REQUEST);
        return;
    }
    if (check_model(call, reply) != 0 || check_request(call, reply) != 0 ||
        check_limits(call, reply) != 0) {
        return;
    }
    choose_fault(call);
    answer(call, reply);
    call->exchange->delay_ms = choose_delay(call);
}

void call_serve(struct exchange *exchange, const struct call_kind *kind, const char *model)
{
    json_t *body = parse(exchange, &exchange->reply);
    struct call call = {
        .exchange = exchange, .settings = exchange->settings, .kind = kind, .body = body};

    take_in(&call, model);
    serve(&call, &exchange->reply);
    if (exchange->reply.status == 429) {
        ledger_refuse(exchange->mock->ledger, exchange->arrived_us);
    }
    buffer_free(&call.text);
    buffer_free(&call.system);
    buffer_free(&call.question);
    free(call.files);
    json_decref(body);
    /* A request may wait long; what it asked is no longer needed. */
    buffer_free(&exchange->body);
}
