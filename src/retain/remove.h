/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remove: deleting units, many with few syncs, and the names that lead to them.
 *
 * Floor: retain. A batch goes in steps: each ID.json becomes ID.gone under its lock; the folders
 * are synced; links in by-name/ that lead to the units go; then their files, unit by unit; the
 * folders are synced; the ID.gone go. Killed anywhere, each unit is whole under ID.json, or its
 * ID.gone lies there unlocked for remove_leftovers, or the daemon, to finish. A batch is as many units as
 * may be held open, at most 4096: the soft limit of open files is raised where it is lower.
 */
#ifndef RETAIN_REMOVE_H
#define RETAIN_REMOVE_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "spool/unit.h"

struct remove;

/* Begins. before(context), unless NULL, is called before the first file of each batch is deleted, when
 * it can be: there the events are written that tell of it. It returns 0, or -1 with an error, which
 * leaves the batch as it was. */
struct remove *remove_begin(const struct spool *spool,
                            int (*before)(void *context, struct error *error), void *context);

/* From now on batches are small: others come to the disk between them. */
void remove_gently(struct remove *remove);

/* Takes over a locked unit that is to go; it goes with its batch, at the latest in remove_end.
 * Returns 0, or -1 with an error when something could not be deleted: then the batch was given up as
 * far as that was possible, and the next run finishes it. */
int remove_unit(struct remove *remove, struct unit *unit, struct error *error);

/* Ends the batch that was begun, without ending the removing. */
int remove_flush(struct remove *remove, struct error *error);

/* Finishes what killed programs left: each ID.gone in done/ and failed/ that nobody has locked. Adds
 * their number to *count. Returns 0 or -1. */
int remove_leftovers(struct remove *remove, size_t *count, struct error *error);

/* The units that are gone. */
size_t remove_count(const struct remove *remove);

/* Flushes and frees. Returns 0, or -1 with an error. */
int remove_end(struct remove *remove, struct error *error);

/* Removes the link by-name/NAME, if its target begins with start. Returns 1 when it went, 0, or -errno. */
int remove_link(const struct spool *spool, const char *name, const char *start);

/* Removes each link in by-name/ that leads into the unit, by the names in its records. Whoever deletes single
 * outputs does it himself. Returns the number removed, or -errno. */
int remove_names(const struct unit *unit);

#endif
