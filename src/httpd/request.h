/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request: one HTTP request, from its head to the end of its answer.
 *
 * Floor: httpd. It belongs to the server, which frees it when the answer was sent or the client is
 * gone. A handler ends in exactly one of: an answer (request_reply, request_json, request_problem),
 * a stream (request_stream), or waiting (request_wait), which is ended later by an answer or
 * stream.
 */
#ifndef HTTPD_REQUEST_H
#define HTTPD_REQUEST_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "httpd/route.h"
#include "httpd/token.h"

struct front;

/* Who asks, and what he may. */
struct caller {
    const char *user; /* whose jobs he drops, or NULL: whatever the jobs say; the tokens' */
    unsigned scopes;  /* of enum scope, or'ed */
};

/* Called once when a request that waits ends before it was answered: the client or the server is
 * gone. The request must not be used afterwards. */
typedef void request_gone(void *state);

/* Called once when the server was told to stop while a request waits: it should be answered soon,
 * with what there is, for example by this call itself. */
typedef void request_drain(void *state);

/* Where the bytes of a stream come from. */
struct stream_calls {
    /* Writes at most room bytes. Returns how many; 0: none now (the connection sleeps until
     * request_wake); -1: the stream has ended. */
    ssize_t (*read)(void *state, char *bytes, size_t room);
    /* The stream is over, whoever ended it; called once. */
    void (*close)(void *state);
};

struct request_header {
    char *name;
    char *value;
};

/* Plain data for handlers: read it; change it only through the calls below. */
struct request {
    struct front *front;
    const char *method; /* the library's, as path */
    const char *path;   /* percent-decoded, without the query */
    const struct route *route;
    char *
        params[ROUTE_PARAMS]; /* what stands in the places of the route's pattern, in their order */
    struct buffer body;
    struct caller caller;
    char token_id[TOKEN_ID_SIZE]; /* of the token that allows it, or "" */
    bool by_cookie;               /* … for which a session's cookie stands */
    uint64_t session;             /* … that has this number */

    /* The server's. */
    LIST_ENTRY(request) entry;
    struct MHD_Connection *connection;
    struct MHD_Response *response;
    unsigned status;
    uint64_t began_ns; /* of uv_hrtime */
    struct request_header *headers; /* of the answer */
    size_t header_count;
    struct stream_calls calls;
    void *state; /* of the stream, or of whoever waits */
    request_gone *gone;
    request_drain *drain;
    struct mono began;
    char *own_user;     /* caller.user */
    const char *target; /* as it was sent, until it is decoded in its place */
    size_t target_length;
    const char *target_problem; /* or NULL */
    size_t held;                /* bytes of the body that count in front->bodies */
    size_t discarded;           /* bytes of a body that nobody wants */
    bool judged;                /* its head was seen */
    bool cors;                  /* its Origin is one of cors_origins */
    bool closing;               /* the connection ends with the answer */
    bool streams;               /* the answer is a stream */
    bool whole;                 /* the body was read to its end */
    bool oversized;             /* … and was too long */
    bool crowded;               /* … or there was no room for it beside those of others */
    bool sleeps;                /* the connection is suspended */
    bool queued;                /* the answer was handed over */
};

/* A parameter of the query by its name, decoded, or NULL when it is absent; "" when it has no
 * value. */
const char *request_query(const struct request *request, const char *name);

/* A header of the request, or NULL. */
const char *request_header(const struct request *request, const char *name);

/* Adds a header to the answer; before the answer. */
void request_add_header(struct request *request, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Answers with bytes of a media type (NULL: an answer without a body). The bytes are taken over. */
void request_reply(struct request *request, unsigned status, const char *type,
                   struct buffer *bytes);

/* Answers with bytes that live as long as the program. */
void request_static(struct request *request, unsigned status, const char *type, const char *bytes,
                    size_t length);

/* Answers with a JSON value; the reference is taken over. */
void request_json(struct request *request, unsigned status, json_t *value);

/* Answers with problem details (RFC 9457, application/problem+json): kind is the last word of its
 * type, a URN (urn:llmspool:problem:KIND); the sentence says what a person can do. */
void request_problem(struct request *request, unsigned status, const char *kind, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));

/* As request_problem, with further members (a reference that is taken over). */
void request_problem_with(struct request *request, unsigned status, const char *kind,
                          json_t *members, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The handler returns without an answer; one of the calls above is made later, on the loop. gone
 * may be NULL. One that waits already waits for something else from now on, and its
 * request_on_drain is over. */
void request_wait(struct request *request, request_gone *gone, void *state);

/* Has a waiting request told that the server is to stop; after request_wait. Without this it is
 * waited for some seconds. */
void request_on_drain(struct request *request, request_drain *drain);

/* How long a body may be: what the route says, or the configuration if that is less. */
size_t request_body_limit(const struct request *request);

/* Whether so many bytes more of a body can be held now. */
bool request_room(const struct request *request, size_t length);

/* Answers that there is no room, and when to come again. */
void request_no_room(struct request *request);

/* Answers with a stream of unknown length: block is how many bytes read is offered at least. */
void request_stream(struct request *request, unsigned status, const char *type, size_t block,
                    const struct stream_calls *calls, void *state);

/* A stream that had nothing has something now. */
void request_wake(struct request *request);

/* --- the server's --- */

struct request *request_new(struct front *front, struct MHD_Connection *connection);

/* The server is to stop: streams end, and who waits is told. */
void request_end_soon(struct request *request);

/* Hands the answer to the library. */
enum MHD_Result request_send(struct request *request);

/* Frees it; tells whoever waits for it that it is gone. */
void request_free(struct request *request);

#endif
