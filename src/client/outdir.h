/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outdir: a folder that gets a file for each answer, named, and nothing outside of it.
 *
 * Floor: client. Files are written beside their place and renamed, so that none is ever half there.
 */
#ifndef CLIENT_OUTDIR_H
#define CLIENT_OUTDIR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct outdir;

/* Opens the folder, made where it is not there. NULL with an error. */
struct outdir *outdir_open(const char *path, struct error *error);
void outdir_close(struct outdir *outdir);

/* The path below the folder that a name stands for: its parts become folders; one that is empty,
 * "." or ".." or has control characters is written with %XX, so that the path leads nowhere else;
 * a part that is too long is cut. suffix (".txt") is added unless the name ends with it; NULL or an
 * empty name: number. A second name that comes to the same path gets number before its suffix. */
void outdir_path(struct outdir *outdir, const char *name, uint64_t number, const char *suffix,
                 struct buffer *path);

/* Puts a file there, in the place of an old one; its folders are made, symbolic links in the way are
 * refused. Returns 0, or -1 with an error. */
int outdir_put(struct outdir *outdir, const char *path, const char *bytes, size_t length,
               struct error *error);

#endif
