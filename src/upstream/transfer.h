/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * transfer: HTTP requests in flight: libcurl's multi_socket interface on a libuv loop.
 *
 * Floor: upstream. Knows no job. Nothing is ever sent twice: bodies go out by a read callback
 * without a seek callback, so libcurl cannot repeat a POST on a fresh connection when a kept-alive
 * one dies (it reports CURLE_SEND_FAIL_REWIND instead of paying again). No redirects, no proxies
 * from the environment, only http and https, TLS verified. A key goes to the origin of its URL and
 * nowhere else: a proxy that tunnels does not see it.
 */
#ifndef UPSTREAM_TRANSFER_H
#define UPSTREAM_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buffer.h"
#include "base/error.h"

struct addresses;
struct transfers;
struct transfer;

struct transfer_header {
    char *name; /* in lower case */
    char *value;
};

/* What an answer began with. */
struct transfer_head {
    int status; /* HTTP status */
    const struct transfer_header *headers;
    size_t header_count;
};

/* Called with each piece of an answer's body as it comes, decoded, on top of its being kept; of an
 * answer with an error status, too. Everything is borrowed. It runs inside libcurl: no request may
 * be started or aborted from here. false breaks the request off. */
typedef bool transfer_data(void *context, const struct transfer_head *head, const char *bytes,
                           size_t length);

/* What is sent. Everything is borrowed for the call of transfer_start only, but the bytes of body,
 * which are taken over when it succeeds (the struct is an empty buffer then). Time-outs of 0: none.
 * Requests that differ in proxy (by kind, host and port), ca_file or client_cert share no
 * connection. */
struct transfer_request {
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated */
    const char *secret_header;  /* the one with the key, or NULL: never logged, wiped after use */
    struct buffer *body;        /* NULL: a GET */
    int64_t connect_timeout_ms;
    int64_t first_byte_timeout_ms; /* from the request's start to the first byte of the answer */
    int64_t idle_timeout_ms;       /* from any byte of the answer to the next */
    int64_t total_timeout_ms;
    size_t answer_limit; /* bytes of the answer's body */
    bool identity;       /* ask for no compression, which would delay what on_data is told */
    const char *proxy;   /* URL, which may hold a password; NULL: none, whatever the
                            environment says */
    const char *ca_file; /* trusted in place of the one of transfers_open, or NULL */
    /* PEM files to prove who we are with, or NULL; a key beside its certificate needs no name. */
    const char *client_cert;
    const char *client_key;
    transfer_data *on_data; /* or NULL */
    void *data_context;
};

/* How far a request got that has no whole answer. */
enum transfer_end {
    TRANSFER_ANSWERED, /* a whole answer is there, as far as HTTP can tell: one that has neither
                          length nor chunks ends with its connection */
    TRANSFER_NOT_SENT, /* no byte of the request left this machine: of setting the connection up
                          at most */
    TRANSFER_UNKNOWN,  /* something was sent; whether it was worked on, nobody knows */
    TRANSFER_ABORTED,  /* by transfer_abort */
};

/* What came back. Borrowed by the callback; it may take body over with buffer_take. */
struct transfer_result {
    enum transfer_end end;
    bool timed_out;         /* one of the time-outs ended it */
    bool before_first_byte; /* … and nothing of the answer had come */
    bool too_large;         /* the answer passed answer_limit */
    bool stopped;           /* on_data broke it off; the end is TRANSFER_UNKNOWN */
    bool forbidden;         /* it met an address where it may not go and no other that answered;
                               message says which, and what would allow it. TRANSFER_NOT_SENT */
    int curl_code;          /* CURLcode, for the record */
    char message[400];      /* libcurl's words, or ours; never holds the key */
    int status;             /* HTTP status, 0: none */
    const struct transfer_header *headers;
    size_t header_count;
    struct buffer body;
    int64_t first_byte_ms; /* since the start; -1: none came */
    int64_t total_ms;
};

/* Called on the loop when a request ended, from no libcurl callback: new requests may be started
 * and others aborted, but the whole not be closed. */
typedef void transfer_done(void *context, struct transfer_result *result);

struct transfers_counts {
    uint64_t started;
    uint64_t connections; /* made; the others were reused */
    uint64_t in_flight;
};

/* Makes ready; the program ignores SIGPIPE. While nothing is in flight it neither holds nor wakes
 * the loop. connections is how many to keep open at most (0: four a host is not enough, so as many
 * as are ever in flight, up to 4,096). ca_file: the certificates to trust where a request names no
 * others, NULL for the system's. addresses: where requests may go, borrowed; NULL: anywhere. With
 * them, no request may name a proxy or a secret header. NULL with an error when libcurl cannot be set up. */
struct transfers *transfers_open(uv_loop_t *loop, unsigned connections, const char *ca_file,
                                 const struct addresses *addresses, struct error *error);

/* Starts a request. Returns a handle that is valid until done was called, or NULL with an error for
 * a URL or header that libcurl refuses; done is then never called. */
struct transfer *transfer_start(struct transfers *transfers, const struct transfer_request *request,
                                transfer_done *done, void *context, struct error *error);

/* Breaks a request off: done is called with TRANSFER_ABORTED (status and counts of what was sent
 * are not known) before this returns. */
void transfer_abort(struct transfer *transfer);

struct transfers_counts transfers_counts(const struct transfers *transfers);

/* Frees everything; nothing may be in flight. The loop must run once more afterwards so that its
 * handles close. NULL is allowed. */
void transfers_close(struct transfers *transfers);

#endif
