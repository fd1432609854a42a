/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon: llmspoold put together: its loop, what one turn of it does, signals, and the start.
 *
 * Floor: daemon.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "daemon/config.h"

/* How it was started. */
struct daemon_options {
    const char *spool; /* path */
    struct config_options config;
    enum log_level log_level;
    bool until_empty;
    int64_t patience_ms; /* --until-empty leaves with 75 when nothing moved for so long */
};

/* Runs until it is told to stop (or, with until_empty, until nothing is left). Returns the exit code: 0;
 * 1: until_empty and something failed; 75: until_empty and what is left cannot move; or -1 with an error
 * when it could not start or lost its spool. */
int daemon_run(const struct daemon_options *options, struct error *error);

#endif
