/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay: the log of events read from a position on, in small steps, compressed days too.
 *
 * Floor: httpd. Each stream that is behind has one.
 */
#ifndef HTTPD_REPLAY_H
#define HTTPD_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "httpd/position.h"
#include "spool/spool.h"

struct replay;

enum replay_result {
    REPLAY_LINE,   /* *line was read */
    REPLAY_END,    /* the limit is reached, for now */
    REPLAY_LATER,  /* the step is over: there is more */
    REPLAY_GAP,    /* the position is none, or is none any more; nothing more can be read */
    REPLAY_FAILED, /* a day cannot be read: line->position is behind it, where it goes on */
    REPLAY_WAIT,   /* as many compressed days are open as may be: there is more, in a while */
    REPLAY_RETRY,  /* what is next cannot be read now; nothing more can be read */
};

/* A compressed day takes some hundred kB and more while it is open. */
enum { REPLAY_PACKED_MOST = 64 };

struct replay_line {
    const char *text; /* without its newline; valid until the next call */
    size_t length;
    struct position position; /* behind it */
};

/* Begins behind a position. exact: a line must end there, else it is a gap; not exact: at the first
 * line of the first day that is there from the position's on. packed_count: how many compressed
 * days all replays have open. */
struct replay *replay_open(const struct spool *spool, unsigned *packed_count, struct position from,
                           bool exact);

/* The next line before or at the limit. *room is how many bytes the step may read yet. */
enum replay_result replay_next(struct replay *replay, struct position limit, size_t *room,
                               struct replay_line *line);

/* Where the oldest day that is kept begins; `otherwise` when there is none. */
struct position replay_oldest(const struct spool *spool, struct position otherwise);

/* NULL is allowed. */
void replay_close(struct replay *replay);

#endif
