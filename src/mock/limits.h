/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * limits: requests and tokens a minute for each model, as two buckets that fill up steadily, and
 * the headers that tell of them.
 *
 * Floor: mock. Safe to use from several threads. The rates come with each call, so that they may
 * change at any time.
 */
#ifndef MOCK_LIMITS_H
#define MOCK_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "mock/settings.h"

struct limits;

enum limits_verdict {
    LIMITS_PASS,
    LIMITS_REQUESTS, /* the requests are used up */
    LIMITS_TOKENS,   /* the tokens are used up */
    LIMITS_NEVER,    /* one request asks for more tokens than the bucket can ever hold */
};

/* What is told of one bucket. */
struct limits_gauge {
    bool limited;
    int64_t limit; /* a minute */
    int64_t remaining;
    int64_t reset_ms; /* until it is full again */
};

struct limits_report {
    struct limits_gauge requests;
    struct limits_gauge tokens;
    int64_t wait_ms; /* until this request would pass */
};

struct limits *limits_new(const struct clock *clock);
void limits_free(struct limits *limits);

/* Takes one request and its tokens from model's buckets, both or none, and fills *report. */
enum limits_verdict limits_take(struct limits *limits, const struct settings *settings,
                                const char *model, int64_t tokens, struct limits_report *report);

enum { LIMITS_DURATION_SIZE = 32 };

/* Writes a duration as Go's time.Duration.String does: "6m0s", "7.66s", "12ms", "0s". */
void limits_write_duration(int64_t ms, char out[LIMITS_DURATION_SIZE]);

#endif
