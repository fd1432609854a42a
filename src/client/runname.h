/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runname: what a run is called whom nobody gave a name.
 *
 * Floor: client.
 */
#ifndef CLIENT_RUNNAME_H
#define CLIENT_RUNNAME_H

#include "base/clock.h"
#include "spool/spool.h"

/* Writes DATE-INPUT-RANDOM: the local date, the input's file name as far as a name may have it ("stdin" for
 * "-", nothing for NULL), and some digits, so that the name is not yet a run's. */
void runname_make(const struct spool *spool, const char *input, struct wall now,
                  char name[NAME_LIMIT]);

#endif
