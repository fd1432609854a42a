/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file: reading and writing whole files relative to a folder's descriptor.
 *
 * Floor: spool. Every call returns -errno on failure and leaves nothing half made behind. Writing
 * functions check write, fsync and close; a file whose fsync failed is removed, never synced again
 * (see fsync(2) and the notes on write-back errors).
 */
#ifndef SPOOL_FILE_H
#define SPOOL_FILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/sha256.h"

/* Reads the rest of fd into out (appended), at most limit bytes: -EFBIG if there is more. */
int file_read(int fd, size_t limit, struct buffer *out);

/* The SHA-256 of all bytes of fd, whose position does not matter and stays. Returns 0 or -errno. */
int file_digest(int fd, unsigned char digest[SHA256_SIZE]);

/* The SHA-256 of all bytes of fd, whose position does not matter and stays. Returns 0 or -errno. */
int file_digest(int fd, unsigned char digest[SHA256_SIZE]);

/* Opens dir/name (regular file, no symbolic link, no blocking) and reads it. *status is filled
 * unless NULL. */
int file_read_at(int dir, const char *name, size_t limit, struct buffer *out, struct stat *status);

/* Writes all bytes, going on after short writes and EINTR. */
int file_write(int fd, const void *bytes, size_t length);

/* Makes a new file dir/name with exactly this mode (O_EXCL; the umask does not count) holding
 * bytes, synced when durable. */
int file_make(int dir, const char *name, mode_t mode, const void *bytes, size_t length,
              bool durable);

/* Makes a new file with a random name in dir, as file_make; name receives it. */
int file_make_temp(int dir, char name[RANDOM_NAME_SIZE], mode_t mode, const void *bytes,
                   size_t length, bool durable);

/* Replaces dir/name atomically by a file made in temp_dir under a name of the spool's owner, which
 * the next owner removes. When durable, the file is synced before and dir after the rename. */
int file_replace(int temp_dir, int dir, const char *name, mode_t mode, const void *bytes,
                 size_t length, bool durable);

/* As file_replace, by a program that runs beside the owner: under a random name, which a starting
 * owner leaves alone. */
int file_replace_as_guest(int temp_dir, int dir, const char *name, mode_t mode, const void *bytes,
                          size_t length, bool durable);

/* Syncs a folder: renames in it are durable afterwards. */
int file_sync_dir(int dir);

/* Whether two statuses are of one file. */
static inline bool file_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Opens the folder behind dir for listing, with a reading position of its own; end it with
 * closedir(3). Returns NULL and sets errno on failure. */
DIR *file_list(int dir);

/* The next entry but "." and "..", valid until the next call; *entry is NULL at the end. Returns 0
 * or -errno. */
int file_list_next(DIR *list, const struct dirent **entry);

#endif
