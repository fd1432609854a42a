/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gather: the files of a finished unit as they lie in the spool, for archiving and for comparing with
 * what was archived.
 *
 * Floor: retain. Takes no lock: a unit that is being deleted or taken back meanwhile is absent.
 */
#ifndef RETAIN_GATHER_H
#define RETAIN_GATHER_H

#include "base/error.h"
#include "retain/bundle.h"
#include "retain/index.h"
#include "spool/spool.h"
#include "spool/unit.h"

/* Reads ID.json and its outputs or its error file into *bundle, parsed and judged as those of a
 * volume are (bundle_flaw). Returns 0; 1 when the unit is not there any more; -1 with an error that names
 * it: ERROR_DATA when a file is damaged or larger than an archive takes, else it cannot be read. */
int gather_unit(const struct spool *spool, enum folder folder, const struct id *id,
                struct bundle *bundle, struct error *error);

/* When the job finished: of its newest version, or error file. */
int64_t gather_finished(const struct bundle *bundle);

/* Whether each file of a locked unit is in an archived one, with the same bytes, and the newest is the
 * newest of both: then nothing is lost when it is deleted. Returns 1 or 0, or -errno. */
int gather_contained(const struct unit *unit, const struct index_unit *archived);

#endif
