/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tally: counting what lies in the folders of a spool.
 *
 * Floor: client. Right whether a daemon runs or not: what it says is used, not needed.
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
    bool cut;       /* a folder has more than was counted of it */
};

/* Counts by reading the folders: cur/ as the daemon's counts say where they are given (of
 * state/status.json, true while it runs), and then no more than TALLY_LIMIT entries of any other,
 * because whoever looks at a million jobs does not want to wait for them. NULL: all is read.
 * Returns 0, or -1 with an error. */
enum { TALLY_LIMIT = 100000 };
int tally_read(const struct spool *spool, const json_t *counts, struct tally *tally,
               struct error *error);

/* How many jobs of cur/ that are not running were submitted before a time (wall ms). */
size_t tally_before(const struct spool *spool, int64_t submitted_ms);

/* The newest failures, grouped by status and reason, the most frequent first: an array of {status,
 * reason, jobs, message, advice, id or name, finished} of which the last five are of the newest. At most
 * limit error files are read, of no more than TALLY_LIMIT entries of the folder. */
json_t *tally_failures(const struct spool *spool, size_t limit);

/* Counts one failure, by its error file, in an array of such groups; the first of its group stands for
 * it. */
void tally_group(json_t *groups, const json_t *record);

/* The groups with the most frequent first, a new reference; takes groups over. */
json_t *tally_sorted(json_t *groups);

#endif
