/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter: a command of the user's that gets each finished archive: to encrypt it, to upload it.
 *
 * Floor: client.
 */
#ifndef CLIENT_FILTER_H
#define CLIENT_FILTER_H

#include "base/error.h"
#include "retain/volume_write.h"

/* Runs `sh -c command` with the volume on its stdin and what is known of it in its environment
 * (LLMSPOOL_ARCHIVE_NAME and others, llmspool-archive(1)); its stdout is ours on stderr, so that no
 * result is mixed with what it prints. path: where the volume lies now. Returns 0 when it exits with 0,
 * or -1 with an error. */
int filter_run(const char *command, const struct volume_made *made, const char *path,
               struct error *error);

#endif
