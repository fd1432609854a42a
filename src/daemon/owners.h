/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * owners: who dropped a file: login names, and who may act for others.
 *
 * Floor: daemon. Only a shared spool asks; in a private one everybody who can write is its owner.
 */
#ifndef DAEMON_OWNERS_H
#define DAEMON_OWNERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/core.h"

/* The login name of a uid, or its number where it has none. The caller frees it. */
char *owners_name(uid_t uid);

/* Whether this user may say for whom a job is (trusted_droppers). */
bool owners_trusted(const struct core *core, uid_t uid, const char *name);

/* Whether this user's orders hold for everybody's jobs: the daemon's own user, the spool's owner, root,
 * a trusted dropper, a member of the group llmspool-admin; and in a private spool everybody. */
bool owners_may_order(const struct core *core, uid_t uid, const char *name);

#endif
