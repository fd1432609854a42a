/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings: spool.json, which says of what version a spool is and what identities depend on.
 *
 * Floor: spool. Used by opening and making a spool only.
 */
#ifndef SPOOL_SETTINGS_H
#define SPOOL_SETTINGS_H

#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"

#define SETTINGS_NAME "spool.json"

struct settings {
    char *default_model; /* of the caller, or NULL */
    struct stat status;  /* of spool.json */
};

/* Reads spool.json in the folder root, whose path is for messages. Unknown keys are tolerated.
 * Returns 1, or 0 when there is no spool.json, or -1 with an error when it cannot be read, is none,
 * or is of another version. */
int settings_read(int root, const char *path, struct settings *settings, struct error *error);

/* Writes the text of a spool.json of this version. default_model may be NULL; 0, or -1 when it is
 * empty or not UTF-8. */
int settings_write(struct buffer *out, const char *default_model);

#endif
