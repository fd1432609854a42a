/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spill: what is to be known of each line that was not printed yet, in files without a name.
 *
 * Floor: client. Memory does not grow with the lines; disk does, and is given back as lines are
 * printed in order. The files are in TMPDIR, or /var/tmp, and end with the program.
 */
#ifndef CLIENT_SPILL_H
#define CLIENT_SPILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "client/awaited.h"
#include "spool/layout.h"

/* One line of the input. Plain data. */
struct spill_line {
    struct id id;
    uint64_t position;
    uint64_t before;    /* the line before with the same job, from 1; 0: none */
    uint64_t text_at;   /* of its name and columns */
    uint64_t reason_at; /* of why it failed */
    uint32_t text_length, reason_length;
    unsigned run;   /* versions before it were there before; 0: not known */
    unsigned found; /* the version that answers it; 0: the latest good one */
    unsigned sample;
    enum awaited_state state;
    bool archived, answered_before, printed;
};

struct spill;

/* Makes the files. NULL with an error. */
struct spill *spill_new(struct error *error);
void spill_free(struct spill *spill);

/* How many lines there are; they are numbered from 0. */
uint64_t spill_count(const struct spill *spill);

/* Adds, reads and changes a line. Return 0, or -1 with an error. */
int spill_add(struct spill *spill, const struct spill_line *line, struct error *error);
int spill_get(const struct spill *spill, uint64_t number, struct spill_line *line,
              struct error *error);
int spill_set(struct spill *spill, uint64_t number, const struct spill_line *line,
              struct error *error);

/* Keeps bytes; *at receives where. */
int spill_keep(struct spill *spill, const char *bytes, size_t length, uint64_t *at,
               struct error *error);

/* Appends bytes that were kept. */
int spill_read(const struct spill *spill, uint64_t at, size_t length, struct buffer *out,
               struct error *error);

/* Says that lines before this one, whose text begins no later than text_at, are needed no more. */
void spill_forget(struct spill *spill, uint64_t number, uint64_t text_at);

#endif
