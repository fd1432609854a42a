/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ids: archive/ids: which jobs are archived, and where in which volume.
 *
 * Floor: retain. The file is mapped, sorted, and never changed: a new one replaces it. It is made
 * from the indexes of the volumes and can be made again from them. Its form is in
 * spool-layout/README, section Archives.
 */
#ifndef RETAIN_IDS_H
#define RETAIN_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "retain/finished.h"
#include "spool/spool.h"

struct ids;

enum { IDS_DIGEST_SIZE = 8 };

/* One archived unit. */
struct archived {
    struct id id;
    bool failed;        /* a unit of failed/; else of done/ */
    unsigned highest;   /* newest version in it; 0 when failed */
    const char *volume; /* its path below archive/, borrowed from the ids */
    uint64_t frame;     /* where the zstd frame that holds it begins in the volume */
    uint32_t at;        /* where its first tar header is in that frame, decompressed */
    uint32_t length;    /* bytes of its entries, with headers and padding */
    unsigned char digest[IDS_DIGEST_SIZE]; /* begin of the SHA-256 of its newest output, or of its
                                              error file */
};

/* Maps the file as it is now; one without jobs when there is none yet. NULL with an error when it
 * is damaged or cannot be read. */
struct ids *ids_open(const struct spool *spool, struct error *error);

/* Whether the file is still the one that was mapped: another may have replaced it. */
bool ids_current(const struct ids *ids);

/* The archived units of a job, the newest archived first: the number-th (from 0); false when there
 * are not so many. */
bool ids_find(const struct ids *ids, const struct id *id, size_t number, struct archived *archived);

/* Whether a finished unit is archived as it is now: the same newest output or error file. */
bool ids_covers(const struct ids *ids, const struct finished *finished);

void ids_close(struct ids *ids);

#endif
