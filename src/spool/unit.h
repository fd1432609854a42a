/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unit: one finished job as a unit (its job file, outputs, error file) and the lock that gives it
 * to one hand at a time.
 *
 * Floor: spool. Whoever deletes a unit of done/ or failed/, takes it back, restores it or answers
 * a duplicate from it holds its lock: an OFD write lock on ID.json, or on ID.gone while it is being
 * deleted or restored. Readers need no lock.
 */
#ifndef SPOOL_UNIT_H
#define SPOOL_UNIT_H

#include <stdbool.h>
#include <sys/stat.h>

#include "spool/spool.h"

struct unit {
    const struct spool *spool;
    enum folder folder; /* FOLDER_DONE or FOLDER_FAILED */
    struct id id;
    int fd;             /* carries the lock */
    bool gone;          /* ID.gone was locked, not ID.json */
    struct stat status; /* of the locked file */
};

/* Locks the unit of id in folder and checks that the name still is the inode that was locked.
 * Returns 0; -ENOENT when neither ID.json nor ID.gone is there; -EAGAIN when another hand has it;
 * or another -errno. */
int unit_lock(const struct spool *spool, enum folder folder, const struct id *id,
              struct unit *unit);

/* Gives the lock back. */
void unit_unlock(struct unit *unit);

/* Deletes what is left of a unit whose ID.gone is locked: outputs and sidecars first, ID.gone last.
 * Finishes what a killed prune, archive or restore began. Returns 0 or -errno. */
int unit_finish_gone(struct unit *unit);

/* The steps of it, for who deletes many at once (retain/remove.h) and syncs the folder between them:
 * ID.json of the locked unit becomes ID.gone, without replacing; that is taken back; all else that
 * the unit has is deleted; ID.gone is. Each returns 0 or -errno. */
int unit_gone(struct unit *unit);
int unit_gone_back(struct unit *unit);
int unit_empty(const struct unit *unit);
int unit_leave(const struct unit *unit);

/* The lowest and highest numbers of the outputs ID.vN.json in done/, both 0 when there is none.
 * Looks upward from 1, which costs one look-up a version, also of those that were pruned; reads the
 * folder only where a thousand were. Returns 0 or -errno. */
int unit_versions(const struct spool *spool, const struct id *id, unsigned *lowest,
                  unsigned *highest);

#endif
