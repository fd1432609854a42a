/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lives: what events tell of each finished job, folded into 48 bytes a job.
 *
 * Floor: retain. Lines are taken in the order in which they were written; lines that were taken
 * before may be taken again, all that follow them as well. Kinds that say nothing about where a
 * finished job is are passed over unread.
 */
#ifndef RETAIN_LIVES_H
#define RETAIN_LIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/layout.h"

enum life_place {
    LIFE_NOWHERE,  /* nothing is expected: pruned, forgotten, set aside, or sent back to new/ */
    LIFE_ACCEPTED, /* it must be somewhere, and no answer is told */
    LIFE_FINISHED, /* completed, or restored: it must be somewhere, with its answers */
    LIFE_ARCHIVED, /* the same; it was deleted from done/ or failed/ because an archive has it */
};

/* One job. */
struct life {
    struct id id;
    uint32_t time_s;  /* of the last line that told of it, since 1970; 0: not known */
    uint32_t version; /* the highest that was completed; 0: none is told */
    union {
        uint32_t first;    /* the lowest that was completed and not pruned; 0: none is told */
        uint32_t sequence; /* of a line: its place among all */
    };
    uint8_t place; /* enum life_place */
    uint8_t kind;  /* of a line; of no job */
    bool told;     /* of its end, or of what became of it then */
};

struct lives;

struct lives *lives_open(void);

/* Takes a line of the log. What is no event of a job is passed over. */
void lives_take(struct lives *lives, const char *text, size_t length);

/* The jobs, sorted by ID, valid until the next line is taken; *count receives how many. */
const struct life *lives_all(struct lives *lives, size_t *count);

/* The one with this ID, or NULL; as lives_all. */
const struct life *lives_find(struct lives *lives, const struct id *id);

/* NULL is allowed. */
void lives_close(struct lives *lives);

#endif
