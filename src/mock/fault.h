/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault: the ways in which the mock misbehaves, as one table: its names, what goes out on the
 * wire, and how a request comes to one by a configured rate.
 *
 * Floor: mock. Plain data; the table is constant.
 */
#ifndef MOCK_FAULT_H
#define MOCK_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the bytes of a reply reach the client. */
enum delivery {
    DELIVERY_WHOLE,   /* as they should */
    DELIVERY_HALF,    /* half of them, then the connection is closed */
    DELIVERY_DRIP,    /* one byte at a time */
    DELIVERY_ENDLESS, /* followed by filler without end */
    DELIVERY_LENGTH,  /* whole, under a Content-Length that is wrong */
    DELIVERY_RESET,   /* not at all: the connection is reset */
    DELIVERY_CLOSE,   /* not at all: the connection is closed */
    DELIVERY_HANG,    /* not at all: the connection stays open */
};

enum fault {
    FAULT_NONE,
    FAULT_400,
    FAULT_401,
    FAULT_402,
    FAULT_403,
    FAULT_404,
    FAULT_408,
    FAULT_409,
    FAULT_413,
    FAULT_422,
    FAULT_429,
    FAULT_429_BARE,
    FAULT_429_DATE,
    FAULT_429_RESET,
    FAULT_QUOTA,
    FAULT_SPEND_LIMIT,
    FAULT_TOO_LARGE,
    FAULT_PROMPT_FILTER,
    FAULT_500,
    FAULT_502,
    FAULT_503,
    FAULT_529,
    FAULT_OVERLOADED,
    FAULT_LOADING,
    FAULT_ARRAY_ERROR,
    FAULT_FLAT_ERROR,
    FAULT_INT_CODE,
    FAULT_REDIRECT,
    FAULT_HANG,
    FAULT_RESET,
    FAULT_CLOSE,
    FAULT_HALF,
    FAULT_GARBAGE,
    FAULT_HTML,
    FAULT_DRIP,
    FAULT_LENGTH,
    FAULT_EMPTY,
    FAULT_ERROR200,
    FAULT_BIG,
    FAULT_CUT_STREAM,
    FAULT_ERROR_EVENT,
    FAULT_EMPTY_STREAM,
    FAULT_SLOW_START,
    FAULT_KEEPALIVE_CLOSE,
    FAULT_CONTENT_FILTER,
    FAULT_REFUSAL,
    FAULT_TRUNCATED,
    FAULT_NO_USAGE,
    FAULT_NO_FINISH,
    FAULT_TOOL_GARBAGE,
    FAULT_NOT_JSON,
    FAULT_WRONG_SCHEMA,
    FAULT_INJECTED, /* those above can be asked for; those below are told by the ledger only */
    FAULT_BAD_REQUEST = FAULT_INJECTED,
    FAULT_BAD_KEY,
    FAULT_NO_MODEL,
    FAULT_RATE_LIMIT,
    FAULT_TOO_BUSY,
    FAULT_CLOSED, /* what keepalive-close does to the request after it */
    FAULT_COUNT
};

/* An error as one provider words it. */
struct fault_error {
    unsigned status;  /* 0: this provider has no wording of its own */
    const char *type; /* error.type */
    const char *code; /* error.code; NULL: null */
    const char *text; /* error.message */
};

struct fault_kind {
    const char *name;
    unsigned status;   /* of the error answer; 0: the good answer is made and then spoiled */
    const char *type;  /* error.type */
    const char *code;  /* error.code; NULL: null */
    const char *text;  /* error.message, or the body itself when media is set */
    const char *media; /* Content-Type of a fixed body */
    enum delivery delivery;
    bool passing; /* part of the group `transient`: trying again gets over it */
    bool at_once; /* sent without the configured latency, as a refusal is */
    bool good;    /* the answer is a good one all the same */
    struct fault_error anthropic;
};

/* The table's row for a fault. */
const struct fault_kind *fault_kind(enum fault fault);

/* The fault of that name (length bytes) that can be asked for, or FAULT_NONE. '_' counts as '-'. */
enum fault fault_read(const char *name, size_t length);

/* The fault that falls on a request: number is uniform in [0, 1), rates has FAULT_COUNT
 * probabilities whose sum is at most 1. */
enum fault fault_pick(const double *rates, double number);

#endif
