/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * easy: what every request of ours asks of libcurl: security, connections, time-outs, headers.
 *
 * Floor: upstream. The callbacks that carry data belong to the transfer.
 */
#ifndef UPSTREAM_EASY_H
#define UPSTREAM_EASY_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/error.h"
#include "upstream/transfer.h"

/* Whether url is one that requests may go to: absolute, http or https, without user or password.
 * *tls, unless NULL, tells which. Returns 0, or -1 with an error of kind ERROR_DATA that does not
 * repeat the URL, which may hold a password. */
int easy_check_url(const char *url, bool *tls, struct error *error);

/* Sets all options of a handle that is fresh or reset, but data callbacks and headers. ca_file is
 * for a request without one of its own; NULL: the system's. Returns 0, or -1 with an error. */
int easy_prepare(CURL *easy, const struct transfer_request *request, const char *ca_file,
                 struct error *error);

/* Forgets all that a handle was told. false: it cannot be used again, only cleaned up, as libcurl
 * (7.88) keeps the buffer of one whose connection others still used, and forgets how large that is.
 */
bool easy_reset(CURL *easy);

/* The request's headers as libcurl takes them, or NULL with an error that names a header which is
 * none, never its value. */
struct curl_slist *easy_headers(const struct transfer_request *request, struct error *error);

/* Wipes and frees them; NULL is allowed. */
void easy_headers_free(struct curl_slist *headers);

#endif
