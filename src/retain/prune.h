/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prune: deleting finished work that need not be kept any more.
 *
 * Floor: retain. Safe beside the daemon and beside itself: each unit is judged and deleted under its
 * lock, what somebody is owed stays, and what a kill leaves the next run finishes. Needs 24 bytes a
 * unit where number, bytes or free space are limited, else none.
 */
#ifndef RETAIN_PRUNE_H
#define RETAIN_PRUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/selection.h"
#include "retain/policy.h"
#include "spool/spool.h"

/* Things that went, or would go, and the room that they took. */
struct prune_tally {
    size_t count;
    uint64_t bytes;
};

struct prune_report {
    size_t seen;               /* finished jobs looked at */
    struct prune_tally done;   /* jobs of done/ with all their outputs */
    struct prune_tally failed; /* jobs of failed/ */
    struct prune_tally versions; /* old outputs of jobs that stay */
    struct prune_tally refused;  /* files refused at the door */
    struct prune_tally events;     /* days */
    struct prune_tally compressed; /* days of events, and the bytes that this saved */
    struct prune_tally notices;  /* given-up notifications */
    struct prune_tally droppings; /* old files in tmp/ */
    struct prune_tally attachments; /* that nobody refers to */
    struct prune_tally runs;      /* runs whose jobs are gone */
    struct prune_tally flows;     /* records of flows that ended */
    size_t names;                 /* links in by-name/ that led nowhere */
    size_t leftovers;             /* units that a killed program had begun to delete */
    /* what should go and stays */
    size_t owed;       /* a notification or a hold */
    size_t unarchived; /* waits for llmspool-archive */
    size_t overdue;    /* of these, those that wait for long, or are more than there is room for */
    size_t busy;       /* locked by another hand: the next run */
    size_t unreadable; /* damaged: llmspool-check tells */
};

struct prune_plan {
    const struct policy *policy;
    const struct selection *selection; /* only these jobs, and nothing but jobs; NULL: everything */
    bool dry_run;                      /* tell, delete nothing */
    bool gentle;                       /* pause between batches */
    const struct clock *clock;
    void (*progress)(void *context, const struct prune_report *report); /* now and then, or NULL */
    void *context;
};

/* Does it, and says what was done in *report. Writes `pruned` events and state/prune.json. Returns 0,
 * or -1 with an error; *report then holds what had been done. */
int prune_run(const struct spool *spool, const struct prune_plan *plan,
              struct prune_report *report, struct error *error);

#endif
