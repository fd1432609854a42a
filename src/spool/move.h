/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * move: changing the folder of an entry, the only way in which a job's state changes.
 *
 * Floor: spool.
 */
#ifndef SPOOL_MOVE_H
#define SPOOL_MOVE_H

#include <sys/stat.h>

#include "spool/spool.h"

/* Renames without replacing: RENAME_NOREPLACE, or link(2) and unlink(2) where the file system
 * refuses the flag (EINVAL, ENOSYS: NFSv4, CephFS) or the rename (EXDEV between quota realms).
 * Returns 0, -EEXIST when the target is there, -ENOENT when the source is gone, or another
 * -errno; after a failure nothing has changed (after a failed unlink both names are there, which
 * recovery mends, and 0 is returned). */
int move_noreplace(int from_dir, const char *from, int to_dir, const char *to);

/* As move_noreplace, going through link and unlink from the start: for tests, and for file systems
 * already known to refuse. */
int move_by_link(int from_dir, const char *from, int to_dir, const char *to);

/* Puts an entry into new/ under a fresh name ending in .json: what cannot stay where it is goes
 * through the door again. */
int move_back_to_new(const struct spool *spool, enum folder from, const char *name);

/* Makes a dropped file leave its folder: renamed to tmp/, its inode compared with *expected, then
 * unlinked. If another file meanwhile took the name, that one is put back and -ESTALE returned;
 * -ENOENT when the name is gone already. */
int move_out(const struct spool *spool, enum folder from, const char *name,
             const struct stat *expected);

/* Points the symbolic link dir/name at target, atomically (a link made in tmp/ and renamed). */
int move_link(const struct spool *spool, enum folder folder, const char *name, const char *target);

#endif
