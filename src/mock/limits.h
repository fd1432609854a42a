/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * limits: requests and tokens in a time for each model, as buckets that fill up steadily.
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

enum limits_bucket {
    LIMITS_REQUESTS,
    LIMITS_TOKENS,
    LIMITS_INPUT,  /* tokens of prompts */
    LIMITS_OUTPUT, /* tokens that answers may have */
    LIMITS_DAY,    /* requests a day */
    LIMITS_BUCKETS
};

enum limits_verdict {
    LIMITS_PASS,
    LIMITS_WAIT,  /* a bucket is used up */
    LIMITS_NEVER, /* the request asks for more than a bucket can ever hold */
};

/* What is told of one bucket. */
struct limits_gauge {
    bool limited;
    int64_t limit; /* a minute, or a day */
    int64_t remaining;
    int64_t reset_ms; /* until it is full again */
};

struct limits_report {
    struct limits_gauge gauges[LIMITS_BUCKETS];
    enum limits_bucket scarce; /* which bucket the verdict is about */
    int64_t need;              /* what the request asks of it */
    int64_t wait_ms;           /* until this request would pass */
};

struct limits *limits_new(const struct clock *clock);
void limits_free(struct limits *limits);

/* Takes one request and its tokens from model's buckets, all or none, and fills *report. */
enum limits_verdict limits_take(struct limits *limits, const struct settings *settings,
                                const char *model, int64_t input, int64_t output,
                                struct limits_report *report);

/* Fills *report with what is told of model's buckets, and takes nothing. */
void limits_tell(struct limits *limits, const struct settings *settings, const char *model,
                 struct limits_report *report);

enum { LIMITS_DURATION_SIZE = 32 };

/* Writes a duration as Go's time.Duration.String does: "6m0s", "7.66s", "12ms", "0s". */
void limits_write_duration(int64_t ms, char out[LIMITS_DURATION_SIZE]);

#endif
