/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * incoming: an answer as it comes in: headers with lower-case names, a body within its bound.
 *
 * Floor: upstream. Knows nothing of libcurl; a zeroed struct with a limit is empty.
 */
#ifndef UPSTREAM_INCOMING_H
#define UPSTREAM_INCOMING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "upstream/transfer.h"

enum { INCOMING_HEADER_LIMIT = 256 * 1024 }; /* bytes of all headers of one request */

struct incoming {
    size_t limit; /* bytes of body that are taken */
    struct transfer_header *headers;
    size_t header_count;
    size_t header_capacity;
    size_t header_bytes; /* of all lines so far, informational answers included */
    bool head_whole;     /* the empty line after the headers came */
    struct buffer body;
    bool too_large; /* a bound was hit; what is here is the part within it */
    bool stopped;   /* whoever was told of the bytes wants no more */
};

/* Takes a line of the header section as it came (RFC 9112, 2.1). A status line begins anew, so that
 * in the end the headers are those of the last answer, not of a 100 or 103 before it. Lines that
 * are no header are passed over. false: too many bytes. */
bool incoming_header(struct incoming *incoming, const char *line, size_t length);

/* Takes more of the body. false: the limit is passed. */
bool incoming_body(struct incoming *incoming, const char *bytes, size_t length);

/* The value of a header, or NULL; name in lower case. The last one wins. */
const char *incoming_find(const struct incoming *incoming, const char *name);

/* Frees what is held; the struct is empty and without a limit afterwards. */
void incoming_clear(struct incoming *incoming);

#endif
