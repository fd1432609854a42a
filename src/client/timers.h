/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timers: the command by which a person lets prune, archive and check run by themselves.
 *
 * Floor: client.
 */
#ifndef CLIENT_TIMERS_H
#define CLIENT_TIMERS_H

#include <stdbool.h>

/* Who is to call them. */
enum timers {
    TIMERS_SYSTEM, /* systemd, for the spool of the whole machine */
    TIMERS_USER,   /* the user's own systemd */
    TIMERS_CRON,
};

/* Who can, on this machine, for the spool at this absolute path. */
enum timers timers_here(const char *place);

/* The line for a shell, for the caller to free. usual: programs find this spool without being told. */
char *timers_command(enum timers timers, const char *place, bool usual);

#endif
