/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * volume_made: reading back a volume that was just written.
 *
 * Floor: retain. Everything that was written is compared with what was to be written, by digests that the
 * writer took of it. What a volume of unknown origin is judged by is retain/verify.h.
 */
#ifndef RETAIN_VOLUME_MADE_H
#define RETAIN_VOLUME_MADE_H

#include "base/error.h"
#include "retain/volume_write.h"
#include "spool/spool.h"

/* Reads the three files in tmp/ from end to end: their bytes, their frames, and what is in them. Returns
 * 0, or -1 with an error: the disk, or the writer, has failed. */
int volume_made_verify(const struct spool *spool, const struct volume_made *made,
                       struct error *error);

#endif
