/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * absent: a job that is in no folder of the spool: was it put away, or was it never there?
 *
 * Floor: client.
 */
#ifndef CLIENT_ABSENT_H
#define CLIENT_ABSENT_H

#include <stdbool.h>

#include "base/error.h"
#include "spool/spool.h"

/* Says it (ERROR_ABSENT): word is how the job was called, command what llmspool-archive does about
 * an archived one, get or restore. What is archived not being known, that is said, too. */
void absent_tell(const struct spool *spool, const struct id *id, const char *word,
                 const char *command, struct error *error);

/* Whether an archive has the job. */
bool absent_archived(const struct spool *spool, const struct id *id);

#endif
