/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recover: reading cur/: at the start, and whenever something lies there that the queue does not know.
 *
 * Floor: daemon. There is no other recovery: each file is looked at and the step that it shows to be
 * next is done, with the same code as in ordinary work.
 */
#ifndef DAEMON_RECOVER_H
#define DAEMON_RECOVER_H

#include "base/error.h"
#include "daemon/core.h"

/* Reads all of cur/. Returns 0, or -1 with an error when the folder cannot be read. */
int recover_all(struct core *core, struct error *error);

/* Looks at cur/ID.json, which the queue does not know. */
void recover_entry(struct core *core, const struct id *id);

#endif
