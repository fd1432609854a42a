/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ending: what the end of a request means: whether anything left this machine, whether the answer
 * is whole, and in which words to say so.
 */
#include "upstream/ending.h"

#include <stdbool.h>
#include <stdio.h>

long ending_long(CURL *easy, CURLINFO info)
{
    long value = 0;
    return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}

curl_off_t ending_number(CURL *easy, CURLINFO info)
{
    curl_off_t value = 0;
    return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}

/* Errors from before a request begins: resolving, connecting, setting TLS up. */
static bool before_request(CURLcode code)
{
    static const CURLcode codes[] = {
        CURLE_UNSUPPORTED_PROTOCOL,     CURLE_URL_MALFORMAT,
        CURLE_COULDNT_RESOLVE_PROXY,    CURLE_COULDNT_RESOLVE_HOST,
        CURLE_COULDNT_CONNECT,          CURLE_SSL_CONNECT_ERROR,
        CURLE_SSL_ENGINE_NOTFOUND,      CURLE_SSL_ENGINE_SETFAILED,
        CURLE_SSL_CERTPROBLEM,          CURLE_SSL_CIPHER,
        CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ENGINE_INITFAILED,
        CURLE_SSL_CACERT_BADFILE,       CURLE_SSL_CRL_BADFILE,
        CURLE_SSL_ISSUER_ERROR,         CURLE_SSL_PINNEDPUBKEYNOTMATCH,
        CURLE_SSL_INVALIDCERTSTATUS,
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i] == code)
            return true;
    }
    return false;
}

/* libcurl's count of uploaded bytes is no proof: it is set back when a connection breaks. What it
 * asked us for, and the size of the head that it sent, are not. */
static bool nothing_left(CURL *easy, CURLcode code, size_t body_taken)
{
    if (body_taken > 0 || ending_long(easy, CURLINFO_REQUEST_SIZE) > 0)
        return false;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return ending_number(easy, CURLINFO_PRETRANSFER_TIME_T) == 0;
    return before_request(code);
}

/* A server may reset a connection, or a stream of HTTP/2, right after a whole answer. A length
 * counts encoded bytes, so an encoded body cannot be judged by it. */
static bool answer_whole(CURL *easy, const struct incoming *incoming)
{
    return ending_long(easy, CURLINFO_RESPONSE_CODE) >= 200 && !incoming->too_large &&
           incoming_find(incoming, "content-length") != NULL &&
           incoming_find(incoming, "content-encoding") == NULL &&
           ending_number(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T) ==
               (curl_off_t)incoming->body.length;
}

enum transfer_end ending_judge(CURL *easy, CURLcode code, size_t body_taken,
                               const struct incoming *incoming)
{
    if (code == CURLE_OK || answer_whole(easy, incoming))
        return TRANSFER_ANSWERED;
    return nothing_left(easy, code, body_taken) ? TRANSFER_NOT_SENT : TRANSFER_UNKNOWN;
}

void ending_describe(CURLcode code, const char *words, const struct incoming *incoming, char *out,
                     size_t size)
{
    if (code == CURLE_SEND_FAIL_REWIND)
        (void)snprintf(out, size, "the connection was closed before an answer came");
    else if (incoming->too_large && incoming->header_bytes > INCOMING_HEADER_LIMIT)
        (void)snprintf(out, size, "the answer's headers are larger than %d bytes",
                       INCOMING_HEADER_LIMIT);
    else if (incoming->too_large)
        (void)snprintf(out, size, "the answer is larger than %zu bytes", incoming->limit);
    else
        (void)snprintf(out, size, "%s", words[0] != '\0' ? words : curl_easy_strerror(code));
    /* libcurl may quote what a server said. */
    for (char *at = out; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    }
}
