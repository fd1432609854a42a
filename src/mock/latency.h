/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * latency: how long the mock thinks before it answers: always the same, or log-normally spread.
 *
 * Floor: mock. Plain data.
 */
#ifndef MOCK_LATENCY_H
#define MOCK_LATENCY_H

#include <stdint.h>

#include "base/error.h"
#include "base/random.h"

enum { LATENCY_TEXT_SIZE = 64 };

struct latency {
    int64_t median_ms;
    double sigma;                 /* of the logarithm; 0: fixed */
    char text[LATENCY_TEXT_SIZE]; /* as it was written */
};

/* Reads `200ms` or `lognormal:MEDIAN,SIGMA` (SIGMA from 0 to 5). Returns 0, or -1 with *error. */
int latency_read(const char *text, struct latency *latency, struct error *error);

/* One value in milliseconds, at most an hour. */
int64_t latency_sample(const struct latency *latency, struct random *random);

/* A number in [0, 1) with 53 random bits. */
double latency_uniform(struct random *random);

#endif
