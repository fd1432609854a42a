/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ending: what the end of a request means: whether anything left this machine, whether the answer
 * is whole, and in which words to say so.
 *
 * Floor: upstream. This is what promise 8 of the design hangs on: what may have been paid for must
 * never be taken for not sent.
 */
#ifndef UPSTREAM_ENDING_H
#define UPSTREAM_ENDING_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "upstream/incoming.h"
#include "upstream/transfer.h"

/* easy is a handle that ended with code and was not reset; begun says whether libcurl ever came to
 * sending the request (CURLOPT_PREREQFUNCTION): nothing of it can have left before. What libcurl
 * counts itself is no proof: uploaded bytes are set back when a connection breaks, and the head of
 * a CONNECT to a proxy counts as one of a request.
 * - TRANSFER_ANSWERED: all headers are there, and libcurl saw the end of the answer (length, last
 * chunk, end of stream, or for an answer without any of these the end of the connection, RFC
 * 9112, 6.3), or failed after a body as long as its content-length.
 * - TRANSFER_NOT_SENT: resolving, connecting, a proxy's tunnel or setting TLS up failed, or its
 * time was over.
 * - TRANSFER_UNKNOWN: everything else. */
enum transfer_end ending_judge(CURL *easy, CURLcode code, bool begun,
                               const struct incoming *incoming);

/* Why it failed, for a person, without control characters. words is libcurl's error buffer. */
void ending_describe(CURLcode code, const char *words, const struct incoming *incoming, char *out,
                     size_t size);

/* Numbers of a handle; 0 where libcurl has none. */
long ending_long(CURL *easy, CURLINFO info);
curl_off_t ending_number(CURL *easy, CURLINFO info);

#endif
