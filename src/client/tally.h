/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tally: counting what lies in the folders of a spool.
 *
 * Floor: client. Right whether a daemon runs or not.
 */
#ifndef CLIENT_TALLY_H
#define CLIENT_TALLY_H

#include <jansson.h>
#include <stddef.h>

#include "spool/spool.h"

/* What is where. */
struct tally {
    size_t dropped; /* in new/: jobs and lists that were not taken yet */
    size_t active;  /* jobs in cur/ */
    size_t running; /* of them, marked as running */
    size_t done;    /* jobs in done/ */
    size_t failed;  /* jobs in failed/ */
    size_t refused; /* files in failed/ that were refused at the door */
    size_t orders;  /* orders in ctl/ that were not obeyed yet */
    size_t holds;   /* jobs that ctl/hold.ID holds */
    bool pause;     /* ctl/pause is there */
    bool drain;     /* ctl/drain is there */
};

/* Counts by reading the folders. Returns 0, or -1 with an error. */
int tally_read(const struct spool *spool, struct tally *tally, struct error *error);

/* How many jobs of cur/ that are not running were submitted before a time (wall ms). */
size_t tally_before(const struct spool *spool, int64_t submitted_ms);

/* The newest failures, grouped by status and reason, the most frequent first: an array of {status,
 * reason, jobs, message, id or name, finished} of which the last four are of the newest. At most
 * limit error files are read. */
json_t *tally_failures(const struct spool *spool, size_t limit);

#endif
