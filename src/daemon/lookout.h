/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lookout: what tells the daemon that something came or changed outside it: the hints of inotify, and a
 * look of its own each minute, at the folders, the clock, and the spool itself.
 *
 * Floor: daemon. It hands on to intake, orders and the other parts of the core.
 */
#ifndef DAEMON_LOOKOUT_H
#define DAEMON_LOOKOUT_H

#include "base/error.h"
#include "daemon/core.h"
#include "daemon/stop.h"

struct lookout;

/* Opens inotify, before many descriptors are open: libinotifytools waits with select(2). Where there is
 * none that is told, and new/ is looked at each second. A spool that was replaced is left through stop. */
struct lookout *lookout_open(struct core *core, struct stop *stop);

/* After the loop's handles are closed. lookout may be NULL. */
void lookout_close(struct lookout *lookout);

/* Begins to watch the spool, which is open now. */
void lookout_start(struct lookout *lookout);

/* Looks whether the path still leads to our spool, and sets the core's spool_lost. A spool that is away is
 * waited for; one that was replaced is another's, and the daemon stops. */
void lookout_spool(struct lookout *lookout);

/* What is to be said when the path leads to another spool, where only a restart helps; else NULL. */
const struct error *lookout_replaced(const struct lookout *lookout);

#endif
