/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frames: zstd frames read from a file that is not trusted: piece by piece, in bounded memory.
 *
 * Floor: retain. Each frame must have its checksum, which is compared, and no dictionary; frames that
 * can be skipped and bytes behind the last frame are refused.
 */
#ifndef RETAIN_FRAMES_H
#define RETAIN_FRAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define FRAMES_ALL UINT64_MAX
#define FRAMES_LIMIT (UINT64_C(1) << 30) /* bytes of content that a frame may say that it has */

struct frames;

/* Reads from the frame that begins at offset `frame` of fd, which is borrowed and may have several
 * readers: length bytes of content (FRAMES_ALL: to the end of the file) after the first skip bytes.
 * sized: each frame must tell the size of its content, of at most FRAMES_LIMIT. */
struct frames *frames_open(int fd, uint64_t frame, uint64_t skip, uint64_t length, bool sized);

/* The next piece, which never goes over the end of a frame; *bytes is valid until the next call.
 * Returns its length; 0 when there is no more; -1 with an error (ERROR_DATA when the file is damaged,
 * also when it ends before length). */
ssize_t frames_next(struct frames *frames, const void **bytes, struct error *error);

/* Reads what is left of the last frame, so that its checksum was compared. Returns 0 or -1. */
int frames_finish(struct frames *frames, struct error *error);

/* Reads length bytes from the beginning of fd, as frames_open takes them, and all of the frames they are in, so
 * that the checksums were compared before what they say is believed. Returns 0 or -1. */
int frames_pass(int fd, uint64_t length, bool sized, struct error *error);

/* A place in the content: counted from where reading began, skipped bytes included. */
struct frames_place {
    uint64_t frame; /* where its frame begins in the file */
    uint64_t at;    /* where it is in the content of that frame */
    uint64_t left;  /* bytes of that frame behind the place; FRAMES_ALL when it does not tell */
};

/* Finds in which of the frames read so far a place is; false when it is in none. */
bool frames_find(const struct frames *frames, uint64_t place, struct frames_place *found);

/* NULL is allowed. */
void frames_close(struct frames *frames);

#endif
