/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rewrite: volumes without some of their jobs, put in the place of those that have them.
 *
 * Floor: retain. For who holds the lock of archive/. New volumes are written, verified and published beside
 * the old ones; then one new archive/ids turns to them; then the old ones are removed. What a kill
 * leaves is found by retain/remains.h.
 */
#ifndef RETAIN_REWRITE_H
#define RETAIN_REWRITE_H

#include <stdint.h>

#include "base/error.h"
#include "retain/ids.h"
#include "retain/idset.h"
#include "spool/spool.h"

struct rewrite_counts {
    uint64_t copies;    /* archived units that are no longer there */
    uint64_t rewritten; /* volumes */
    uint64_t removed;   /* volumes of which nothing was left */
};

/* Takes all jobs of the set out of all volumes that ids knows. A volume that is not in archive/, or is
 * damaged, is told by complain and stays as it is. Returns 1 when archive/ids is another then, 0 when it is
 * not, or -1 with an error, which leaves all as it was. */
int rewrite_without(const struct spool *spool, const struct ids *ids, const struct idset *jobs,
                    void (*complain)(void *context, const char *sentence), void *context,
                    struct rewrite_counts *counts, struct error *error);

#endif
