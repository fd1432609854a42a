/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * room: free space in the spool's file system: below the floor nothing new is sent, because an answer
 * must find room.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_ROOM_H
#define DAEMON_ROOM_H

#include "daemon/core.h"

struct room {
    uint64_t free_bytes;
    uint64_t free_inodes; /* UINT64_MAX where the file system has no fixed number */
};

/* What is free now. Returns 0 or -errno. */
int room_free(const struct core *core, struct room *room);

/* Sets or clears core->trouble by what is free, looking at most a few times a second. While there is
 * trouble, the daemon takes a turn each second. */
void room_look(struct core *core);

#endif
