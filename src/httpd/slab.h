/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slab: the next IDs of a folder behind a given one, in their order, in bounded memory.
 *
 * Floor: httpd. Each look at a folder reads all its names, however many there are, so it takes many IDs at
 * once, and a walk through it goes on with those for some seconds.
 */
#ifndef HTTPD_SLAB_H
#define HTTPD_SLAB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "httpd/cursor.h"
#include "spool/spool.h"

/* Read ids freely. A zeroed one is empty. */
struct slab {
    struct cursor from;
    struct mono read;
    bool filled;
    bool last; /* nothing follows behind the last ID */
    struct id *ids;
    size_t count;
    size_t limit;
};

/* Has the slab hold what follows the cursor in its folder: from memory, if it was read lately, else at most
 * limit IDs anew. Returns the number of the first ID behind the cursor (count: there is none), or a
 * negative errno. */
int64_t slab_seek(struct slab *slab, const struct spool *spool, const struct cursor *cursor,
                  size_t limit, struct mono now);

void slab_free(struct slab *slab);

#endif
