/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blobs: attachments that nobody refers to any more, removed.
 *
 * Floor: retain. Who refers to an attachment says so: the daemon makes an empty file blobs/SHA256.ID
 * before it accepts the job ID that names it. A mark counts while its job is in cur/, done/ or failed/,
 * or archived: so blobs/ is all that is read, and no job but those of new/ and flows/, which have no
 * mark yet, and these only when something is to go. Needs 32 bytes for each attachment.
 */
#ifndef RETAIN_BLOBS_H
#define RETAIN_BLOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "retain/idset.h"
#include "spool/spool.h"

struct blobs_plan {
    struct wall now;
    int64_t young_ms;         /* what came, or came again, later than so long ago stays */
    const struct idset *jobs; /* sorted: only what these used goes, however young, and another program
                                 that removes attachments is waited for. NULL: all goes */
    bool dry_run;
};

struct blobs_counts {
    size_t count; /* attachments that went, or would go */
    uint64_t bytes;
};

/* Does it. It is safe beside the daemon, submissions and archiving; where another program does the same it
 * does nothing. What a kill leaves is undone by the next. Returns 0, or -1 with an error. */
int blobs_sweep(const struct spool *spool, const struct blobs_plan *plan,
                struct blobs_counts *counts, struct error *error);

#endif
