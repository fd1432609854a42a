/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * transfer: HTTP requests in flight: libcurl's multi_socket interface on a libuv loop.
 */
#include "upstream/transfer.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/heap.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "upstream/easy.h"
#include "upstream/ending.h"
#include "upstream/multi.h"
#include "upstream/incoming.h"

enum {
    SPARE_MAX = 64,         /* easy handles kept for the next requests */
    CONNECTIONS_FIRST = 64, /* open at most, until more are in flight */
    CONNECTIONS_MAX = 4096
};

struct transfer {
    LIST_ENTRY(transfer) link;
    struct transfers *transfers;
    CURL *easy;
    struct curl_slist *headers;
    struct buffer body; /* freed when libcurl has taken all of it */
    size_t body_taken;  /* bytes */
    int64_t started_ms; /* monotonic */
    int64_t first_byte_timeout_ms;
    int64_t first_byte_ms; /* since started; -1: none yet */
    int64_t deadline_ms;   /* monotonic, for the first byte */
    size_t deadline_place; /* in the heap */
    struct incoming incoming;
    char words[CURL_ERROR_SIZE]; /* libcurl's, about what went wrong */
    transfer_done *done;
    void *context;
};

struct transfers {
    struct multi *multi;
    LIST_HEAD(, transfer) in_flight;
    struct heap deadlines; /* of transfers that wait for their first byte */
    uv_timer_t timer;      /* one for all of them */
    int64_t timer_ms;      /* when it fires; INT64_MAX: it rests */
    CURL *spare[SPARE_MAX];
    size_t spare_count;
    unsigned connections;   /* that may stay open */
    bool connections_fixed; /* by the caller */
    unsigned calling;       /* done callbacks that are running */
    char *ca_file;
    struct transfers_counts counts;
};

static int64_t now_ms(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

/* Deadlines for the first byte. */

static bool deadline_less(const void *a, const void *b)
{
    return ((const struct transfer *)a)->deadline_ms < ((const struct transfer *)b)->deadline_ms;
}

static void deadline_place(void *element, size_t position)
{
    ((struct transfer *)element)->deadline_place = position;
}

static void deadlines_expire(uv_timer_t *timer);

/* The timer may fire early and find nothing, but never late, and never when nobody waits. */
static void deadlines_arm(struct transfers *transfers)
{
    const struct transfer *first = heap_first(&transfers->deadlines);
    if (first == NULL) {
        (void)uv_timer_stop(&transfers->timer);
        transfers->timer_ms = INT64_MAX;
    } else if (first->deadline_ms < transfers->timer_ms) {
        int64_t delay_ms = first->deadline_ms - now_ms();
        uv_update_time(transfers->timer.loop);
        (void)uv_timer_start(&transfers->timer, deadlines_expire,
                             delay_ms < 1 ? 1 : (uint64_t)delay_ms, 0);
        transfers->timer_ms = first->deadline_ms;
    }
}

static void deadline_forget(struct transfer *transfer)
{
    if (transfer->deadline_place == HEAP_NOWHERE)
        return;
    (void)heap_remove(&transfer->transfers->deadlines, transfer->deadline_place);
    if (heap_first(&transfer->transfers->deadlines) == NULL)
        deadlines_arm(transfer->transfers);
}

/* libcurl's callbacks: what goes out and what comes in. */

/* There is no seek callback beside it, and that is the point: see the header. */
static size_t transfer_on_read(char *out, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    if (transfer->body.length == 0)
        return 0;
    size_t left = transfer->body.length - transfer->body_taken;
    size_t length = size * count < left ? size * count : left;
    memcpy(out, transfer->body.bytes + transfer->body_taken, length);
    transfer->body_taken += length;
    if (length == left)
        buffer_free(&transfer->body); /* prompts are long, and an answer may take minutes */
    return length;
}

static void transfer_heard(struct transfer *transfer)
{
    if (transfer->first_byte_ms >= 0)
        return;
    transfer->first_byte_ms = now_ms() - transfer->started_ms;
    deadline_forget(transfer);
}

static size_t transfer_on_header(char *line, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    transfer_heard(transfer);
    return incoming_header(&transfer->incoming, line, size * count) ? size * count : 0;
}

static size_t transfer_on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    transfer_heard(transfer);
    return incoming_body(&transfer->incoming, bytes, size * count) ? size * count : 0;
}

/* Life of a transfer. */

static void transfer_result(struct transfer *transfer, CURLcode code,
                            struct transfer_result *result)
{
    bool timed_out = code == CURLE_OPERATION_TIMEDOUT;
    *result = (struct transfer_result){
        .end = ending_judge(transfer->easy, code, transfer->body_taken, &transfer->incoming),
        .timed_out = timed_out,
        .before_first_byte = timed_out && transfer->first_byte_ms < 0,
        .too_large = transfer->incoming.too_large,
        .curl_code = (int)code,
        .status = (int)ending_long(transfer->easy, CURLINFO_RESPONSE_CODE),
        .headers = transfer->incoming.headers,
        .header_count = transfer->incoming.header_count,
        .body = transfer->incoming.body,
        .first_byte_ms = transfer->first_byte_ms,
        .total_ms = now_ms() - transfer->started_ms,
    };
    transfer->incoming.body = (struct buffer){0};
    if (code != CURLE_OK)
        ending_describe(code, transfer->words, &transfer->incoming, result->message,
                        sizeof result->message);
}

