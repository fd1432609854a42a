/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reply: filling in. */
#include "mock/reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/jsontext.h"

void reply_header(struct reply *reply, const char *name, const char *format, ...)
{
    va_list arguments;

    assert(reply->header_count < REPLY_HEADERS);
    reply->headers[reply->header_count].name = name;
    va_start(arguments, format);
    (void)vsnprintf(reply->headers[reply->header_count].value, REPLY_VALUE_SIZE, format, arguments);
    va_end(arguments);
    reply->header_count++;
}

void reply_begin(struct reply *reply, unsigned status, const char *media)
{
    reply->status = status;
    reply->media = media;
    buffer_clear(&reply->body);
}

static void write_or_null(struct buffer *out, const char *name, const char *value)
{
    buffer_printf(out, ",\"%s\":", name);
    if (value != NULL) {
        jsontext_write_string(out, value, strlen(value));
    } else {
        buffer_text(out, "null");
    }
}

void reply_error(struct reply *reply, unsigned status, const char *type, const char *param,
                 const char *code, const char *message)
{
    reply_begin(reply, status, "application/json");
    buffer_text(&reply->body, "{\"error\":{\"message\":");
    jsontext_write_string(&reply->body, message, strlen(message));
    write_or_null(&reply->body, "type", type);
    write_or_null(&reply->body, "param", param);
    write_or_null(&reply->body, "code", code);
    buffer_text(&reply->body, "}}\n");
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
}
