/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blob: attachments: the files of blobs/, each under the SHA-256 of its bytes, and the marks of the
 * jobs that use them.
 *
 * Floor: spool. Who removes them is retain's blobs; its protocol is there. A name with ".gone" behind
 * it is on its way out and may be brought back by whoever needs it, at any time: the remover copes.
 */
#ifndef SPOOL_BLOB_H
#define SPOOL_BLOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"
#include "spool/spool.h"

enum { BLOB_SIZE_LIMIT = 32 * 1024 * 1024 }; /* bytes, where nobody says otherwise */

/* How many bytes an attachment has, brought back when it was on its way out; -ENOENT: it is not
 * there; or another -errno. */
int64_t blob_size(const struct spool *spool, const struct id *blob);

/* Reads an attachment and compares its digest. Returns 0; -ENOENT: it is not there; -EBADMSG: its
 * bytes are not those of its name; -EFBIG: it has more than limit; or another -errno. */
int blob_read(const struct spool *spool, const struct id *blob, size_t limit, struct buffer *out);

/* Copies all bytes of one file, whose position does not matter, to another, and takes their digest.
 * Returns 0 or -errno. */
int blob_copy(int from, int to, struct id *digest);

/* Makes a dropped file, opened as fd when it had this status, the attachment of its digest, durably:
 * the file itself where it is movable, else a copy. One that is there and whole stays, and is as
 * young as this drop from now on. new/NAME has left when it succeeds. For a thread of its own: it
 * reads and syncs all of the file. Returns 0; -EBADMSG: the digest is another; -ESTALE: the file or
 * its name changed meanwhile; or another -errno. A kill anywhere leaves new/NAME, or the attachment,
 * or both, and at most a file of the spool's owner in tmp/. */
int blob_accept(const struct spool *spool, const char *name, int fd, const struct stat *status,
                bool movable);

/* The mark that a job uses an attachment: whether it is there; making it, not yet durable. */
bool blob_used(const struct spool *spool, const struct id *blob, const struct id *job);
int blob_use(const struct spool *spool, const struct id *blob, const struct id *job);

#endif
