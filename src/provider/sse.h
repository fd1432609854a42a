/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sse: Server-Sent Events (WHATWG HTML, 9.2.6) taken apart as their bytes arrive.
 *
 * Floor: provider. Knows no protocol. `id` and `retry` are for those who connect again, and are
 * ignored. Two things differ from the standard: a line with the field name `error`, as old
 * llama.cpp servers write it, is the data of an event named "error"; and an event that the end of
 * the body leaves open is told, marked as such.
 */
#ifndef PROVIDER_SSE_H
#define PROVIDER_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* One event. Borrowed; NUL-terminated, but data may hold NULs of its own. */
struct sse_event {
    const char *name; /* "message" where it has none */
    const char *data; /* its data lines, joined by line feeds; may be empty */
    size_t length;    /* of data */
    bool open;        /* the body ended before the blank line that closes it */
};

/* Takes an event. false: no more are wanted. */
typedef bool sse_take(void *context, const struct sse_event *event);

/* A parser. Made by sse_init, freed by sse_free. */
struct sse {
    sse_take *take;
    void *context;
    size_t limit;       /* bytes of one line and of the data of one event */
    struct buffer line; /* that has not ended yet */
    struct buffer name;
    struct buffer data; /* of the event so far, a line feed after each line */
    bool begun;         /* a byte came: no byte order mark may follow */
    bool after_cr;      /* the last byte ended a line: a line feed belongs to it */
    bool stopped;       /* take wants no more, or something was too large */
    bool too_large;
};

void sse_init(struct sse *sse, size_t limit, sse_take *take, void *context);

/* Takes more bytes. false when a line or an event is too large or take wanted no more; then and
 * ever after. */
bool sse_feed(struct sse *sse, const char *bytes, size_t length);

/* The body has ended: tells an event that was left open. */
bool sse_end(struct sse *sse);

void sse_free(struct sse *sse);

#endif
