/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ids_write: a new archive/ids: what the old one has, and the units of volumes that came.
 *
 * Floor: retain. For who holds the lock of archive/. Nothing is sorted and little is kept in memory: each
 * volume brings its units in the order of their IDs, they are put aside in a file of tmp/, and all
 * are merged at the end. The old file stays until the new one is durable.
 */
#ifndef RETAIN_IDS_WRITE_H
#define RETAIN_IDS_WRITE_H

#include "base/error.h"
#include "retain/ids.h"
#include "spool/spool.h"

struct ids_write;

/* Begins. old, which stays open until the end, is what was there; NULL: begin with nothing, to make
 * it again from the indexes. */
struct ids_write *ids_write_begin(const struct spool *spool, const struct ids *old,
                                  struct error *error);

/* Leaves out a volume of old, and all that it has: it was removed from the archive. */
void ids_write_leave(struct ids_write *write, size_t number);

/* Adds a volume (copied), newer than all others; ids_write_unit adds its units, in the order of
 * their IDs (archived->volume is not looked at). With ids_write_instead it takes the place of volume
 * `number` of old: it was rewritten. */
void ids_write_volume(struct ids_write *write, const struct ids_volume *volume);
void ids_write_instead(struct ids_write *write, const struct ids_volume *volume, size_t number);
int ids_write_unit(struct ids_write *write, const struct archived *archived, struct error *error);

/* The same for a volume that is described when its units have been added: begun, and then ended or, with
 * its units, forgotten. */
void ids_write_begin_volume(struct ids_write *write);
void ids_write_end_volume(struct ids_write *write, const struct ids_volume *volume);
void ids_write_drop_volume(struct ids_write *write);

/* Merges, syncs and replaces archive/ids, and syncs the folder. Both end the writing and free it;
 * commit returns 0, or -1 with an error: then the old file is as it was. The checksum of old is
 * looked at on the way: what is damaged is not carried on (ERROR_DATA). */
int ids_write_commit(struct ids_write *write, struct error *error);
void ids_write_abandon(struct ids_write *write);

#endif
