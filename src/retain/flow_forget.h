/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_forget: flows/ without what it says of jobs that are forgotten.
 *
 * Floor: retain.
 */
#ifndef RETAIN_FLOW_FORGET_H
#define RETAIN_FLOW_FORGET_H

#include "base/error.h"
#include "retain/idset.h"
#include "spool/spool.h"

/* Removes the records of flows of which one of these jobs was a step, as they have its text. Returns 0, or -1
 * with an error: one has not ended (ERROR_LATER), or could not be removed. */
int flow_forget(const struct spool *spool, const struct idset *jobs, struct error *error);

#endif