static void spare_put(struct transfers *transfers, CURL *easy)
{
    if (transfers->spare_count == SPARE_MAX) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy); /* now, so that no pointer of this request stays */
    transfers->spare[transfers->spare_count++] = easy;
}

static CURL *spare_take(struct transfers *transfers)
{
    return transfers->spare_count > 0 ? transfers->spare[--transfers->spare_count]
                                      : curl_easy_init();
}

static void transfer_free(struct transfer *transfer)
{
    if (transfer->easy != NULL)
        spare_put(transfer->transfers, transfer->easy);
    easy_headers_free(transfer->headers);
    buffer_free(&transfer->body);
    incoming_clear(&transfer->incoming);
    free(transfer);
}

/* Ends it: takes it out of libcurl, tells the caller, frees it. */
static void transfer_finish(struct transfer *transfer, struct transfer_result *result)
{
    struct transfers *transfers = transfer->transfers;
    transfers->counts.connections += (uint64_t)ending_long(transfer->easy, CURLINFO_NUM_CONNECTS);
    CURLMcode code = curl_multi_remove_handle(multi_handle(transfers->multi), transfer->easy);
    assert(code == CURLM_OK);
    deadline_forget(transfer);
    LIST_REMOVE(transfer, link);
    if (--transfers->counts.in_flight == 0)
        multi_hold(transfers->multi, false);
    transfers->calling++;
    transfer->done(transfer->context, result);
    transfers->calling--;
    buffer_free(&result->body);
    transfer_free(transfer);
}

static void transfer_ended(struct transfer *transfer, CURLcode code)
{
    struct transfer_result result;
    transfer_result(transfer, code, &result);
    transfer_finish(transfer, &result);
}

static void deadlines_expire(uv_timer_t *timer)
{
    struct transfers *transfers = timer->data;
    transfers->timer_ms = INT64_MAX;
    struct transfer *first;
    while ((first = heap_first(&transfers->deadlines)) != NULL && first->deadline_ms <= now_ms()) {
        char limit[TIMETEXT_SIZE];
        timetext_write_duration(first->first_byte_timeout_ms, limit);
        (void)snprintf(first->words, sizeof first->words, "no byte of an answer within %s", limit);
        transfer_ended(first, CURLE_OPERATION_TIMEDOUT);
    }
    deadlines_arm(transfers);
}

/* libcurl lost its footing: nothing that is in flight can be trusted any more. */
static void transfers_give_up(struct transfers *transfers, CURLMcode code)
{
    /* In a list of their own: done may start new ones, and abort others of these. */
    LIST_HEAD(, transfer) lost = {.lh_first = LIST_FIRST(&transfers->in_flight)};
    if (lost.lh_first != NULL)
        lost.lh_first->link.le_prev = &lost.lh_first;
    LIST_INIT(&transfers->in_flight);
    struct transfer *transfer;
    while ((transfer = LIST_FIRST(&lost)) != NULL) {
        (void)snprintf(transfer->words, sizeof transfer->words, "libcurl gave up: %s",
                       curl_multi_strerror(code));
        transfer_ended(transfer, CURLE_ABORTED_BY_CALLBACK);
    }
}

static void transfers_drain(void *context, CURLMcode code)
{
    struct transfers *transfers = context;
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi_handle(transfers->multi), &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode result = message->data.result; /* the message dies with the handle's removal */
        char *owner = NULL;
        CURLcode found = curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
        assert(found == CURLE_OK && owner != NULL);
        transfer_ended((struct transfer *)(void *)owner, result);
    }
    if (code != CURLM_OK)
        transfers_give_up(transfers, code);
}

static CURLcode transfer_bind(struct transfer *transfer)
{
    CURL *easy = transfer->easy;
    CURLcode codes[] = {
        curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer),
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->words),
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers),
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, transfer_on_read),
        curl_easy_setopt(easy, CURLOPT_READDATA, transfer),
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, transfer_on_header),
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer),
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, transfer_on_body),
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer),
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i] != CURLE_OK)
            return codes[i];
    }
    return CURLE_OK;
}

/* As many connections stay open as were ever in flight: fewer, and they are made anew each time. */
static void transfers_widen(struct transfers *transfers)
{
    if (transfers->connections_fixed || transfers->connections == CONNECTIONS_MAX ||
        transfers->counts.in_flight <= transfers->connections)
        return;
    transfers->connections *= 2;
    (void)curl_multi_setopt(multi_handle(transfers->multi), CURLMOPT_MAXCONNECTS,
                            (long)transfers->connections);
}

