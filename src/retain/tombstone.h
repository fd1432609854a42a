/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tombstone: archive/forgotten.jsonl: which jobs a person had removed for good, and when; nothing else of
 * them.
 *
 * Floor: retain. Written by who holds the lock of archive/. A job that finished after its tombstone was
 * asked again, and is not meant by it.
 */
#ifndef RETAIN_TOMBSTONE_H
#define RETAIN_TOMBSTONE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/error.h"
#include "spool/spool.h"

struct tombstone {
    struct id id;
    int64_t ms; /* wall; of the newest of that job */
};

/* Plain data: sorted by ID, one a job. Zeroed at first. */
struct tombstones {
    struct tombstone *stones;
    size_t count;
};

/* Reads the file; none is there when there is no file. Lines that are none are passed over. Returns 0, or -1
 * with an error. */
int tombstones_read(const struct spool *spool, struct tombstones *tombstones, struct error *error);

/* The stone of a job, or NULL. */
const struct tombstone *tombstones_find(const struct tombstones *tombstones, const struct id *id);

/* Adds stones to the file, durably; a line that a crash tore is cut off first. Returns 0, or -1 with an
 * error. */
int tombstones_add(const struct spool *spool, const struct id *ids, size_t count, struct wall now,
                   struct error *error);

void tombstones_free(struct tombstones *tombstones);

#endif
