/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * estimate: what the jobs of a submission would come to, in tokens and money, if they were
 * submitted now.
 *
 * Floor: client. Reads the spool only.
 */
#ifndef CLIENT_ESTIMATE_H
#define CLIENT_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "client/screen.h"
#include "job/job.h"
#include "spool/spool.h"

/* Of a model of which nothing is known. */
enum {
    ESTIMATE_USUAL = 300, /* tokens of an answer */
    ESTIMATE_MOST = 4096, /* tokens of the longest one */
    ESTIMATE_SHORT = 4,   /* short answers are this part of a usual one */
};

struct estimate;

/* Where a job stands before it is submitted. */
enum standing {
    STANDING_NEW,    /* it is asked, and costs */
    STANDING_DONE,   /* there is an answer that will do */
    STANDING_QUEUED, /* it is in the spool, and goes on */
    STANDING_AGAIN,  /* it was added before */
};

/* Begins. prices is a file of prices, or NULL for those that the daemon tells and the shipped table for the
 * rest. spool outlives it. NULL with an error: prices that were asked for cannot be read, or
 * state/money is damaged. */
struct estimate *estimate_new(const struct spool *spool, const char *prices, struct wall now,
                              struct error *error);

/* Adds a job. Memory is bounded, however many there are. */
enum standing estimate_add(struct estimate *estimate, const struct job *job);

/* What all will likely cost (nano units of the currency; models without a price cost nothing), the currency,
 * how many requests it takes, and how many jobs are answered. */
int64_t estimate_likely_nano(const struct estimate *estimate);
const char *estimate_currency(const struct estimate *estimate);
uint64_t estimate_requests(const struct estimate *estimate);
uint64_t estimate_done(const struct estimate *estimate);

/* Prints the estimate, as a line of JSON or for a person. */
void estimate_print(const struct estimate *estimate, bool json, const struct screen *screen);

/* Frees it; NULL is allowed. */
void estimate_free(struct estimate *estimate);

#endif
