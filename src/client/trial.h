/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trial: some of a run's jobs, taken at random and asked first, to see what the rest would give and cost.
 *
 * Floor: client. All records are read once for it.
 */
#ifndef CLIENT_TRIAL_H
#define CLIENT_TRIAL_H

#include <stdint.h>

#include "base/error.h"
#include "client/screen.h"
#include "client/submission.h"

enum { TRIAL_LIMIT = 1000 }; /* jobs */

/* What became of it. */
enum trial_end {
    TRIAL_GO_ON,       /* the rest is wanted, or there is none */
    TRIAL_STOP,        /* it is not, or nobody could be asked */
    TRIAL_INTERRUPTED, /* the jobs go on by themselves */
};

/* Drops count jobs at random at their positions of the run that plan names, waits for them, shows their answers
 * and what the rest would take on screen, and asks. With plan->yes nothing is asked. The feed can be read
 * twice; it stands at its beginning afterwards, and plan->estimate has all jobs. Returns 0 with *end,
 * or -1 with an error. */
int trial_run(const struct submission_plan *plan, uint64_t count, const struct screen *screen,
              enum trial_end *end, struct error *error);

#endif
