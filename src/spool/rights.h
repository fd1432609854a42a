/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rights: who may read a job and its results in a shared spool whose visibility is owner: by a
 * POSIX ACL that one user, and nobody else of the group.
 *
 * Floor: spool. That a spool is such a one is told by the file state/visibility, which the daemon
 * writes as its configuration says; spool_open reads it (struct spool, confined), so that whatever
 * makes files of jobs keeps to it.
 */
#ifndef SPOOL_RIGHTS_H
#define SPOOL_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "spool/spool.h"

/* Lets reader read the file, its owner read and write it, and nobody else; the mode shows as 0640,
 * whose middle digit is the ACL's mask then. Returns 0 or -errno (ENOTSUP: the file system has no
 * ACLs). */
int rights_give(int fd, uid_t reader);

/* Who may read what is a user's (a login name, or the number of a uid): that user, or where there
 * is no such one the spool's owner alone. */
uid_t rights_reader(const struct spool *spool, const char *user);

/* Gives a file of a user's job its mode and, in a confined spool, its reader. Returns 0 or -errno.
 */
int rights_apply(const struct spool *spool, int fd, const char *user);

/* Makes the spool confined or not, durably; one that is not shared never is. Returns 0, or -1 with
 * an error: the file system has no ACLs. */
int rights_confine(struct spool *spool, bool confined, struct error *error);

/* Whether state/visibility says so. */
bool rights_confined(const struct spool *spool);

#endif
