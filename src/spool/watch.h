/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch: hints that something changed in folders, from inotify through libinotifytools; where there
 * is no inotify, polling.
 *
 * Floor: spool. A hint only: whoever uses it scans at start, when told WATCH_LOST, and once a
 * minute anyway. libinotifytools keeps all its state in static variables: one watch per process,
 * used from one thread; that is why this module alone may have state at file level.
 */
#ifndef SPOOL_WATCH_H
#define SPOOL_WATCH_H

#include <stdbool.h>

#include "spool/layout.h"

struct watch;

enum watch_kind {
    WATCH_ARRIVED, /* name was renamed or linked into the folder, or created and then closed after
                      writing (a name may be told more than once) */
    WATCH_LEFT,    /* name was deleted or renamed away */
    WATCH_WRITTEN, /* name was written to, and may be open still */
    WATCH_LOST,    /* events were lost or a watch died: scan everything (folder, name unset) */
};

struct watch_event {
    enum watch_kind kind;
    int key; /* as given to watch_add */
    char name[NAME_LIMIT];
};

/* Starts watching; must be called before many descriptors are open (libinotifytools waits with
 * select(2)). Returns NULL with -errno in *problem when there is no inotify to be had (ENOSYS,
 * EMFILE, …), or when the environment variable LLMSPOOL_NO_INOTIFY is set: then poll. */
struct watch *watch_open(int *problem);

/* Watches the folder at path for arrivals (and, with leaving, departures); events carry key.
 * Returns 0 or -errno. Watching a path again replaces its watch (after WATCH_LOST, or when the
 * folder was replaced). */
int watch_add(struct watch *watch, const char *path, int key, bool leaving);

/* As watch_add, for arrivals and for writes to the folder's files. */
int watch_add_writes(struct watch *watch, const char *path, int key);

/* Watches the folder at path no more; what was told of it and not read yet is dropped. It may be
 * added again. */
void watch_remove(struct watch *watch, const char *path);

/* The descriptor that becomes readable when there are events, for a loop. */
int watch_descriptor(const struct watch *watch);

/* The next event that is there, without waiting: true and *event, or false when there is none. */
bool watch_next(struct watch *watch, struct watch_event *event);

/* Stops; NULL is allowed. */
void watch_close(struct watch *watch);

#endif
