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

#include "base/timetext.h"
#include "base/xalloc.h"
#include "upstream/addresses.h"
#include "upstream/deadline.h"
#include "upstream/easy.h"
#include "upstream/ending.h"
#include "upstream/incoming.h"
#include "upstream/multi.h"

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
    bool begun;         /* libcurl went on to send the request: some of it may have left */
    int64_t started_ms; /* monotonic, as all but first_byte_ms */
    int64_t first_byte_timeout_ms;
    int64_t idle_timeout_ms;
    int64_t first_byte_ms; /* since started; -1: none yet */
    int64_t heard_ms;      /* when the latest byte came */
    struct deadline deadline;
    struct incoming incoming;
    transfer_data *on_data;
    void *data_context;
    char words[CURL_ERROR_SIZE]; /* libcurl's, about what went wrong */
    char *forbidden; /* an address that it may not go to, and why; NULL: it met none */
    transfer_done *done;
    void *context;
};

struct transfers {
    struct multi *multi;
    LIST_HEAD(, transfer) in_flight;
    struct deadlines *deadlines; /* of transfers that wait for a byte */
    CURL *spare[SPARE_MAX];
    size_t spare_count;
    unsigned connections;   /* that may stay open */
    bool connections_fixed; /* by the caller */
    unsigned calling;       /* done callbacks that are running */
    char *ca_file;
    const struct addresses *addresses;
    struct transfers_counts counts;
};

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

static bool transfer_forbid(struct transfer *transfer, const char *words)
{
    free(transfer->forbidden);
    transfer->forbidden = xstrdup(words);
    return true;
}

/* A socket for a connection to an address that the name led to. Refused ones make libcurl try the
 * next address. */
