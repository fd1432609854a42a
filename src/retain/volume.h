/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * volume: an archive of finished jobs: STEM.tar.zst with STEM.idx.jsonl.zst and STEM.sha256 beside it.
 *
 * Floor: retain. Reads only. The form is in spool-layout/README, section Archives.
 */
#ifndef RETAIN_VOLUME_H
#define RETAIN_VOLUME_H

#include <stdint.h>

#include "retain/bundle.h"
#include "retain/index.h"

#define VOLUME_SUFFIX ".tar.zst"
#define VOLUME_INDEX_SUFFIX ".idx.jsonl.zst"
#define VOLUME_DIGESTS_SUFFIX ".sha256"

/* Plain data: read it, do not change it. */
struct volume {
    int dir; /* borrowed */
    char *stem;
    char *name; /* that it has or will have: llmspool-….tar.zst */
    int fd;
    uint64_t size;
};

/* Opens STEM.tar.zst in the folder dir, which must outlive it; stem may have folders in it. name: that it
 * will be published under, or NULL when it has its name already. NULL with an error (ERROR_ABSENT when
 * there is none). */
struct volume *volume_open(int dir, const char *stem, const char *name, struct error *error);

/* Opens one of the files beside it. Returns a descriptor, or -1 with an error. */
int volume_beside(const struct volume *volume, const char *suffix, struct error *error);

/* Opens its index, for one reading from its beginning, after all checksums of its frames were compared
 * and its head was found to be that of this volume. NULL with an error that names the index. */
struct index *volume_index(const struct volume *volume, struct error *error);

/* Reads a job as its line in the index says; cache may be NULL. Returns 0, or -1 with an error that names the volume; the
 * bundle is the caller's to clear. */
int volume_unit(const struct volume *volume, const struct index_unit *unit,
                struct bundle_cache *cache, struct bundle *bundle, struct error *error);

/* The same, as archive/ids says. */
int volume_archived(const struct volume *volume, const struct archived *archived,
                    struct bundle *bundle, struct error *error);

/* NULL is allowed. */
void volume_close(struct volume *volume);

#endif
