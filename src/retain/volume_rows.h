/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * volume_rows: what a volume being written knows of its jobs, put aside in a file until it is put
 * together: only then it is known where in the volume the frames lie.
 *
 * Floor: retain.
 */
#ifndef RETAIN_VOLUME_ROWS_H
#define RETAIN_VOLUME_ROWS_H

#include <stdint.h>

#include "base/buffer.h"
#include "retain/ids.h"

/* A row; the two parts of its line in the index follow it in the file. */
struct volume_row {
    struct archived archived; /* frame: among the frames of jobs; volume: NULL */
    uint32_t begin;           /* bytes of the two parts */
    uint32_t end;
};

/* Plain data. */
struct volume_rows {
    int fd;                /* borrowed */
    struct buffer pending; /* rows of the frame that is being gathered */
};

/* Adds a row with its parts. */
void volume_rows_add(struct volume_rows *rows, const struct volume_row *row, const char *begin,
                     const char *end);

/* All that were added since the last call are in the frame that begins there. Returns 0 or -errno. */
int volume_rows_frame(struct volume_rows *rows, uint64_t frame);

/* Reads them back in order; *text receives both parts. visit returns 0 to go on. Returns what it did,
 * 0 at the end, or -errno. */
int volume_rows_each(const struct volume_rows *rows,
                     int (*visit)(void *context, struct volume_row *row, const char *text),
                     void *context);

void volume_rows_free(struct volume_rows *rows);

#endif
