/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reply: one HTTP answer before it is sent: status, headers, body, and how it is to be spoiled.
 *
 * Floor: mock. Plain data; a zeroed struct is an empty reply.
 */
#ifndef MOCK_REPLY_H
#define MOCK_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "mock/dialect.h"
#include "mock/fault.h"

enum { REPLY_HEADERS = 20, REPLY_VALUE_SIZE = 48, REPLY_ID_SIZE = 48 };

struct reply_header {
    const char *name; /* a constant */
    char value[REPLY_VALUE_SIZE];
};

struct reply {
    const struct dialect *dialect; /* of errors; NULL: OpenAI's */
    char request_id[REPLY_ID_SIZE];
    unsigned status;
    const char *media; /* Content-Type; a constant */
    struct buffer body;
    struct buffer location;       /* the header of that name; empty: none */
    bool streamed;                /* body is server-sent events: sent chunked */
    bool refused;                 /* sent at once: the request never came to the model */
    bool good;                    /* counts as answered when its last byte was handed over */
    struct reply_header *headers; /* room for REPLY_HEADERS; NULL while there are none */
    size_t header_count;
    enum delivery delivery;
    int64_t every_ms; /* between pieces of a stream or a dripped answer */
    int64_t by;       /* DELIVERY_LENGTH: added to the true length; 0: a third is taken away */
};

/* Adds a header, in place of one of that name; name is a constant, a value too long is cut. */
void reply_header(struct reply *reply, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes reply an answer of that status and media type with an empty body. */
void reply_begin(struct reply *reply, unsigned status, const char *media);

/* Makes reply an error in the form of its dialect, of type invalid_request_error. param and code
 * are OpenAI's and may be NULL. */
void reply_refuse(struct reply *reply, unsigned status, const char *param, const char *code,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The same with a type of the caller's and a finished message. */
void reply_error(struct reply *reply, unsigned status, const char *type, const char *param,
                 const char *code, const char *message);

/* The dialect of the reply. */
const struct dialect *reply_dialect(const struct reply *reply);

void reply_free(struct reply *reply);

#endif
