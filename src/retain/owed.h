/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * owed: jobs that somebody still waits for or holds: webhooks in outbox/, holds in ctl/, batches
 * whose results are not written. They are neither deleted nor put away.
 *
 * Floor: retain.
 */
#ifndef RETAIN_OWED_H
#define RETAIN_OWED_H

#include <stdbool.h>

#include "base/error.h"
#include "retain/idset.h"
#include "spool/spool.h"

struct owed;

/* Reads what is owed now. NULL with an error. */
struct owed *owed_open(const struct spool *spool, struct error *error);

/* Whether something is owed to a job, now: what changed since the last look is read again, so that,
 * asked under the unit lock, no debt is missed that a duplicate brought before. Returns 1 or 0, or
 * -errno. */
int owed_has(struct owed *owed, const struct id *id);

/* Forgives what is owed to any of these jobs, deletes what was given up, and ends their holds. Returns 0 or -errno. */
int owed_forgive(const struct spool *spool, const struct idset *jobs);

/* NULL is allowed. */
void owed_close(struct owed *owed);

#endif
