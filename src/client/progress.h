/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress: how far many jobs are, as one line: done, failed, waiting, rate, tokens, money, time left.
 *
 * Floor: client. Pure: numbers to text; who shows it knows the terminal and the time.
 */
#ifndef CLIENT_PROGRESS_H
#define CLIENT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* How things stand. */
struct progress {
    uint64_t count;     /* jobs so far */
    uint64_t done;      /* of them ended, the failed ones too */
    uint64_t failed;
    bool growing;       /* more come: count is not all */
    double per_second;  /* ends, as of late; 0: not known */
    int64_t left_ms;    /* until the end; -1: not known */
    uint64_t tokens;    /* in and out */
    int64_t cost_nano;  /* -1: no price is known */
    const char *currency;
};

/* Appends the line, at most so many columns wide: what matters least is left out first, a bar is
 * drawn where there is room. colour: failures are red. No newline. */
void progress_write(struct buffer *out, const struct progress *progress, int columns, bool colour);

/* A running estimate of the rate. Plain data, zeroed at first. */
struct tempo {
    int64_t at_ms; /* mono, of the last note; 0: none */
    double known_ms; /* that the rate is of */
    uint64_t done;
    double per_second;
};

/* Notes how many have ended; what lies a minute back counts for little. */
void tempo_note(struct tempo *tempo, int64_t now_ms, uint64_t done);

/* How long so many more take, or -1. */
int64_t tempo_left(const struct tempo *tempo, uint64_t more);

#endif
