/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * overview: a spool at a glance: daemon, jobs by state, gates, figures, failures.
 *
 * Floor: client.
 */
#ifndef CLIENT_OVERVIEW_H
#define CLIENT_OVERVIEW_H

#include <jansson.h>

#include "base/clock.h"
#include "base/error.h"
#include "client/screen.h"
#include "spool/spool.h"

/* Gathers it as the object that llmspool-status(1) describes: the daemon's own status, if there is
 * one, with what the folders tell beside it. NULL with an error when a folder cannot be read. */
json_t *overview_read(const struct spool *spool, struct error *error);

/* Why nothing at all moves (no daemon, paused, its trouble), or NULL; the caller frees it. */
char *overview_stopped(const struct spool *spool);

/* Prints it for a person: on a screen that has a height, no more than fits, tables cut first. */
void overview_print(const struct screen *screen, const json_t *overview, struct wall now);

#endif
