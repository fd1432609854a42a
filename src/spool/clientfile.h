/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clientfile: what a person's or the system's llmspool.conf says to the commands.
 *
 * Floor: spool. ~/.config/llmspool/llmspool.conf comes first, then SYSCONFDIR/llmspool/llmspool.conf. The
 * daemon's own file is never read here: it may lead to keys.
 */
#ifndef SPOOL_CLIENTFILE_H
#define SPOOL_CLIENTFILE_H

#include "base/error.h"

/* The user's home folder, which the caller frees, or NULL. */
char *clientfile_home(void);

/* The value of a key in the first of the files that sets it, and that file's path; the caller frees both.
 * Returns 1, 0 when none sets it, or -1 with an error: a file cannot be read or is no such file. */
int clientfile_get(const char *key, char **value, char **path, struct error *error);

#endif
