/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shelf: the files of jobs that are in no folder any more, read from the spool's archive.
 *
 * Floor: client. Reads only. The archive is opened at the first question, and kept open.
 */
#ifndef CLIENT_SHELF_H
#define CLIENT_SHELF_H

#include <jansson.h>

#include "base/error.h"
#include "spool/spool.h"

struct shelf;

/* spool outlives it. */
struct shelf *shelf_new(const struct spool *spool);
void shelf_free(struct shelf *shelf);

/* The output of a version of an archived job, or with 0 the newest good one, else the newest, else
 * the error file of a failed job. NULL with an error (ERROR_ABSENT: it is not archived, or has no
 * such version). The caller owns it. */
json_t *shelf_record(struct shelf *shelf, const struct id *id, unsigned version,
                     struct error *error);

/* The job itself. NULL with an error. */
json_t *shelf_job(struct shelf *shelf, const struct id *id, struct error *error);

#endif
