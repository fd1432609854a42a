/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore: bringing archived jobs back into done/ or failed/, many with the syncs of one.
 *
 * Floor: retain. Needs no thread of its own and touches nothing but the spool, so it may run in a pool
 * thread. How it is safe is in spool-layout/README, section Archives. Nothing that lies in the spool is
 * ever replaced.
 */
#ifndef RETAIN_RESTORE_H
#define RETAIN_RESTORE_H

#include "retain/bundle.h"
#include "spool/spool.h"

enum restore_end {
    RESTORE_DONE,
    RESTORE_THERE,  /* not done: the job lies in done/ or failed/, or outputs of it do */
    RESTORE_ACTIVE, /* not done: the job is in cur/ */
    RESTORE_BUSY,   /* not done: another hand has it; later */
    RESTORE_FAILED, /* not done: sentence says why */
};

/* What became of a job. */
struct restored {
    const struct id *id;
    enum folder folder;
    unsigned versions; /* outputs of it that were brought back */
    enum restore_end end;
    const char *sentence; /* of RESTORE_FAILED */
};

struct restore;

enum { RESTORE_TEMP_SIZE = 64 };

/* Begins. temp_name writes fresh names for files in tmp/; ended is called once for each job that was
 * added, in a flush or, where it is not done, already when it is added. */
struct restore *restore_open(const struct spool *spool, void (*temp_name)(char *out),
                             void (*ended)(void *context, const struct restored *restored),
                             void *context);

/* Adds a job, which need not be kept; it is there after the next flush, which comes by itself when enough
 * has gathered. */
void restore_add(struct restore *restore, const struct bundle *bundle);

/* Makes all that was added durable. */
void restore_flush(struct restore *restore);

/* Whether a job could be brought back as the spool is now: RESTORE_DONE, or why not. Changes nothing. */
enum restore_end restore_look(const struct spool *spool, const struct id *id);

/* Flushes and frees; NULL is allowed. */
void restore_close(struct restore *restore);

#endif
