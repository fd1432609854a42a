/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * walk: the entries of a volume, or of a part of it, one after the other, as libarchive reads them.
 *
 * Floor: retain. The archive is not trusted: only plain ustar entries of regular files as an archive of
 * ours has them, that lie one behind the other, are let through; anything else is an error.
 */
#ifndef RETAIN_WALK_H
#define RETAIN_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "retain/frames.h"
#include "spool/layout.h"

#define WALK_MANIFEST "MANIFEST.jsonl"

struct walk_entry {
    bool manifest;      /* MANIFEST.jsonl; else: */
    enum folder folder; /* FOLDER_DONE or FOLDER_FAILED */
    struct entry entry;
    char name[128];
    uint64_t size;
    int64_t mtime;             /* seconds */
    struct frames_place place; /* of its header */
};

struct walk;

/* Begins at a tar header: that `at` bytes into the content of the frame that begins at `frame` of fd,
 * which is borrowed. length: bytes of entries, or FRAMES_ALL to the end of the archive. */
struct walk *walk_open(int fd, uint64_t frame, uint64_t at, uint64_t length);

/* The same for entries that lie in memory, which must outlive it; places are not told then. */
struct walk *walk_open_bytes(const char *bytes, size_t length);

/* The next entry. Returns 1; 0 at the end, where what ends a tar was found, and nothing else behind it
 * (after a length: where it is reached); -1 with an error. */
int walk_next(struct walk *walk, struct walk_entry *entry, struct error *error);

/* The next piece of the entry's content, valid until the next call. Returns its length, 0 at the end of
 * the content, or -1. */
ssize_t walk_data(struct walk *walk, const void **bytes, struct error *error);

/* Reads what is left of the frame, so that its checksum was compared. */
int walk_finish(struct walk *walk, struct error *error);

/* NULL is allowed. */
void walk_close(struct walk *walk);

#endif
