/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * archive_create: the subcommands of llmspool-archive that write.
 *
 * Floor: client.
 */
#ifndef CLIENT_ARCHIVE_CREATE_H
#define CLIENT_ARCHIVE_CREATE_H

#include <stdint.h>

#include "base/error.h"

/* Reads how old jobs are archived from the daemon's configuration; path NULL: the usual one, where it
 * exists. Returns 0 or -1. */
typedef int archive_age_read(const char *path, int64_t *after_ms, struct error *error);

/* Each gets its words from its own name on, and returns the exit code. */
int archive_create(int argc, char **argv, archive_age_read *read_age);
int archive_reindex(int argc, char **argv);

#endif
