/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clear_away: deleting units that are archived, each only when its volume is whole and holds it as it is.
 *
 * Floor: retain. For who holds the lock of archive/. An event `archived` tells of each unit before it is
 * deleted.
 */
#ifndef RETAIN_CLEAR_AWAY_H
#define RETAIN_CLEAR_AWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "retain/ids.h"
#include "retain/owed.h"
#include "retain/pick.h"
#include "spool/spool.h"

struct clear_away {
    const struct spool *spool;
    const struct ids *ids;
    struct owed *owed;
    const struct clock *clock;
    bool keep;    /* delete nothing, tell of what was archived now */
    size_t fresh; /* volumes from this number on were written and verified by this run */
    void (*complain)(void *context, const char *sentence);
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
    void *context;
    uint64_t deleted;  /* units */
    uint64_t changed;  /* that stay: not what was archived, owed something, or in another hand */
    uint64_t finished; /* of the deletions that a killed program left */
};

/* Deletes the archived units of a sorted pick, and finishes what killed programs left. A volume of an
 * earlier run is verified first; when it is not whole, which is told, its units stay. Returns 0, or -1
 * with an error. */
int clear_away(struct clear_away *away, const struct pick *pick, struct error *error);

#endif
