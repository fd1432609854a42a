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
#include "client/submission.h"
#include "spool/spool.h"

/* Of a model of which nothing is known. */
enum {
    ESTIMATE_USUAL = 300, /* tokens of an answer */
    ESTIMATE_MOST = 4096, /* tokens of the longest one */
    ESTIMATE_SHORT = 4,   /* short answers are this part of a usual one */
};

/* Prints the estimate, as a line of JSON or for a person. prices is a file of prices, or NULL for
 * those that the daemon tells and the shipped table for the rest. Returns 0, or -1 with an error:
 * prices that were asked for cannot be read, or state/money is damaged. */
int estimate_print(const struct spool *spool, const struct submission *submission,
                   const char *prices, bool json, const struct screen *screen, struct wall now,
                   struct error *error);

#endif
