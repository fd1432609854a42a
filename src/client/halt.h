/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * halt: when to stop because too many have failed, as GNU parallel's --halt says it.
 *
 * Floor: client. Pure: text and numbers.
 */
#ifndef CLIENT_HALT_H
#define CLIENT_HALT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum halt_when {
    HALT_NEVER,
    HALT_SOON, /* nothing more is submitted; what was goes on */
    HALT_NOW,  /* and what was and is not running yet is cancelled */
};

struct halt {
    enum halt_when when;
    uint64_t failed;  /* so many, or 0 */
    unsigned percent; /* of all so far, 1 to 100, or 0 */
};

/* A percentage says nothing of very few: so many must have failed. */
enum { HALT_PERCENT_MIN = 3 };

/* Reads never, soon,fail=N, soon,fail=N%, now,fail=N or now,fail=N%. Returns 0, or -1 with an error
 * (ERROR_USAGE). */
int halt_read(const char *text, struct halt *halt, struct error *error);

/* Whether it is reached when so many of count have failed. */
bool halt_reached(const struct halt *halt, uint64_t failed, uint64_t count);

#endif
