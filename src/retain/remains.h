/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remains: volumes that are there and ought not to be, since a forgetting was killed: one that was
 * rewritten beside what it was rewritten to, or one all of whose jobs were forgotten.
 *
 * Floor: retain. For who holds the lock of archive/. A rewritten volume keeps its number, and its host gets
 * .r1, .r2 … behind it.
 */
#ifndef RETAIN_REMAINS_H
#define RETAIN_REMAINS_H

#include "base/error.h"
#include "retain/ids.h"
#include "retain/store.h"
#include "spool/spool.h"

/* Of a volume's name: how often it was rewritten, 0 for one as it was made. *length, unless NULL, is that of
 * the host as it was at first. */
unsigned remains_generation(const struct store_name *name, size_t *length);

/* Turns the name of a volume into that of the next generation. */
void remains_next(struct store_name *name);

/* Removes from archive/ those that are remains and that ids does not know; with ids NULL none is known, and
 * of two the one rewritten later stays. Returns 0, or -1 with an error. */
int remains_clear(const struct spool *spool, const struct ids *ids, struct error *error);

/* Removes the three files of a volume, itself last, and syncs its folder. Returns 0 or -errno. */
int remains_remove(const struct spool *spool, const char *path);

#endif
