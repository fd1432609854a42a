/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * failures: groups of failures for a person: why, how many, one of them, and what to do.
 *
 * Floor: client. The groups are made by tally.h.
 */
#ifndef CLIENT_FAILURES_H
#define CLIENT_FAILURES_H

#include <jansson.h>
#include <stddef.h>

#include "client/screen.h"

/* Prints at most so many groups, each with the message of one and what can be done; run is that of
 * which they are, or NULL: of the spool. */
void failures_print(const struct screen *screen, const json_t *groups, size_t most,
                    const char *run);

#endif
