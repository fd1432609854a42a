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

/* A server may reset a connection, or a stream of HTTP/2, right after a whole answer. A length
 * counts encoded bytes, so an encoded body cannot be judged by it. */
static bool answer_whole(CURL *easy, const struct incoming *incoming)
{
    return ending_long(easy, CURLINFO_RESPONSE_CODE) >= 200 && !incoming->too_large &&
           !incoming->stopped && incoming_find(incoming, "content-length") != NULL &&
           incoming_find(incoming, "content-encoding") == NULL &&
           ending_number(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T) ==
               (curl_off_t)incoming->body.length;
}

enum transfer_end ending_judge(CURL *easy, CURLcode code, bool begun,
                               const struct incoming *incoming)
{
    /* libcurl (7.88) takes a connection that ends after the status line for an answer. */
    if (incoming->head_whole && (code == CURLE_OK || answer_whole(easy, incoming)))
        return TRANSFER_ANSWERED;
    return begun ? TRANSFER_UNKNOWN : TRANSFER_NOT_SENT;
}

void ending_describe(CURLcode code, const char *words, const struct incoming *incoming, char *out,
                     size_t size)
{
    if (code == CURLE_OK)
        (void)snprintf(out, size, "the answer ended within its headers");
    else if (code == CURLE_SEND_FAIL_REWIND)
        (void)snprintf(out, size, "the connection was closed before an answer came");
    else if (incoming->too_large && incoming->header_bytes > INCOMING_HEADER_LIMIT)
        (void)snprintf(out, size, "the answer's headers are larger than %d bytes",
                       INCOMING_HEADER_LIMIT);
    else if (incoming->too_large)
        (void)snprintf(out, size, "the answer is larger than %zu bytes", incoming->limit);
    else if (incoming->stopped)
        (void)snprintf(out, size, "the answer was broken off while it came");
    else
        (void)snprintf(out, size, "%s", words[0] != '\0' ? words : curl_easy_strerror(code));
    /* libcurl may quote what a server said. */
    for (char *at = out; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    }
}
