/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pressure: how many jobs wait in a spool, so that who feeds it can hold back.
 *
 * Floor: client. Told by state/status.json and by which of our own lists lie in new/ still: nothing is counted
 * file by file.
 */
#ifndef CLIENT_PRESSURE_H
#define CLIENT_PRESSURE_H

#include <stddef.h>
#include <stdint.h>

#include "spool/spool.h"

struct pressure;

/* Begins; spool outlives it. */
struct pressure *pressure_new(const struct spool *spool);

/* Notes a list of ours in new/ with so many jobs. */
void pressure_note(struct pressure *pressure, const char *drop, size_t jobs);

/* How many jobs are in cur/, as the daemon last said, and in those lists that it has not taken. */
uint64_t pressure_waiting(struct pressure *pressure);

/* How many jobs are in cur/, as the daemon last said. */
uint64_t pressure_in_cur(const struct spool *spool);

/* Frees it; NULL is allowed. */
void pressure_free(struct pressure *pressure);

#endif