static curl_socket_t transfer_on_socket(void *context, curlsocktype purpose,
                                        struct curl_sockaddr *address)
{
    struct transfer *transfer = context;
    const struct addresses *addresses = transfer->transfers->addresses;
    char words[ADDRESSES_WORDS_SIZE];
    (void)purpose;
    if (addresses != NULL &&
        addresses_forbid(addresses, &address->addr, address->addrlen, words) &&
        transfer_forbid(transfer, words))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Whether a connection, perhaps one that was kept, leads where nothing may go (any more). */
static bool peer_forbidden(struct transfer *transfer, const char *peer)
{
    const struct addresses *addresses = transfer->transfers->addresses;
    char words[ADDRESSES_WORDS_SIZE];
    return addresses != NULL && addresses_forbid_text(addresses, peer, words) &&
           transfer_forbid(transfer, words);
}

/* libcurl has a connection and is about to send the request. After that it may go back and take
 * another connection only while nothing of the body was handed out: what is gone it cannot repeat,
 * and must not send the rest of it. */
static int transfer_on_begin(void *context, char *peer, char *own, int peer_port, int own_port)
{
    struct transfer *transfer = context;
    (void)own, (void)peer_port, (void)own_port;
    if (peer_forbidden(transfer, peer))
        return CURL_PREREQFUNC_ABORT;
    transfer->begun = true;
    return transfer->body_taken > 0 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static void transfer_heard(struct transfer *transfer)
{
    struct deadlines *deadlines = transfer->transfers->deadlines;
    transfer->heard_ms = deadline_now_ms();
    if (transfer->first_byte_ms >= 0)
        return; /* the deadline is moved when it comes, not with each byte */
    transfer->first_byte_ms = transfer->heard_ms - transfer->started_ms;
    if (transfer->idle_timeout_ms > 0)
        deadline_set(deadlines, &transfer->deadline,
                     transfer->heard_ms + transfer->idle_timeout_ms);
    else
        deadline_clear(deadlines, &transfer->deadline);
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
    struct incoming *incoming = &transfer->incoming;
    transfer_heard(transfer);
    if (!incoming_body(incoming, bytes, size * count))
        return 0;
    if (transfer->on_data != NULL) {
        const struct transfer_head head = {
            .status = (int)ending_long(transfer->easy, CURLINFO_RESPONSE_CODE),
            .headers = incoming->headers,
            .header_count = incoming->header_count,
        };
        incoming->stopped = !transfer->on_data(transfer->data_context, &head, bytes, size * count);
    }
    return incoming->stopped ? 0 : size * count;
}

/* Life of a transfer. */

static void transfer_result(struct transfer *transfer, CURLcode code,
                            struct transfer_result *result)
{
    bool timed_out = code == CURLE_OPERATION_TIMEDOUT;
    *result = (struct transfer_result){
        .end = ending_judge(transfer->easy, code, transfer->begun, &transfer->incoming),
        .timed_out = timed_out,
        .before_first_byte = timed_out && transfer->first_byte_ms < 0,
        .too_large = transfer->incoming.too_large,
        .stopped = transfer->incoming.stopped,
        .curl_code = (int)code,
        .status = (int)ending_long(transfer->easy, CURLINFO_RESPONSE_CODE),
        .headers = transfer->incoming.headers,
        .header_count = transfer->incoming.header_count,
        .body = transfer->incoming.body,
        .first_byte_ms = transfer->first_byte_ms,
        .total_ms = deadline_now_ms() - transfer->started_ms,
    };
    transfer->incoming.body = (struct buffer){0};
    result->forbidden = transfer->forbidden != NULL && result->end == TRANSFER_NOT_SENT;
    if (result->forbidden)
        (void)snprintf(result->message, sizeof result->message, "%s", transfer->forbidden);
    else if (code != CURLE_OK || result->end != TRANSFER_ANSWERED)
        ending_describe(code, transfer->words, &transfer->incoming, result->message,
                        sizeof result->message);
}

static void spare_put(struct transfers *transfers, CURL *easy)
{
    /* Reset now, so that no pointer of this request stays. */
    if (transfers->spare_count < SPARE_MAX && easy_reset(easy))
        transfers->spare[transfers->spare_count++] = easy;
    else
        curl_easy_cleanup(easy);
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
    free(transfer->forbidden);
    free(transfer);
}

/* Ends it: takes it out of libcurl, tells the caller, frees it. */
static void transfer_finish(struct transfer *transfer, struct transfer_result *result)
{
    struct transfers *transfers = transfer->transfers;
    transfers->counts.connections += (uint64_t)ending_long(transfer->easy, CURLINFO_NUM_CONNECTS);
    CURLMcode code = curl_multi_remove_handle(multi_handle(transfers->multi), transfer->easy);
    assert(code == CURLM_OK);
    deadline_clear(transfers->deadlines, &transfer->deadline);
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

/* Its deadline came: it is late, or it was heard since the deadline was set. */
static void transfer_overdue(void *owner)
{
    struct transfer *transfer = owner;
    bool heard = transfer->first_byte_ms >= 0;
    int64_t due_ms = transfer->heard_ms + transfer->idle_timeout_ms;
    if (heard && due_ms > deadline_now_ms()) {
        deadline_set(transfer->transfers->deadlines, &transfer->deadline, due_ms);
        return;
    }
    char limit[TIMETEXT_SIZE];
    timetext_write_duration(heard ? transfer->idle_timeout_ms : transfer->first_byte_timeout_ms,
                            limit);
    (void)snprintf(transfer->words, sizeof transfer->words,
                   heard ? "no further byte of the answer within %s"
                         : "no byte of an answer within %s",
                   limit);
    transfer_ended(transfer, CURLE_OPERATION_TIMEDOUT);
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
        curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, transfer_on_begin),
        curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer),
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
    if (transfer->transfers->addresses == NULL)
        return CURLE_OK;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, transfer_on_socket);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
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
    if (transfer->first_byte_timeout_ms > 0)
        deadline_set(transfers->deadlines, &transfer->deadline,
                     transfer->started_ms + transfer->first_byte_timeout_ms);
}

static int transfer_launch(struct transfer *transfer, const struct transfer_request *request,
                           struct error *error)
{
    struct transfers *transfers = transfer->transfers;
    /* A proxy's address would be judged, not the receiver's; and a stranger gets no key. */
    assert(transfers->addresses == NULL ||
           (request->proxy == NULL && request->secret_header == NULL));
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
        .started_ms = deadline_now_ms(),
        .first_byte_timeout_ms = request->first_byte_timeout_ms,
        .idle_timeout_ms = request->idle_timeout_ms,
        .first_byte_ms = -1,
        .deadline = DEADLINE_NONE(transfer),
        .incoming = {.limit = request->answer_limit},
        .on_data = request->on_data,
        .data_context = request->data_context,
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

struct transfers *transfers_open(uv_loop_t *loop, unsigned connections, const char *ca_file,
                                 const struct addresses *addresses, struct error *error)
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
    transfers->deadlines = deadlines_open(loop, transfer_overdue);
    transfers->connections_fixed = connections > 0;
    transfers->connections = connections > 0 ? connections : CONNECTIONS_FIRST;
    transfers->ca_file = xstrdup(ca_file);
    transfers->addresses = addresses;
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
    deadlines_close(transfers->deadlines);
    free(transfers->ca_file);
    free(transfers);
    curl_global_cleanup();
}
