/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * members: the jobs of a run, read from its manifest.
 *
 * Floor: retain.
 */
#ifndef RETAIN_MEMBERS_H
#define RETAIN_MEMBERS_H

#include <jansson.h>

#include "base/error.h"
#include "job/selection.h"
#include "spool/spool.h"

/* Calls visit for each line of runs/RUN/manifest.jsonl in its order, until it returns not 0. A line
 * that is torn or none is passed over. id is NULL for a line that was refused. Returns what visit
 * did, 0 at the end, or -1 with an error (ERROR_ABSENT: there is no such run). */
int members_each(const struct spool *spool, const char *run,
                 int (*visit)(void *context, const struct id *id, const json_t *line),
                 void *context, struct error *error);

/* Looks up the jobs of the selection's run, where it has one (selection_members). Returns 0 or -1. */
int members_select(const struct spool *spool, struct selection *selection, struct error *error);

#endif
