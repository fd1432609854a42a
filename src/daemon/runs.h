/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runs: which waiting job belongs to which run, read back from the manifests at a start: turns and
 * budgets hang on it.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_RUNS_H
#define DAEMON_RUNS_H

#include "daemon/core.h"

/* Tells every task that a manifest names which run it is in. A job in several runs belongs to the
 * one whose manifest is oldest. Manifests that cannot be read are told and passed over. */
void runs_recall(struct core *core);

#endif
