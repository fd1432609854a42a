/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prune_parts: what the parts of prune share. The inner side of prune.h.
 *
 * Floor: retain.
 */
#ifndef RETAIN_PRUNE_PARTS_H
#define RETAIN_PRUNE_PARTS_H

#include "base/buffer.h"
#include "retain/finished.h"
#include "retain/gather.h"
#include "retain/ids.h"
#include "retain/owed.h"
#include "retain/prune.h"
#include "retain/prune_order.h"
#include "retain/remove.h"
#include "spool/events.h"

struct pruning {
    const struct spool *spool;
    const struct prune_plan *plan;
    struct prune_report *report;
    struct wall now;
    struct owed *owed;
    struct ids *ids;
    struct remove *remove;
    struct events *events;
    struct prune_order order;
    struct buffer text;    /* of the record that is being looked at */
    struct gathered room;  /* of gather_glance */
    enum folder folder;    /* that is being walked */
    struct error *error;   /* where a visit says what went wrong */
};

/* A unit as it is seen without reading its documents. */
struct prune_look {
    struct prune_place place; /* bytes only where the order is asked for */
    unsigned lowest;          /* versions; both 0 in failed/ */
    unsigned highest;
    bool says_when; /* its record says itself when it may go */
};

/* Looks at a unit. Returns 0, -ENOENT when its newest record is not there, or -errno. */
int prune_look(struct pruning *pruning, const struct id *id, struct prune_look *look);

/* Bytes that a unit takes on the disk. */
uint64_t prune_unit_size(const struct pruning *pruning, const struct id *id, unsigned lowest,
                         unsigned highest);

/* Judges one unit and deletes it, or old versions of it, when that is right. Returns 0, or -1 with
 * pruning->error. */
int prune_unit(struct pruning *pruning, const struct id *id);

/* What is no job: refused files, given-up notifications, old files of tmp/, runs. Returns 0 or -1. */
int prune_rest(struct pruning *pruning);

/* Links of by-name/ whose file is gone: led to the job's newest good output, or removed. Returns 0 or
 * -1. */
int prune_names(struct pruning *pruning);

/* Bytes that a file takes on the disk, 0 when it is not there. */
uint64_t prune_size(int dir, const char *name);

/* Fills pruning->error from -errno and returns -1. what is a path below the spool. */
int prune_fail(const struct pruning *pruning, int problem, const char *what);

#endif
