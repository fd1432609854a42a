/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dayfile: the lines of one day of events that is not compressed, read from any place while others
 * append to it.
 *
 * Floor: httpd. Only what stays is read: a writer that could not write all of its lines takes back
 * those that it wrote, under the lock that all writers take. dayfile_settle takes the lock for a
 * moment to learn how far the file is settled.
 */
#ifndef HTTPD_DAYFILE_H
#define HTTPD_DAYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "spool/spool.h"

/* Read it only. A file that is not open has the descriptor -1. */
struct dayfile {
    int fd;
    int32_t day;
    uint64_t at;        /* behind the line that was given last */
    uint64_t settled;   /* bytes of the file that stay */
    struct buffer text; /* read from at on and not given */
    size_t taken;       /* of text, by the line given last */
    bool skipping;      /* a line that is far too long for an event */
};

#define DAYFILE_NONE ((struct dayfile){.fd = -1})

/* Opens events/YYYY-MM-DD.jsonl at an offset, with nothing settled. Returns 0 or -errno (-ENOENT:
 * there is none). */
int dayfile_open(struct dayfile *file, const struct spool *spool, int32_t day, uint64_t at);

/* Learns how far the file is settled. Returns 0, -EAGAIN while somebody writes, or -errno. */
int dayfile_settle(struct dayfile *file);

/* As dayfile_settle, but waits a few milliseconds for the writer, and then does without. */
int dayfile_settle_soon(struct dayfile *file);

/* Goes to the end of the last settled line that has its newline. Returns 0 or -errno. */
int dayfile_to_end(struct dayfile *file);

/* The next settled line, without its newline, valid until the next call. Returns 1; 0 when there is
 * none yet; -errno. */
int dayfile_next(struct dayfile *file, const char **line, size_t *length);

/* After dayfile_next returned 0: what is there behind the last newline, which the next writer will
 * end with one; it counts as given, with its newline, when take is called. Returns false when there
 * is nothing. */
bool dayfile_rest(const struct dayfile *file, const char **line, size_t *length);
void dayfile_take_rest(struct dayfile *file);

/* Whether the file has no name any more: it was compressed, or deleted. */
bool dayfile_gone(const struct dayfile *file);

/* Whether a line ends at an offset. Returns 1, 0 or -errno. */
int dayfile_is_end(const struct dayfile *file, uint64_t at);

void dayfile_close(struct dayfile *file);

#endif