static void transfer_count(struct transfer *transfer)
{
    struct transfers *transfers = transfer->transfers;
    LIST_INSERT_HEAD(&transfers->in_flight, transfer, link);
    transfers->counts.started++;
    if (transfers->counts.in_flight++ == 0)
        multi_hold(transfers->multi, true);
    transfers_widen(transfers);
    if (transfer->first_byte_timeout_ms > 0) {
        transfer->deadline_ms = transfer->started_ms + transfer->first_byte_timeout_ms;
        heap_insert(&transfers->deadlines, transfer);
        deadlines_arm(transfers);
    }
}

static int transfer_launch(struct transfer *transfer, const struct transfer_request *request,
                           struct error *error)
{
    struct transfers *transfers = transfer->transfers;
    transfer->easy = spare_take(transfers);
    if (transfer->easy == NULL) {
        error_set(error, ERROR_SYSTEM, "libcurl has no memory for one more request");
        return -1;
    }
    if (easy_prepare(transfer->easy, request, transfers->ca_file, error) == -1)
        return -1;
    CURLcode bound = transfer_bind(transfer);
    if (bound != CURLE_OK) {
        error_set(error, ERROR_SYSTEM, "libcurl refuses an option: %s", curl_easy_strerror(bound));
        return -1;
    }
    CURLMcode added = curl_multi_add_handle(multi_handle(transfers->multi), transfer->easy);
    if (added != CURLM_OK) {
        error_set(error, ERROR_SYSTEM, "libcurl refuses a request: %s", curl_multi_strerror(added));
        return -1;
    }
    return 0;
}

struct transfer *transfer_start(struct transfers *transfers, const struct transfer_request *request,
                                transfer_done *done, void *context, struct error *error)
{
    struct curl_slist *headers = easy_headers(request, error);
    if (headers == NULL)
        return NULL;
    struct transfer *transfer = xmalloc(sizeof *transfer);
    *transfer = (struct transfer){
        .transfers = transfers,
        .headers = headers,
        .started_ms = now_ms(),
        .first_byte_timeout_ms = request->first_byte_timeout_ms,
        .first_byte_ms = -1,
        .deadline_place = HEAP_NOWHERE,
        .incoming = {.limit = request->answer_limit},
        .done = done,
        .context = context,
    };
    if (transfer_launch(transfer, request, error) == -1) {
        transfer_free(transfer);
        return NULL;
    }
    if (request->body != NULL) {
        transfer->body = *request->body;
        *request->body = (struct buffer){0};
    }
    transfer_count(transfer);
    return transfer;
}

void transfer_abort(struct transfer *transfer)
{
    struct transfer_result result;
    transfer_result(transfer, CURLE_ABORTED_BY_CALLBACK, &result);
    result.end = TRANSFER_ABORTED;
    (void)snprintf(result.message, sizeof result.message, "broken off");
    transfer_finish(transfer, &result);
}

/* All of them. */

static void transfers_on_close(uv_handle_t *handle)
{
    free(handle->data);
}

struct transfers *transfers_open(uv_loop_t *loop, unsigned connections, const char *ca_file,
                                 struct error *error)
{
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK) {
        error_set(error, ERROR_SYSTEM, "libcurl cannot be set up: %s", curl_easy_strerror(code));
        return NULL;
    }
    struct transfers *transfers = xcalloc(1, sizeof *transfers);
    transfers->multi = multi_open(loop, transfers_drain, transfers, error);
    if (transfers->multi == NULL) {
        free(transfers);
        curl_global_cleanup();
        return NULL;
    }
    LIST_INIT(&transfers->in_flight);
    heap_init(&transfers->deadlines, deadline_less, deadline_place);
    (void)uv_timer_init(loop, &transfers->timer); /* always succeeds */
    transfers->timer.data = transfers;
    transfers->timer_ms = INT64_MAX;
    transfers->connections_fixed = connections > 0;
    transfers->connections = connections > 0 ? connections : CONNECTIONS_FIRST;
    transfers->ca_file = xstrdup(ca_file);
    (void)curl_multi_setopt(multi_handle(transfers->multi), CURLMOPT_MAXCONNECTS,
                            (long)transfers->connections); /* takes any number */
    return transfers;
}

struct transfers_counts transfers_counts(const struct transfers *transfers)
{
    return transfers->counts;
}

void transfers_close(struct transfers *transfers)
{
    if (transfers == NULL)
        return;
    assert(transfers->counts.in_flight == 0 && transfers->calling == 0);
    multi_close(transfers->multi);
    while (transfers->spare_count > 0)
        curl_easy_cleanup(transfers->spare[--transfers->spare_count]);
    heap_free(&transfers->deadlines);
    free(transfers->ca_file);
    curl_global_cleanup();
    uv_close((uv_handle_t *)&transfers->timer, transfers_on_close);
}
