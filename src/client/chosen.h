/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chosen: the jobs of a spool that a selection selects, finished or not.
 *
 * Floor: client. Reads only. Of a job that has not finished the selection sees the job and its state
 * file, no state, and as the time at which it finished that at which it was submitted.
 */
#ifndef CLIENT_CHOSEN_H
#define CLIENT_CHOSEN_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/selection.h"
#include "spool/spool.h"

/* Where jobs are looked for. */
enum {
    CHOSEN_CUR = 1 << 0,
    CHOSEN_DONE = 1 << 1,
    CHOSEN_FAILED = 1 << 2,
    CHOSEN_FINISHED = CHOSEN_DONE | CHOSEN_FAILED,
    CHOSEN_ANY = CHOSEN_CUR | CHOSEN_FINISHED,
};

/* Whether a job lies in one of the folders and is selected. */
bool chosen_is(const struct spool *spool, const struct selection *selection, unsigned folders,
               const struct id *id, struct wall now);

/* Calls visit for each selected job of the folders, each once, until it returns not 0: those of the
 * selection's run in the order of its input, else by their IDs. The selection's run is looked up
 * already (members_select). Returns what visit did, 0 at the end, or -1 with an error. */
int chosen_each(const struct spool *spool, const struct selection *selection, unsigned folders,
                struct wall now, int (*visit)(void *context, const struct id *id), void *context,
                struct error *error);

#endif
