/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * types: the types that a job of this spool may have, for who wants to know.
 *
 * Floor: client.
 */
#ifndef CLIENT_TYPES_H
#define CLIENT_TYPES_H

#include <stdbool.h>

#include "client/screen.h"
#include "spool/spool.h"

/* Prints each type with where it comes from, its description and its variables, or what is wrong
 * with its template; with json a line of JSON for each. */
void types_print(const struct spool *spool, bool json, const struct screen *screen);

#endif
