/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reader: a file that is read piece by piece, of which no more is kept than the piece at hand.
 *
 * Floor: client. Beneath feed, which knows what the pieces are.
 */
#ifndef CLIENT_READER_H
#define CLIENT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

/* Read it freely, change it through these calls. */
struct reader {
    int fd;
    bool ours;         /* fd is to be closed */
    const char *label; /* the path, or "standard input", for messages; borrowed */
    struct buffer buffer;
    size_t taken;    /* bytes of the buffer that were given out */
    size_t searched; /* bytes behind them that have no end of a piece */
    bool ended;      /* nothing comes behind what is in the buffer */
    uint64_t line;   /* of what comes next, from 1 */
};

/* Opens the file at path (borrowed), "-" being stdin. Returns 0, or -1 with an error. */
int reader_open(struct reader *reader, const char *path, struct error *error);

/* Frees what it holds; a zeroed one is allowed. */
void reader_close(struct reader *reader);

/* What was read and not given out. */
const char *reader_text(const struct reader *reader);
size_t reader_length(const struct reader *reader);

/* Reads on, which may move the text. Returns 1, 0 at the end, or -1 with an error: it cannot be read, or
 * more than limit bytes would be there at once. */
int reader_more(struct reader *reader, size_t limit, struct error *error);

/* Gives so many bytes out; they stay where they are until reader_more. */
void reader_take(struct reader *reader, size_t length);

/* Whether the next piece that ends in the byte can be had within timeout_ms of quiet, or there is none. */
bool reader_ready(struct reader *reader, char end, int timeout_ms);

/* The next piece that ends in the byte, without it; the last one may lack it. Valid until the next call. Returns
 * 1, 0 at the end, or -1 with an error (limit: bytes of a piece). */
int reader_until(struct reader *reader, char end, size_t limit, const char **text, size_t *length,
                 struct error *error);

#endif
