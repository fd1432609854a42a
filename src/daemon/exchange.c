/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exchange: see exchange.h. */
#include "daemon/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "daemon/config_urls.h"
#include "daemon/key.h"

enum {
    SHORTEST_KEY = 16,
    OPEN_HEADERS = 32, /* of ours and of the configuration */
};

/* The header with the key, for the caller to wipe; NULL: none is sent. */
static char *secret_header(const struct upstream *upstream, const struct provider *protocol,
                           const char *key)
{
    if (key == NULL)
        return NULL;
    if (upstream->route->key_header != NULL)
        return xasprintf("%s: %s", upstream->route->key_header, key);
    return provider_key_header(protocol, key);
}

/* The protocol's headers and those of the configuration; borrowed, the array is the caller's. */
static const char **open_headers(const struct upstream *upstream,
                                 const struct provider_request *request)
{
    const char **headers = xcalloc(OPEN_HEADERS + 1, sizeof(char *));
    char **given = upstream->route->headers;
    size_t count = 0;

    for (char *const *header = request->headers; *header != NULL; header++)
        headers[count++] = *header;
    for (; given != NULL && *given != NULL && count < OPEN_HEADERS; given++)
        headers[count++] = *given;
    return headers;
}

struct transfer *exchange_start(struct transfers *transfers, const struct upstream *upstream,
                                const struct provider *protocol, const char *key,
                                struct provider_request *request,
                                const struct transfer_request *limits, transfer_done *done,
                                void *context, struct error *error)
{
    const struct config_provider *route = upstream->route;
    const char **headers = open_headers(upstream, request);
    char *secret = secret_header(upstream, protocol, key);
    char *url = config_url_make(upstream->url, upstream->model, request->path, route->query);
    struct transfer_request whole = *limits;
    struct transfer *transfer;

    whole.url = url;
    whole.headers = headers;
    whole.secret_header = secret;
    whole.body = &request->body;
    whole.proxy = route->proxy;
    whole.ca_file = route->ca_file;
    whole.client_cert = route->client_cert;
    whole.client_key = route->client_key;
    transfer = transfer_start(transfers, &whole, done, context, error);
    key_free(secret);
    free(headers);
    free(url);
    return transfer;
}

void exchange_conceal(const char *key, const struct buffer *body)
{
    size_t length = key != NULL ? strlen(key) : 0;
    char *from = body->bytes;
    char *found;

    if (length < SHORTEST_KEY || body->length == 0)
        return;
    while ((found = memmem(from, body->length - (size_t)(from - body->bytes), key, length)) !=
           NULL) {
        memset(found, '*', length);
        from = found + length;
    }
}

struct provider_reply exchange_reply(const struct transfer_result *result,
                                     struct provider_header **headers)
{
    *headers = xcalloc(result->header_count + 1, sizeof **headers);
    for (size_t i = 0; i < result->header_count; i++) {
        (*headers)[i].name = result->headers[i].name;
        (*headers)[i].value = result->headers[i].value;
    }
    return (struct provider_reply){
        .status = result->status,
        .headers = *headers,
        .header_count = result->header_count,
        .body = result->body.bytes != NULL ? result->body.bytes : "",
        .body_length = result->body.length,
    };
}

static enum outcome outcome_of_end(enum transfer_end end)
{
    switch (end) {
    case TRANSFER_NOT_SENT:
        return OUTCOME_NOT_SENT;
    case TRANSFER_ABORTED:
        return OUTCOME_CANCELLED;
    case TRANSFER_UNKNOWN:
    case TRANSFER_ANSWERED:
        break;
    }
    return OUTCOME_UNKNOWN;
}

struct verdict exchange_verdict(const struct transfer_result *result)
{
    struct verdict verdict = {.outcome = outcome_of_end(result->end), .wait_ms = -1};

    if (result->too_large)
        snprintf(verdict.code, sizeof verdict.code, "answer_too_large");
    else if (result->timed_out)
        snprintf(verdict.code, sizeof verdict.code, "%s",
                 result->before_first_byte ? EXCHANGE_FIRST_BYTE : "timeout");
    else
        snprintf(verdict.code, sizeof verdict.code, "curl_%d", result->curl_code);
    snprintf(verdict.message, sizeof verdict.message, "%s", result->message);
    return verdict;
}
