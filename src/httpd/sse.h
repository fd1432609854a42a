/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sse: Server-Sent Events as text (WHATWG HTML, 9.2).
 *
 * Floor: httpd. Pure text.
 */
#ifndef HTTPD_SSE_H
#define HTTPD_SSE_H

#include <stddef.h>

#include "base/buffer.h"

#define SSE_TYPE "text/event-stream; charset=utf-8"

/* Appends an event. name and id (NULL: none) are one line without NUL. data may have any lines: CR
 * LF, CR and LF end one, and whoever reads it sees LF for each. */
void sse_event(struct buffer *out, const char *name, const char *id, const char *data,
               size_t length);

/* Appends a comment of one line, which keeps a connection alive and is no event. */
void sse_comment(struct buffer *out, const char *text);

/* Appends an id alone: no event, but what a client (the browser's, as the standard says) sends
 * back. */
void sse_id(struct buffer *out, const char *id);

/* Appends after how many milliseconds a client should come again. */
void sse_retry(struct buffer *out, unsigned ms);

#endif
