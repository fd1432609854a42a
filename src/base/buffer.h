/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * buffer: bytes that grow. Always followed by a NUL that is not counted, so that text in it can
 * be given to C string functions.
 *
 * Floor: base. Plain data: read bytes and length freely, change them only through these calls.
 * A zeroed struct is an empty buffer; buffer_free makes it one again.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stddef.h>

struct buffer {
    char *bytes;     /* NULL while nothing was ever added */
    size_t length;   /* bytes in use */
    size_t capacity; /* bytes allocated */
};

/* Makes room for at least extra more bytes after length. */
void buffer_reserve(struct buffer *buffer, size_t extra);

void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_byte(struct buffer *buffer, char byte);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Removes the first length bytes. */
void buffer_drop(struct buffer *buffer, size_t length);

/* Forgets the content and keeps the memory. */
void buffer_clear(struct buffer *buffer);

/* The content as a NUL-terminated string that the caller frees; the buffer is empty afterwards. */
char *buffer_take(struct buffer *buffer);

/* Frees the memory; NULL is allowed. */
void buffer_free(struct buffer *buffer);

#endif
