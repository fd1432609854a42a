/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prune_order: which units are too many: the oldest, when only so many, so many bytes or so much of
 * the disk may be used.
 *
 * Floor: retain. Pure memory: 24 bytes a unit.
 */
#ifndef RETAIN_PRUNE_ORDER_H
#define RETAIN_PRUNE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/layout.h"

/* A unit's place among all. */
struct prune_place {
    int64_t time_ms; /* when its newest record says that it finished; wall */
    uint64_t bytes;  /* that it takes on the disk */
    uint64_t hash;   /* begin of its ID: units of one moment have an order, too */
};

/* Zeroed at first. */
struct prune_order {
    struct prune_place *places;
    size_t count;
    size_t capacity;
    struct prune_place last; /* the newest of those that are too many */
    bool any;                /* there are such */
};

void prune_order_add(struct prune_order *order, const struct prune_place *place);

/* Finds the limit between those that stay and those that are too many: at most count stay (0: any
 * number), of at most bytes (0: any), and at least excess bytes go (0: none need). Frees the
 * places. */
void prune_order_settle(struct prune_order *order, uint64_t count, uint64_t bytes,
                        uint64_t excess);

/* Whether a unit is one of those that are too many. */
bool prune_order_surplus(const struct prune_order *order, const struct prune_place *place);

/* The hash of a place. */
uint64_t prune_order_hash(const struct id *id);

#endif
