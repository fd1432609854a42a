/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules: what a user's section of the configuration lets him ask, judged at the door.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_RULES_H
#define DAEMON_RULES_H

#include <stdbool.h>

#include "base/error.h"
#include "daemon/core.h"
#include "job/job.h"

/* Whether a job that was read may come in. One that is in the spool already always may. Where not,
 * *reason is a machine word, model_not_allowed or too_many_waiting, and error a sentence. */
bool rules_allow(struct core *core, const struct job *job, const char **reason,
                 struct error *error);

#endif
