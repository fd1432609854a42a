/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_write: the results of a batch: runs/NAME/output.jsonl and errors.jsonl in OpenAI's form, in the order of
 * its input.
 *
 * Floor: daemon. For a thread of the pool: knows the spool alone. Memory does not grow with the answers.
 */
#ifndef DAEMON_BATCH_WRITE_H
#define DAEMON_BATCH_WRITE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/error.h"
#include "retain/batch.h"
#include "spool/spool.h"

enum batch_end {
    BATCH_WRITTEN,
    BATCH_OPEN,     /* the job at *place has not ended after all */
    BATCH_UNSURE,   /* some job is nowhere, and may be on its way back to new/: look again later */
    BATCH_GIVEN_UP, /* told to stop */
    BATCH_GONE,     /* there is no such batch any more */
    BATCH_FAILED,   /* *error tells */
};

struct batch_order {
    const struct spool *spool;
    const struct clock *clock;
    const char *run;
    bool sure;               /* what is nowhere is gone */
    const atomic_bool *stop;
};

/* Writes both files and then the record, each durably in place of the one before. *batch receives the record
 * (BATCH_WRITTEN). */
enum batch_end batch_write_results(const struct batch_order *order, size_t *place,
                                   struct batch *batch, struct error *error);

#endif
