/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * incoming: an answer as it comes in: headers with lower-case names, a body within its bound.
 */
#include "upstream/incoming.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

static void incoming_forget_headers(struct incoming *incoming)
{
    for (size_t i = 0; i < incoming->header_count; i++) {
        free(incoming->headers[i].name);
        free(incoming->headers[i].value);
    }
    incoming->header_count = 0;
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

bool incoming_header(struct incoming *incoming, const char *line, size_t length)
{
    incoming->header_bytes += length;
    if (incoming->header_bytes > INCOMING_HEADER_LIMIT) {
        incoming->too_large = true;
        return false;
    }
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        incoming_forget_headers(incoming);
        incoming->head_whole = false;
        return true;
    }
    if (length > 0 && (*line == '\r' || *line == '\n'))
        incoming->head_whole = true;
    const char *colon = memchr(line, ':', length);
    if (colon == NULL || colon == line || *line == ' ' || *line == '\t')
        return true; /* the empty line at the end, or a folded one (RFC 9112, 5.2) */

    if (incoming->header_count == incoming->header_capacity) {
        incoming->header_capacity =
            incoming->header_capacity == 0 ? 16 : incoming->header_capacity * 2;
        incoming->headers =
            xrealloc(incoming->headers, incoming->header_capacity * sizeof *incoming->headers);
    }
    size_t name_length = (size_t)(colon - line);
    incoming->headers[incoming->header_count++] = (struct transfer_header){
        .name = lower_copy(line, name_length),
        .value = trimmed_copy(colon + 1, length - name_length - 1),
    };
    return true;
}

bool incoming_body(struct incoming *incoming, const char *bytes, size_t length)
{
    size_t room = incoming->limit - incoming->body.length;
    incoming->too_large = length > room;
    if (length > 0)
        buffer_append(&incoming->body, bytes, length > room ? room : length);
    return !incoming->too_large;
}

const char *incoming_find(const struct incoming *incoming, const char *name)
{
    for (size_t i = incoming->header_count; i-- > 0;) {
        if (strcmp(incoming->headers[i].name, name) == 0)
            return incoming->headers[i].value;
    }
    return NULL;
}

void incoming_clear(struct incoming *incoming)
{
    incoming_forget_headers(incoming);
    free(incoming->headers);
    buffer_free(&incoming->body);
    *incoming = (struct incoming){0};
}
