/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wake: what ends the sleep of a program that waits on a spool: a change in a folder, a signal, a
 * time.
 *
 * Floor: client. One at a time (see spool/watch.h), from one thread.
 */
#ifndef CLIENT_WAKE_H
#define CLIENT_WAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/spool.h"
#include "spool/watch.h"

struct wake;

enum wake_cause {
    WAKE_TIME,
    WAKE_ENTRY,  /* a name came or went: *event, whose key is the folder */
    WAKE_LOST,   /* changes were missed: look at everything */
    WAKE_SIGNAL, /* SIGINT, SIGTERM or SIGHUP */
    WAKE_INPUT,  /* the descriptor that was given */
};

/* Watches for names that come into done/ and failed/, and with leaving for those that go from new/
 * and ctl/. From here to wake_close SIGINT, SIGTERM and SIGHUP, unless they are ignored, end a
 * sleep and nothing else. */
struct wake *wake_open(const struct spool *spool, bool leaving);

/* Gives the signals back; NULL is allowed. */
void wake_close(struct wake *wake);

/* How long it may take from one look at everything to the next, when the last such time was last_ms
 * (0: none yet): 60 s where inotify works, 5 s where the file system may change without telling
 * (network, FUSE), 0.1 s growing to 1 s without inotify. */
int64_t wake_interval(const struct wake *wake, int64_t last_ms);

/* Sleeps for at most so long; 0 only looks. input: a descriptor whose input (or end) ends the sleep,
 * too, where there is nothing else; -1: none. */
enum wake_cause wake_sleep(struct wake *wake, int64_t ms, int input, struct watch_event *event);

#endif
