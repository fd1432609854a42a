/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_file: llmspoold.conf read with libconfuse into a struct config.
 *
 * Floor: daemon. What one setting or section can tell is checked here, with its line; what needs
 * the whole configuration is config's to check.
 */
#ifndef DAEMON_CONFIG_FILE_H
#define DAEMON_CONFIG_FILE_H

#include <stdbool.h>

#include "base/error.h"
#include "daemon/config.h"

enum { CONFIG_FILE_LIMIT = 1024 * 1024 }; /* bytes */

/* Reads the file at path into config, which holds the defaults. Without keys: nothing that leads to a
 * key is followed, and sections are not checked as wholes, for programs that want none. Returns 0, or -1 with an error
 * (ERROR_ABSENT when there is no such file); config is then half filled and fit to be freed only.
 */
int config_file_read(struct config *config, const char *path, bool keys, struct error *error);

#endif
