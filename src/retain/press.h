/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * press: files of zstd frames, compressed by a thread of their own while the next frame is gathered.
 *
 * Floor: retain. One press serves several files. Each frame tells its content's size and has a checksum,
 * and depends on its content and the level alone: the same content gives the same bytes. At
 * most one frame waits to be compressed, so memory is bounded by the frames.
 */
#ifndef RETAIN_PRESS_H
#define RETAIN_PRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/sha256.h"

enum { PRESS_FRAME = 1 << 20 }; /* bytes of content at which a frame should end */

struct press;

/* Begins the thread. level is one of zstd's. Returns NULL when there can be no thread, errno says
 * why. */
struct press *press_open(int level);

/* Ends it; all its streams have ended. NULL is allowed. */
void press_close(struct press *press);

/* A file being written. Plain data: a caller reads it after press_finish. */
struct press_stream {
    struct press *press;
    int fd;                 /* borrowed */
    struct sha256 *sum;     /* of what is written, or NULL */
    struct buffer filling;  /* content of the frame that is being gathered: append to it */
    uint64_t written;       /* bytes of the file */
    int problem;            /* 0, or -errno of the first write that failed */
};

/* Begins a file at the place where fd stands; with_sum: its SHA-256 is computed on the way. */
void press_begin(struct press_stream *stream, struct press *press, int fd, bool with_sum);

/* Ends the frame, which has content, when the one before it has been written. *begins, unless NULL,
 * tells where in the file it begins. Returns 0, or -errno of a write that failed until now. */
int press_frame(struct press_stream *stream, uint64_t *begins);

/* Ends the last frame, when it has content, and waits until all is written. Returns 0 or -errno. */
int press_finish(struct press_stream *stream);

/* Ends the file: the digest goes into out when there was to be one and out is not NULL. To be called also
 * after failures. */
void press_end(struct press_stream *stream, unsigned char out[SHA256_SIZE]);

#endif
