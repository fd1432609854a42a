/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blobs_named: which attachments are named by jobs that are not accepted yet. Beneath blobs.
 *
 * Floor: retain.
 */
#ifndef RETAIN_BLOBS_NAMED_H
#define RETAIN_BLOBS_NAMED_H

#include "base/error.h"
#include "retain/idset.h"
#include "spool/spool.h"

/* Adds to named what of wanted (sorted) is written anywhere in the files of flows/ and, after it, new/,
 * to which steps of flows move. Files are read in pieces and not as JSON. One that nobody here can read
 * names nothing: it cannot become a job before its mode changes. Returns 0, or -1 with an error. */
int blobs_named(const struct spool *spool, const struct idset *wanted, struct idset *named,
                struct error *error);

#endif
