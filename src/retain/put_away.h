/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * put_away: moving finished units into archives, in the order that makes a crash harmless.
 *
 * Floor: retain. What a killed run left is taken up first; then the selected units are written into
 * volumes, verified, published, entered in archive/ids, and deleted only then. The order is specified in
 * spool-layout/README, section Archives.
 */
#ifndef RETAIN_PUT_AWAY_H
#define RETAIN_PUT_AWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/selection.h"
#include "retain/volume_write.h"
#include "spool/spool.h"

/* What is wanted, and whom to tell. */
struct put_away_plan {
    const char *program; /* as which the lock is taken */
    const struct selection *selection;
    bool completed; /* units of done/ */
    bool failed;    /* units of failed/ */
    bool keep;      /* delete nothing */
    bool dry_run;   /* only count */
    uint64_t volume_size;
    int level;            /* of zstd */
    const struct clock *clock;

    /* Called with each verified volume before it is published; nothing is published or deleted when it
     * returns -1 with an error. NULL: none. path: of the volume in tmp/. */
    int (*filter)(void *context, const struct volume_made *made, const char *path,
                  struct error *error);
    /* A sentence on something that goes wrong and does not stop the rest. */
    void (*complain)(void *context, const char *sentence);
    /* How far it is: a word for what is done now, and of how many units. */
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
    /* A volume was published. */
    void (*published)(void *context, const struct volume_made *made);
    void *context;
};

/* What became of it. */
struct put_away_counts {
    uint64_t selected; /* units that the selection has, owed ones too */
    uint64_t owed;     /* of them, those that stay because something is owed to them or holds them */
    uint64_t archived; /* written into volumes now */
    uint64_t before;   /* archived already, as they are */
    uint64_t volumes;
    uint64_t files;   /* in these volumes */
    uint64_t content; /* bytes of these files */
    uint64_t size;    /* bytes of these volumes */
    uint64_t deleted; /* units that left done/ and failed/ */
    uint64_t changed; /* that stay because they are not what was archived, or are in another hand */
    uint64_t damaged; /* that cannot be archived */
    uint64_t taken_up; /* volumes that a killed run had left */
    uint64_t finished; /* deletions that a killed program had left */
};

/* Does it. Returns 0, or -1 with an error that stopped it: what *counts tells was done. Damaged units and
 * volumes are told by complain alone: *counts and *complaints have their number. */
int put_away(const struct spool *spool, const struct put_away_plan *plan,
             struct put_away_counts *counts, uint64_t *complaints, struct error *error);

/* Makes archive/ids again from the indexes of all volumes, which are verified; those that are not
 * whole are left out and told. Returns their number, or -1 with an error. */
int put_away_reindex(const struct spool *spool, const struct put_away_plan *plan, uint64_t *volumes,
                     struct error *error);

#endif
