/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * archived: jobs that are dropped again after they were archived: looked up in archive/ids, and brought
 * back from their volume.
 *
 * Floor: daemon. Looking up costs some microseconds and is done on the loop; volumes are read, and jobs
 * restored, in libuv's thread pool, many together.
 */
#ifndef DAEMON_ARCHIVED_H
#define DAEMON_ARCHIVED_H

#include "daemon/core.h"

struct archived_jobs;

struct archived_jobs *archived_open(struct core *core);

/* It must be idle; NULL is allowed. */
void archived_close(struct archived_jobs *jobs);

/* *version receives the newest version of a job that was done and is archived, or 0. To be asked after
 * done/ was looked at: whoever archives a job says so in archive/ids before it leaves done/. Returns 0,
 * or -EAGAIN while it cannot be told, because archive/ids is damaged, or gone though there are volumes:
 * a job that may have been paid for is not asked again meanwhile. */
int archived_version(struct archived_jobs *jobs, const struct id *id, unsigned *version);

/* Why it cannot be told, or NULL when it can. */
const char *archived_trouble(const struct archived_jobs *jobs);

enum archived_end {
    ARCHIVED_THERE,   /* it is in done/ now, or was all the time: look again */
    ARCHIVED_LATER,   /* it could not be brought back now */
    ARCHIVED_DAMAGED, /* what is archived of it cannot be used, which was told; or it was forgotten */
};

/* Brings a job back into done/. ended is called on the loop. */
void archived_restore(struct archived_jobs *jobs, const struct id *id,
                      void (*ended)(void *context, enum archived_end end), void *context);

/* Whether nothing is being brought back. */
bool archived_idle(const struct archived_jobs *jobs);

#endif
