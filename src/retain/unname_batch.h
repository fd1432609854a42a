/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unname_batch: the files of a batch without what they say of some jobs: its line of the input becomes {}, so that
 * the others keep their numbers, and its line of the results goes.
 *
 * Floor: retain. Used by unname, under the manifest's lock and before the manifest loses its custom_ids.
 */
#ifndef RETAIN_UNNAME_BATCH_H
#define RETAIN_UNNAME_BATCH_H

#include "base/buffer.h"
#include "retain/idset.h"
#include "spool/spool.h"

/* manifest: its text; dir: the run's folder. Each file is replaced durably, where it is there and changes. Returns
 * 0 or -errno. */
int unname_batch(const struct spool *spool, int dir, const struct buffer *manifest,
                 const struct idset *jobs);

#endif
