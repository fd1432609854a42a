/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * take_up: entering volumes that lie in archive/ in archive/ids: those that a killed run published and did
 * not enter, or all of them.
 *
 * Floor: retain. For who holds the lock of archive/.
 */
#ifndef RETAIN_TAKE_UP_H
#define RETAIN_TAKE_UP_H

#include <stdint.h>

#include "base/error.h"
#include "retain/ids.h"
#include "retain/store.h"
#include "spool/spool.h"

struct take_up {
    const struct spool *spool;
    void (*complain)(void *context, const char *sentence); /* what is wrong with a volume */
    void *context;
    uint64_t entered;   /* volumes */
    uint64_t left_out;  /* volumes that are not whole */
    unsigned highest;   /* number that a volume has */
};

/* Enters the volumes that ids does not know; with ids NULL all, into a new file. Volumes are verified
 * first. Returns 0, or -1 with an error. The file is replaced only when there is something new. */
int take_up_volumes(struct take_up *take, const struct ids *ids, struct error *error);

/* Whether a published volume is whole; what is wrong is told. */
bool take_up_verify(const struct take_up *take, const char *path);

#endif
