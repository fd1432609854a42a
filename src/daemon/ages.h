/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ages: how long the jobs of a lane have waited, counted as they come and go: for status, which may not
 * look at a million of them each second.
 *
 * Floor: daemon. A count for each minute of the last 1,280, and one for all that is older. Plain data, all
 * zero at first; ages_free frees what it came to hold.
 */
#ifndef DAEMON_AGES_H
#define DAEMON_AGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/* Columns: below 5, 10, 20, 40, 80, 160, 320, 640, 1,280 minutes, and older, as those of qshape(1). */
enum { AGES_COLUMNS = 10, AGES_MINUTES = 1280 };

struct ages {
    uint32_t *minutes; /* ring: how many were submitted in a minute; NULL while there were none */
    int64_t newest;    /* the last minute that it reaches to, since 1970 */
    uint64_t older;
};

/* Counts a job submitted at a time (wall ms); one of the future as of now. Returns the minute to hand to
 * ages_remove. */
int64_t ages_add(struct ages *ages, int64_t submitted_ms, struct wall now);

/* Counts it no more. */
void ages_remove(struct ages *ages, int64_t minute);

/* Adds how many have waited how long, by columns. */
void ages_count(struct ages *ages, struct wall now, uint64_t columns[AGES_COLUMNS]);

void ages_free(struct ages *ages);

#endif
