/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer_rows: answers of finished jobs as rows of a format, one job after the other, also of those
 * that are archived.
 *
 * Floor: client. Rows go to stdout, why one has no answer to stderr. One job is in memory at a time.
 */
#ifndef CLIENT_ANSWER_ROWS_H
#define CLIENT_ANSWER_ROWS_H

#include <jansson.h>
#include <stdint.h>

#include "client/row.h"
#include "client/shelf.h"
#include "spool/spool.h"

/* Plain data, zeroed but for what is said here; freed by answer_rows_end. */
struct answer_rows {
    const char *program; /* before what goes to stderr */
    const struct spool *spool;
    struct shelf *shelf;    /* borrowed */
    struct row_sheet sheet; /* with its style */
    struct buffer row;
    uint64_t failed, unfinished;
};

/* Prints the row of a job, or of a line of a run that was no job (id is NULL). columns: what is kept
 * of the input, or NULL. version: 0, the latest good one. */
void answer_rows_put(struct answer_rows *rows, uint64_t position, const struct id *id,
                     const json_t *columns, unsigned version);

/* Prints what comes behind the last row. Returns the exit code. */
int answer_rows_end(struct answer_rows *rows);

#endif
