/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * volume_write: writing a volume: the tar of jobs in zstd frames, its index and its digests, as files in
 * tmp/.
 *
 * Floor: retain. The sources are read once: frames of jobs, lines of the manifest and lines of the index
 * go to files without a name while jobs are added, and are put together at the end. Memory is bounded
 * by a frame and the largest job, whatever the number of jobs. The same jobs give the same bytes. The form is in
 * spool-layout/README, section Archives.
 */
#ifndef RETAIN_VOLUME_WRITE_H
#define RETAIN_VOLUME_WRITE_H

#include <stdint.h>

#include "base/error.h"
#include "retain/gather.h"
#include "retain/ids.h"
#include "retain/press.h"
#include "retain/store.h"

struct volume_write;

/* Begins. The press, which is borrowed, decides on the level. */
struct volume_write *volume_write_begin(const struct spool *spool, struct press *press,
                                        struct error *error);

/* Adds a job; they come in the order of their IDs. */
int volume_write_unit(struct volume_write *write, const struct gathered *unit,
                      struct error *error);

/* Bytes written so far, compressed; it grows by whole frames, depending on nothing but the jobs. */
uint64_t volume_write_size(const struct volume_write *write);

/* What was written; it ends with volume_write_seal or volume_write_discard. Plain data. */
struct volume_made {
    int fds[3];                      /* of its files, by enum store_kind, until they are sealed */
    char stem[STORE_TEMP_SIZE];      /* in tmp/: STEM.tar.zst, STEM.idx.jsonl.zst, STEM.sha256 */
    struct store_name name;          /* that it is to have */
    uint64_t size;                   /* of the volume */
    uint64_t units;
    uint64_t files;
    uint64_t content;                /* bytes of these files */
    unsigned char sha256[SHA256_SIZE];
    unsigned char index_sha256[SHA256_SIZE];
    /* Of what volume_made_verify compares: the entries of the jobs as volume_note notes them, the lines of
     * the manifest, and those of the index. */
    unsigned char entries[SHA256_SIZE];
    unsigned char manifest[SHA256_SIZE];
    unsigned char index[SHA256_SIZE];
};

/* Adds an entry to a digest of entries. */
void volume_note(struct sha256 *entries, const char *name, uint64_t size, int64_t seconds,
                 const unsigned char digest[SHA256_SIZE]);

/* Appends what the file of its digests has. */
void volume_digests(const struct volume_made *made, struct buffer *out);

/* Puts the files together; calls unit, in the order of the IDs, with what archive/ids
 * is to say of each job (but its volume). Ends the writing, also when it fails: -1 with an error, and nothing is
 * left in tmp/. There is at least one job. */
int volume_write_finish(struct volume_write *write, const char *host, unsigned number,
                        int (*unit)(void *context, const struct archived *archived,
                                    struct error *error),
                        void *context, struct volume_made *made, struct error *error);

/* Ends it without a volume; NULL is allowed. */
void volume_write_abandon(struct volume_write *write);

/* Makes the files durable and gives them their mode. It takes as long as the disk does: any thread may
 * call it. Returns 0 or -errno; then they are to be discarded. */
int volume_write_seal(const struct spool *spool, struct volume_made *made);

/* Removes its files from tmp/. */
void volume_write_discard(const struct spool *spool, struct volume_made *made);

#endif
