/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parts: the parts of the daemon, made in the order in which they need one another.
 *
 * Floor: daemon. The core has its loop, spool, configuration, clock and log already.
 */
#ifndef DAEMON_PARTS_H
#define DAEMON_PARTS_H

#include "base/error.h"
#include "daemon/core.h"

/* Opens all parts of a core. Returns 0, or -1 with an error; parts_close and parts_free take care of what
 * was opened, also then. */
int parts_open(struct core *core, struct error *error);

/* Tells that the daemon stopped, where all was open, and closes the parts that have handles in the loop;
 * those are gone after one more run of it. */
void parts_close(struct core *core);

/* Frees what the others referred to until the loop had run. */
void parts_free(struct core *core);

#endif
