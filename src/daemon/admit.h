/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * admit: what becomes of a job that was read from new/: accepted, answered as a duplicate, taken back
 * from failed/, run again from done/, or looked at later.
 *
 * Floor: daemon. The rows "dropped → …" of the table of transitions in spool-layout/README.
 */
#ifndef DAEMON_ADMIT_H
#define DAEMON_ADMIT_H

#include <stdbool.h>
#include <sys/stat.h>

#include "daemon/core.h"
#include "job/job.h"

/* How the look at a drop ended. */
enum drop_end {
    DROP_TAKEN,    /* the dropped file itself is now cur/ID.json */
    DROP_ANSWERED, /* its job is in the spool, durably: the drop may leave */
    DROP_LATER,    /* nothing was done: look again */
};

/* A job's way in: a file of new/, or a line of a list. Made by whoever read it; ended is called
 * exactly once, at once or later, and frees it. */
struct drop {
    const char *name;   /* in new/ (the list's, for a line) */
    int fd;             /* the opened file */
    struct stat status; /* of that file when it was opened */
    bool movable;       /* the file is the job and of our own: it may move into cur/ as it is */
    int64_t submitted;  /* wall ms */
    const char *in_run; /* name of the run that the line belongs to, or NULL */
    void (*ended)(struct drop *drop, enum drop_end end);
    void *context;
};

/* Decides and acts. Takes job and drop over. */
void admit(struct core *core, struct job *job, struct drop *drop);

#endif
