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

/* A volume that ids knows. */
struct ids_volume {
    char *path; /* below archive/ */
    uint64_t size;
    unsigned char sha256[SHA256_SIZE];
    unsigned char index_sha256[SHA256_SIZE];
};

/* Maps the file as it is now; one without jobs when there is none yet. NULL with an error when its
 * head, its size or its table of volumes is damaged, or when it cannot be read. It costs no reading
 * of the records: see ids_verify. */
struct ids *ids_open(const struct spool *spool, struct error *error);

/* Reads all of it and compares its checksum, its order and its references. Returns 0, or -1 with an
 * error (ERROR_DATA: it is damaged, and can be made again from the indexes). */
int ids_verify(const struct ids *ids, struct error *error);

/* How many units it has, and its volumes by their numbers, oldest first; NULL beyond the last. */
size_t ids_count(const struct ids *ids);
const struct ids_volume *ids_volume(const struct ids *ids, size_t number);

/* The number of the volume at this path below archive/, or SIZE_MAX. */
size_t ids_volume_find(const struct ids *ids, const char *path);

/* Whether the file is still the one that was mapped: another may have replaced it. */
bool ids_current(const struct ids *ids);

/* The archived units of a job, the newest archived first: the number-th (from 0); false when there
 * are not so many. */
bool ids_find(const struct ids *ids, const struct id *id, size_t number, struct archived *archived);

/* Whether a finished unit is archived as it is now: the same newest output or error file. */
bool ids_covers(const struct ids *ids, const struct finished *finished);

/* Gives back the memory that pages of the file took, which fills up over many look-ups. */
void ids_relax(const struct ids *ids);

/* Unmaps; NULL is allowed. */
void ids_close(struct ids *ids);

#endif
