/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reply: filling in. */
#include "mock/reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void reply_header(struct reply *reply, const char *name, const char *format, ...)
{
    va_list arguments;
    size_t at = 0;

    while (at < reply->header_count && strcmp(reply->headers[at].name, name) != 0) {
        at++;
    }
    assert(at < REPLY_HEADERS);
    if (reply->headers == NULL) {
        reply->headers = xcalloc(REPLY_HEADERS, sizeof *reply->headers);
    }
    reply->headers[at].name = name;
    va_start(arguments, format);
    (void)vsnprintf(reply->headers[at].value, REPLY_VALUE_SIZE, format, arguments);
    va_end(arguments);
    reply->header_count += at == reply->header_count;
}

void reply_begin(struct reply *reply, unsigned status, const char *media)
{
    reply->status = status;
    reply->media = media;
    buffer_clear(&reply->body);
}

const struct dialect *reply_dialect(const struct reply *reply)
{
    return reply->dialect != NULL ? reply->dialect : &dialect_openai;
}

void reply_error(struct reply *reply, unsigned status, const char *type, const char *param,
                 const char *code, const char *message)
{
    const struct dialect_error error = {
        .status = status,
        .type = type,
        .param = param,
        .code = code,
        .message = message,
        .request_id = reply->request_id,
    };

    reply_begin(reply, status, "application/json");
    reply_dialect(reply)->write_error(&reply->body, &error);
}

void reply_refuse(struct reply *reply, unsigned status, const char *param, const char *code,
                  const char *format, ...)
{
    char message[600];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    reply_error(reply, status, "invalid_request_error", param, code, message);
}

void reply_free(struct reply *reply)
{
    buffer_free(&reply->body);
    buffer_free(&reply->location);
    free(reply->headers);
}
