/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deliver: see deliver.h.
 */
#include "daemon/deliver.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/timetext.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "daemon/exchange.h"
#include "daemon/webhook_message.h"
#include "provider/ratelimit.h"
#include "upstream/addresses.h"

enum {
    ANSWER_LIMIT = 64 * 1024, /* nobody reads it */
    CONNECT_MS = 10 * 1000,
};

struct parcel {
    struct deliver *deliver;
    struct transfer *transfer;
    deliver_done *done;
    void *context;
    LIST_ENTRY(parcel) link;
};

struct deliver {
    struct core *core;
    struct addresses *addresses;
    struct transfers *transfers;
    LIST_HEAD(, parcel) parcels;
};

/* --- what an answer means ----------------------------------------------------------------------------- */

void deliver_say(struct delivery *delivery, enum delivery_end end, bool unwell, const char *words)
{
    size_t length = strlen(words);
    size_t room = sizeof delivery->words - 1;
    bool valid = length <= room && utf8_valid(words, length);

    delivery->end = end;
    delivery->unwell = unwell;
    length = length < room ? length : room;
    memcpy(delivery->words, words, length);
    delivery->words[length] = '\0';
    for (size_t i = 0; i < length; i++) /* they go into JSON */
        if ((unsigned char)words[i] < ' ' || (!valid && (unsigned char)words[i] > '~'))
            delivery->words[i] = '?';
}

/* How long the receiver asks to be left alone, where that is to be respected. */
static int64_t rest_of(const struct transfer_result *result, struct wall now)
{
    struct provider_header *headers;
    struct provider_reply reply = exchange_reply(result, &headers);
    int64_t rest = ratelimit_wait(&reply, now);

    free(headers);
    return rest > 0 ? rest : 0;
}

static void judge_status(const struct transfer_result *result, struct wall now,
                         struct delivery *delivery)
{
    int status = result->status;
    bool overloaded = status == 429 || (status >= 502 && status <= 504);
    char rest[TIMETEXT_SIZE], words[80];

    snprintf(words, sizeof words, "answered %d", status);
    if (status >= 300 && status < 400)
        snprintf(words, sizeof words, "answered %d; redirects are not followed", status);
    if (status == 410)
        snprintf(words, sizeof words, "answered 410: it wants no more");
    if (overloaded)
        delivery->rest_ms = rest_of(result, now);
    if (delivery->rest_ms > 0) {
        timetext_write_duration(delivery->rest_ms, rest);
        snprintf(words, sizeof words, "answered %d, asks to wait %s", status, rest);
    }
    deliver_say(delivery, status == 410 ? DELIVERY_NEVER : DELIVERY_LATER, overloaded || status >= 500, words);
}

/* A kept-alive connection that the receiver closed while the request was on its way: so common, and so
 * soon mended, that it is no failure. libcurl is not allowed to repeat a body by itself. */
static bool lost_connection(const struct transfer_result *result)
{
    return result->end == TRANSFER_UNKNOWN && result->status == 0 && !result->timed_out &&
           (result->curl_code == CURLE_SEND_FAIL_REWIND ||
            result->curl_code == CURLE_ABORTED_BY_CALLBACK);
}

void deliver_judge(const struct transfer_result *result, struct wall now,
                   struct delivery *delivery)
{
    bool answered = result->end == TRANSFER_ANSWERED || (result->too_large && result->status > 0);

    *delivery = (struct delivery){.took_ms = result->total_ms, .status = result->status};
    if (result->end == TRANSFER_ABORTED)
        deliver_say(delivery, DELIVERY_CUT, false, "broken off");
    else if (answered && result->status >= 200 && result->status < 300)
        deliver_say(delivery, DELIVERY_PAID, false, "");
    else if (answered)
        judge_status(result, now, delivery);
    else
        deliver_say(delivery, lost_connection(result) ? DELIVERY_AGAIN : DELIVERY_LATER, true,
            result->message);
}

/* --- the request -------------------------------------------------------------------------------------- */

char *deliver_receiver(const char *url)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *receiver = NULL;

    if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        receiver = xasprintf("%s://%s:%s", scheme, host, port);
        for (char *at = receiver; *at != '\0'; at++)
            *at = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return receiver;
}

static void parcel_ended(void *context, struct transfer_result *result)
{
    struct parcel *parcel = context;
    struct delivery delivery;

    deliver_judge(result, clock_wall(parcel->deliver->core->clock), &delivery);
    LIST_REMOVE(parcel, link);
    parcel->done(parcel->context, &delivery);
    free(parcel);
}

static struct transfer *send_message(struct deliver *deliver, struct webhook_message *message,
                                     struct parcel *parcel, struct error *error)
{
    int64_t timeout = deliver->core->config->webhook.timeout_ms;
    struct transfer_request request = {
        .url = message->url,
        .headers = (const char *const *)message->headers,
        .body = &message->body,
        .connect_timeout_ms = timeout < CONNECT_MS ? timeout : CONNECT_MS,
        .total_timeout_ms = timeout,
        .answer_limit = ANSWER_LIMIT,
    };

    return transfer_start(deliver->transfers, &request, parcel_ended, parcel, error);
}

bool deliver_start(struct deliver *deliver, const json_t *debt, deliver_done *done, void *context,
                   struct delivery *delivery)
{
    struct webhook_message message;
    struct parcel *parcel;
    struct error error;

    *delivery = (struct delivery){0};
    if (webhook_message_make(deliver->core, debt, clock_wall(deliver->core->clock), &message,
                             &error) < 0) {
        deliver_say(delivery, error.kind == ERROR_SYSTEM ? DELIVERY_LATER : DELIVERY_NEVER, false,
            error.text);
        return false;
    }
    parcel = xmalloc(sizeof *parcel);
    *parcel = (struct parcel){.deliver = deliver, .done = done, .context = context};
    parcel->transfer = send_message(deliver, &message, parcel, &error);
    webhook_message_clear(&message);
    if (parcel->transfer == NULL) {
        deliver_say(delivery, error.kind == ERROR_SYSTEM ? DELIVERY_LATER : DELIVERY_NEVER, false,
            error.text);
        free(parcel);
        return false;
    }
    LIST_INSERT_HEAD(&deliver->parcels, parcel, link);
    return true;
}

void deliver_abort(struct deliver *deliver)
{
    while (!LIST_EMPTY(&deliver->parcels))
        transfer_abort(LIST_FIRST(&deliver->parcels)->transfer);
}

/* --- all of it ---------------------------------------------------------------------------------------- */

struct deliver *deliver_open(struct core *core, struct error *error)
{
    struct deliver *deliver = xcalloc(1, sizeof *deliver);
    const struct config *config = core->config;

    deliver->core = core;
    LIST_INIT(&deliver->parcels);
    deliver->addresses = addresses_open(config->webhook.allow, config_place(config), error);
    if (deliver->addresses != NULL)
        deliver->transfers =
            transfers_open(core->loop, 0, config->ca_file, deliver->addresses, error);
    if (deliver->transfers == NULL) {
        deliver_close(deliver);
        return NULL;
    }
    return deliver;
}

int deliver_configure(struct deliver *deliver, const struct config *config, struct error *error)
{
    return addresses_set(deliver->addresses, config->webhook.allow, config_place(config), error);
}

struct transfers_counts deliver_counts(const struct deliver *deliver)
{
    return transfers_counts(deliver->transfers);
}

void deliver_close(struct deliver *deliver)
{
    if (deliver == NULL)
        return;
    transfers_close(deliver->transfers);
    addresses_close(deliver->addresses);
    free(deliver);
}
