/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * idset: a set of job IDs, gathered and then looked up.
 *
 * Floor: retain.
 */
#ifndef RETAIN_IDSET_H
#define RETAIN_IDSET_H

#include <stdbool.h>
#include <stddef.h>

#include "spool/layout.h"

/* Plain data; zeroed at first. */
struct idset {
    struct id *ids; /* after idset_sort: in their order, each once */
    size_t count;
    size_t capacity;
};

void idset_add(struct idset *set, const struct id *id);

/* To be called between adding and looking up. */
void idset_sort(struct idset *set);

bool idset_has(const struct idset *set, const struct id *id);

void idset_free(struct idset *set);

#endif
