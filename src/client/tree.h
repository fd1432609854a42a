/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree: the files that a folder or a pattern of the command line stands for, one by one.
 *
 * Floor: client. Folders are gone through with all that is in them, in the order of the names' bytes; names
 * that begin with a dot are passed over, and of symbolic links those that lead to a file are taken.
 */
#ifndef CLIENT_TREE_H
#define CLIENT_TREE_H

#include <stddef.h>

#include "base/error.h"

/* Which files, by patterns of fnmatch(3): one without a slash is held against the name, one with a slash
 * against the path below the folder. Plain data, borrowed. */
struct tree_filter {
    const char **include; /* any of them will do; none: all files */
    size_t include_count;
    const char **exclude; /* folders, too, with all that is in them */
    size_t exclude_count;
};

struct tree;

/* Begins with a folder, a file or a pattern of glob(3). filter outlives the tree. NULL with an error: there is no
 * such file. */
struct tree *tree_open(const char *word, const struct tree_filter *filter, struct error *error);

/* The next file: its path, and its path below the folder (of a file by itself: its name), both valid until
 * the next call. Returns 1, 0 at the end, or -1 with an error: a folder cannot be read. */
int tree_next(struct tree *tree, const char **path, const char **below, struct error *error);

/* Frees it; NULL is allowed. */
void tree_close(struct tree *tree);

#endif
