/* SPDX-License-Identifier: GPL-2.0-or-later */
/* buffer: bytes that grow. */
#include "base/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum { CAPACITY_LEAST = 64 };

void buffer_reserve(struct buffer *buffer, size_t extra)
{
    assert(extra < SIZE_MAX / 2 - buffer->length);
    size_t needed = buffer->length + extra + 1;
    if (needed > buffer->capacity) {
        /* Half as much again keeps appending linear over all. */
        size_t grown = buffer->capacity + buffer->capacity / 2;
        size_t capacity = needed > grown ? needed : grown;
        capacity = capacity > CAPACITY_LEAST ? capacity : CAPACITY_LEAST;
        buffer->bytes = xrealloc(buffer->bytes, capacity);
        buffer->capacity = capacity;
    }
    buffer->bytes[buffer->length] = '\0';
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    buffer_reserve(buffer, length);
    if (length > 0) {
        memcpy(buffer->bytes + buffer->length, bytes, length);
        buffer->length += length;
        buffer->bytes[buffer->length] = '\0';
    }
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_byte(struct buffer *buffer, char byte)
{
    buffer_reserve(buffer, 1);
    buffer->bytes[buffer->length++] = byte;
    buffer->bytes[buffer->length] = '\0';
}

static size_t printed(int length)
{
    /* vsnprintf fails for a bad format or a text over 2 GiB: both are mistakes of the caller. */
    assert(length >= 0);
    return (size_t)length;
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    buffer_reserve(buffer, 0);
    size_t room = buffer->capacity - buffer->length;
    va_start(arguments, format);
    size_t length = printed(vsnprintf(buffer->bytes + buffer->length, room, format, arguments));
    va_end(arguments);
    if (length >= room) {
        buffer_reserve(buffer, length);
        va_start(arguments, format);
        printed(vsnprintf(buffer->bytes + buffer->length, length + 1, format, arguments));
        va_end(arguments);
    }
    buffer->length += length;
}

void buffer_drop(struct buffer *buffer, size_t length)
{
    assert(length <= buffer->length);
    if (length > 0) {
        buffer->length -= length;
        memmove(buffer->bytes, buffer->bytes + length, buffer->length + 1);
    }
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    if (buffer->bytes != NULL) {
        buffer->bytes[0] = '\0';
    }
}

char *buffer_take(struct buffer *buffer)
{
    char *text = buffer->bytes != NULL ? buffer->bytes : xstrdup("");
    *buffer = (struct buffer){0};
    return text;
}

void buffer_free(struct buffer *buffer)
{
    if (buffer != NULL) {
        free(buffer->bytes);
        *buffer = (struct buffer){0};
    }
}
