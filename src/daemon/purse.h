/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * purse: the daemon's money: opened with its prices, and what it says told to the log, to the
 * events and to the jobs that wait for it.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_PURSE_H
#define DAEMON_PURSE_H

#include "daemon/core.h"

/* Opens core->money and core->prices: the table that the configuration names, else the shipped one,
 * which may not be installed. -1 with an error. */
int purse_open(struct core *core, struct error *error);

/* Another configuration: its budgets and prices hold from now on, and all that waits for money is
 * asked again. -1 with an error and nothing changed. */
int purse_configure(struct core *core, const struct config *config, struct error *error);

/* Writes and closes both; no write may run. */
void purse_close(struct core *core);

#endif
