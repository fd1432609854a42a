/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * marker: requests for misbehaviour that a prompt carries in its own text:
 * [[mock:500]], [[mock:429,retry-after=2]], [[mock:reset,times=2]].
 *
 * Floor: mock. Knows the syntax only; who counts is the ledger.
 */
#ifndef MOCK_MARKER_H
#define MOCK_MARKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "mock/fault.h"

enum { MARKER_MAX = 16 };

#define MARKER_ALWAYS UINT64_MAX

struct marker {
    enum fault fault;   /* FAULT_NONE for the word ok */
    uint64_t times;     /* requests that it falls on, one after the other; or MARKER_ALWAYS */
    int64_t latency_ms; /* -1: as configured, here and below */
    int64_t retry_after_ms;
    int64_t every_ms;         /* between the pieces of a dripped or streamed answer */
    int64_t reset_ms;         /* told by the headers of limits as the time until they are full */
    int64_t by;               /* added to the true Content-Length; 0: a third is taken away */
    int64_t cached;           /* tokens of the prompt that usage calls cached; 0: none */
    bool dated;               /* retry-after is told as a date of HTTP */
    const char *should_retry; /* "true" or "false"; NULL: not told */
};

struct marker_list {
    struct marker markers[MARKER_MAX];
    size_t count;
};

/* No fault, for ever, all as configured. */
struct marker marker_plain(void);

/* Finds the markers in a NUL-terminated text, in their order. Returns 0, or -1 with *error when one
 * has an unknown word or value, or there are more than MARKER_MAX. */
int marker_read(const char *text, struct marker_list *list, struct error *error);

/* How many requests the markers before the first that is for ever, or all, will use up. */
uint64_t marker_turns(const struct marker_list *list);

/* The marker whose turn it is when turn others were used up, or NULL when all are. */
const struct marker *marker_at(const struct marker_list *list, uint64_t turn);

/* Takes all markers, and a blank after each, out of a text. */
void marker_strip(struct buffer *text);

#endif
