/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reply: an answer as it comes in: headers with lower-case names, a body within its bound.
 */
#include "upstream/reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

static void reply_forget_headers(struct reply *reply)
{
    for (size_t i = 0; i < reply->header_count; i++) {
        free(reply->headers[i].name);
        free(reply->headers[i].value);
    }
    reply->header_count = 0;
}

static char *lower_copy(const char *text, size_t length)
{
    char *copy = xstrndup(text, length);
    for (char *at = copy; *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    }
    return copy;
}

static char *trimmed_copy(const char *text, size_t length)
{
    while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
        length--;
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    return xstrndup(text, length);
}

bool reply_header(struct reply *reply, const char *line, size_t length)
{
    reply->header_bytes += length;
    if (reply->header_bytes > REPLY_HEADER_LIMIT) {
        reply->too_large = true;
        return false;
    }
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        reply_forget_headers(reply);
        return true;
    }
    const char *colon = memchr(line, ':', length);
    if (colon == NULL || colon == line || *line == ' ' || *line == '\t')
        return true; /* the empty line at the end, or a folded one (RFC 9112, 5.2) */

    if (reply->header_count == reply->header_capacity) {
        reply->header_capacity = reply->header_capacity == 0 ? 16 : reply->header_capacity * 2;
        reply->headers = xrealloc(reply->headers, reply->header_capacity * sizeof *reply->headers);
    }
    size_t name_length = (size_t)(colon - line);
    reply->headers[reply->header_count++] = (struct transfer_header){
        .name = lower_copy(line, name_length),
        .value = trimmed_copy(colon + 1, length - name_length - 1),
    };
    return true;
}

bool reply_body(struct reply *reply, const char *bytes, size_t length)
{
    size_t room = reply->limit - reply->body.length;
    reply->too_large = length > room;
    if (length > 0)
        buffer_append(&reply->body, bytes, length > room ? room : length);
    return !reply->too_large;
}

const char *reply_find(const struct reply *reply, const char *name)
{
    for (size_t i = reply->header_count; i-- > 0;) {
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    }
    return NULL;
}

void reply_clear(struct reply *reply)
{
    reply_forget_headers(reply);
    free(reply->headers);
    buffer_free(&reply->body);
    *reply = (struct reply){0};
}
