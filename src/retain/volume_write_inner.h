/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * volume_write_inner: what the two parts of writing a volume share: adding jobs (volume_write), putting
 * together (volume_finish).
 *
 * Floor: retain. The inner side of volume_write; nobody else includes it.
 */
#ifndef RETAIN_VOLUME_WRITE_INNER_H
#define RETAIN_VOLUME_WRITE_INNER_H

#include <archive.h>
#include <archive_entry.h>

#include "retain/volume_rows.h"
#include "retain/volume_write.h"

/* Where the bytes of a tar go. */
struct sink {
    struct buffer *out;
    bool shut; /* what else comes is dropped */
};

struct volume_write {
    const struct spool *spool;
    struct archive *tar;           /* of the jobs */
    struct sink sink;              /* its */
    struct archive_entry *entry;
    struct press *press;
    struct press_stream body;      /* frames of jobs */
    struct press_stream manifest;  /* its lines */
    uint64_t manifest_size;        /* bytes of these lines */
    struct volume_rows rows;
    uint64_t size;                 /* see volume_write_size */
    struct sha256 *entries;  /* see volume_made */
    struct sha256 *lines;
    struct buffer begin; /* room for a line of the index */
    struct buffer end;
    uint64_t units;
    uint64_t files;
    uint64_t content;
    int64_t first_ms;
    int64_t last_ms;
};

/* Fills *error for -errno of writing, and returns -1. */
int volume_write_complain(const struct volume_write *write, int problem, struct error *error);

/* The libraries fail for want of memory alone. */
_Noreturn void volume_no_memory(void);

/* A tar whose bytes go to the sink at once, unblocked; and the header of an entry in it. */
struct archive *volume_tar(struct sink *sink);
void volume_header(struct archive *tar, struct archive_entry *entry, const char *name, uint64_t size,
                   int64_t ms);

/* Ends the frame of jobs: from here on it is known where it begins. Returns 0 or -errno. */
int volume_write_frame(struct volume_write *write);

#endif
