/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * visible: who of the group may read the files of a shared spool: all, or of each job its user
 * alone.
 *
 * Floor: spool. With `visibility = owner` the folders through which prompts and answers go have a
 * default access control list (POSIX.1e draft, acl(5)) that gives the group nothing: what anybody
 * makes there, in any language, is for its owner and the daemon. Then each file of a job gets an
 * entry that lets the job's user read it. The group bits of the mode are the list's mask, so that
 * modes stay what they are.
 */
#ifndef SPOOL_VISIBLE_H
#define SPOOL_VISIBLE_H

#include <stdbool.h>

#include "base/error.h"
#include "spool/spool.h"

/* Has the folders' default lists, and spool->owner_only, say so: owner_only or the group's. A
 * private spool can be the owner's alone only. Returns 0, or -1 with an error: the file system
 * knows no such lists, or the folders are another's. What lies in the folders already stays as it
 * is. */
int visible_set(struct spool *spool, bool owner_only, struct error *error);

/* Whether a folder has such a default list. False where that cannot be told. */
bool visible_owner_only(int dir);

/* Has spool->owner_only say what the folders' lists say by now, for a program that does not set
 * them; where that cannot be told it stays. Returns whether it has changed. */
bool visible_reread(struct spool *spool);

/* Who is to be let read a job of this user (a login name, or the number of a uid; NULL: of
 * nobody's): a uid, or 0 where nobody need be: the group may read, or there is no such user. */
uid_t visible_reader(const struct spool *spool, const char *user);

/* Lets reader read an open file, or folder, of ours that the group may not read; none for 0.
 * Returns 0 or -errno. */
int visible_grant(int fd, uid_t reader);

/* As visible_grant, unless another user than the owner was let read it before: whoever comes first.
 */
int visible_grant_first(int fd, uid_t reader);

/* Gives an open file this mode, and takes away what a default list said of it. Returns 0 or -errno.
 */
int visible_exact(int fd, mode_t mode);

#endif
