/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unname: taking what the manifests of runs say of jobs out of them: name and metadata. A line keeps its
 * place, its position and its IDs.
 *
 * Floor: retain.
 */
#ifndef RETAIN_UNNAME_H
#define RETAIN_UNNAME_H

#include <stdint.h>

#include "base/error.h"
#include "retain/idset.h"
#include "spool/spool.h"

/* Does it in all runs, each manifest replaced durably under its lock; *lines counts the lines. With found
 * not NULL nothing is changed, and found(context, id) is called for each line that would be. Returns 0,
 * or -1 with an error. */
int unname(const struct spool *spool, const struct idset *jobs,
           void (*found)(void *context, const struct id *id), void *context, uint64_t *lines,
           struct error *error);

#endif
