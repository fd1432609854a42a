/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_find: what became of a job: its record, wherever it lies.
 *
 * Floor: daemon. For a thread of the pool: knows the spool alone.
 */
#ifndef DAEMON_BATCH_FIND_H
#define DAEMON_BATCH_FIND_H

#include <jansson.h>

#include "base/error.h"
#include "spool/spool.h"

enum batch_found {
    BATCH_FOUND_NONE, /* nowhere, in the archive neither */
    BATCH_FOUND_OPEN, /* in cur/ */
    BATCH_FOUND_DONE,
    BATCH_FOUND_FAILED,
    BATCH_FOUND_ERROR, /* *error tells */
};

struct batch_finder;

struct batch_finder *batch_finder_new(const struct spool *spool);

/* The newest good output, or the error file, as a new reference. */
enum batch_found batch_find(struct batch_finder *finder, const struct id *id, json_t **record,
                            struct error *error);

/* The job's own file, of the one that was found last; a new reference, or NULL. */
json_t *batch_find_job(struct batch_finder *finder, const struct id *id);

void batch_finder_free(struct batch_finder *finder);

#endif
