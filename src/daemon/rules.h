/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules: what the configuration lets a job ask: a user's section, and where webhooks may go; judged
 * at the door.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_RULES_H
#define DAEMON_RULES_H

#include <stdbool.h>

#include "base/error.h"
#include "daemon/core.h"
#include "job/job.h"

/* Whether a job that was read may come in. One that is in the spool already always may, as far as
 * its user's section goes. Where not, *reason is a machine word (model_not_allowed,
 * too_many_waiting, webhook_forbidden, unknown_endpoint) and error a sentence. */
bool rules_allow(struct core *core, const struct job *job, const char **reason,
                 struct error *error);

#endif
