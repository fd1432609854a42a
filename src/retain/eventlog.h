/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * eventlog: the events of many days, read as one stream, compressed when nobody appends to them any
 * more, and deleted when they are old.
 *
 * Floor: retain. events/YYYY-MM-DD.jsonl is written by spool/events.h; a day that has been over for
 * two days becomes YYYY-MM-DD.jsonl.zst, and its .jsonl goes. Both may be there, left by a kill or
 * by a late writer: no line is lost or read twice.
 */
#ifndef RETAIN_EVENTLOG_H
#define RETAIN_EVENTLOG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "spool/spool.h"

/* Days as numbers since 1970 (base/day.h). */
struct eventlog_span {
    int32_t first;
    int32_t last;
};

#define EVENTLOG_ALL ((struct eventlog_span){INT32_MIN, INT32_MAX})

/* Calls visit for each line of the days of span, in the order in which they were written (newest
 * days first: the days in falling order, the lines of a day rising), without its newline, until it
 * returns not 0, which is above 0; returns that, 0 at the end, or -1 with an error. text is valid
 * during the call. What is no line (torn, or not text) is handed over as it is: visit parses it. A
 * day that cannot be decompressed ends with what could be; it is an error, told by the first such
 * day when all the others were read. */
int eventlog_each(const struct spool *spool, struct eventlog_span span, bool newest_first,
                  int (*visit)(void *context, const char *text, size_t length), void *context,
                  struct error *error);

/* The days that are there: the first and last; false when there is none or the folder cannot be
 * read. */
bool eventlog_days(const struct spool *spool, struct eventlog_span *span);

/* What was done, or would be. */
struct eventlog_count {
    size_t days;
    uint64_t bytes; /* saved by compressing; freed by deleting */
};

/* Compresses the days that ended two days or more before now. A kill leaves a day as it was, or
 * with both files, which the next call puts right. Adds to *count. Returns 0 or -1. */
int eventlog_compress(const struct spool *spool, struct wall now, bool dry_run,
                      struct eventlog_count *count, struct error *error);

/* Deletes the days that ended age_ms or more before now. Adds to *count. Returns 0 or -1. */
int eventlog_expire(const struct spool *spool, struct wall now, int64_t age_ms, bool dry_run,
                    struct eventlog_count *count, struct error *error);

#endif
