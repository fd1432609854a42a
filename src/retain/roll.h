/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * roll: the places of a run called one by one, in memory that does not grow with it.
 *
 * Floor: retain. For whoever wants to know something of every job of a run and needs no order:
 * members.h reads the places as a list, ordered.
 */
#ifndef RETAIN_ROLL_H
#define RETAIN_ROLL_H

#include <stdint.h>

#include "base/error.h"
#include "retain/members.h"
#include "spool/spool.h"

/* Calls visit for each place of the run, the last written first, each once as its last line says,
 * until it returns not 0. Takes about a bit of memory a place. Returns what visit did, 0 at the
 * end, or -1 with an error (ERROR_ABSENT: there is no such run; ERROR_USAGE: it is no name of
 * one). */
int roll_call(const struct spool *spool, const char *run,
              int (*visit)(void *context, const struct member *member), void *context,
              struct error *error);

/* As roll_call of the text of a manifest. What is behind the last newline is torn and no line. */
int roll_text(const char *text, size_t length,
              int (*visit)(void *context, const struct member *member), void *context);

/* When the run began, wall ms, by its folder; 0 when that cannot be told. */
int64_t roll_begun_ms(const struct spool *spool, const char *run);

#endif
