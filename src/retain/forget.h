/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forget: removing jobs for good: answers, archived copies, names, what manifests of runs say of them.
 *
 * Floor: retain. Tombstones are written first and units go last, so that what a kill leaves is found and
 * finished by the next forgetting, whatever it is for.
 */
#ifndef RETAIN_FORGET_H
#define RETAIN_FORGET_H

#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "retain/blobs.h"
#include "retain/idset.h"
#include "retain/rewrite.h"
#include "spool/spool.h"

struct forget_plan {
    const char *program;      /* as which the lock of archive/ is taken */
    const struct idset *jobs; /* sorted; none of them waits or runs */
    const struct clock *clock;
    /* A sentence on something that stays. */
    void (*complain)(void *context, const char *sentence);
    void *context;
};

/* What became of it. */
struct forget_counts {
    uint64_t jobs;     /* forgotten, those among them that a killed forgetting had left */
    uint64_t resumed;  /* these */
    uint64_t units;    /* of done/ and failed/ that went */
    uint64_t lines;    /* in manifests of runs */
    struct blobs_counts attachments; /* that only they used */
    uint64_t busy;     /* units that another hand had: they stay, which was told */
    struct rewrite_counts archive;
};

/* Does it, also to jobs of which nothing is left. Returns 0, or -1 with an error (ERROR_LATER: another
 * program works in archive/). */
int forget(const struct spool *spool, const struct forget_plan *plan,
           struct forget_counts *counts, struct error *error);

#endif
