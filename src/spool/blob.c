/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blob: attachments in blobs/. */
#include "spool/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sha256.h"
#include "base/xalloc.h"
#include "spool/file.h"
#include "spool/move.h"

enum {
    COPY_CHUNK = 256 * 1024,
    READ_MORE = 128 * 1024, /* room that reading wants at the end */
};

static void file_name(const struct id *blob, bool gone, char out[BLOB_NAME_SIZE])
{
    blob_entry_write(&(struct blob_entry){.kind = BLOB_FILE, .blob = *blob, .gone = gone}, out);
}

/* Brings one back that is being removed. Returns whether it is there again. */
static bool revive(const struct spool *spool, const struct id *blob)
{
    char name[BLOB_NAME_SIZE], gone[BLOB_NAME_SIZE];
    int dir = spool->dir[FOLDER_BLOBS];
    file_name(blob, false, name);
    file_name(blob, true, gone);
    int result = move_noreplace(dir, gone, dir, name);
    return result == 0 || result == -EEXIST;
}

/* Opens an attachment for reading. Returns a descriptor or -errno. */
static int open_blob(const struct spool *spool, const struct id *blob, struct stat *status)
{
    char name[BLOB_NAME_SIZE];
    int dir = spool->dir[FOLDER_BLOBS];
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    file_name(blob, false, name);
    int fd = openat(dir, name, flags);
    if (fd < 0 && errno == ENOENT) {
        fd = revive(spool, blob) ? openat(dir, name, flags) : -1;
        errno = fd < 0 ? ENOENT : 0;
    }
    if (fd < 0) {
        return -errno;
    }
    int result = fstat(fd, status) != 0 ? -errno : S_ISREG(status->st_mode) ? 0 : -EINVAL;
    if (result != 0) {
        (void)close(fd);
        return result;
    }
    return fd;
}

int64_t blob_size(const struct spool *spool, const struct id *blob)
{
    struct stat status;
    char name[BLOB_NAME_SIZE];
    file_name(blob, false, name);
    int dir = spool->dir[FOLDER_BLOBS];
    int result = fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW);
    if (result != 0 && errno == ENOENT && revive(spool, blob)) {
        result = fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW);
    }
    if (result != 0) {
        return -errno;
    }
    return S_ISREG(status.st_mode) ? (int64_t)status.st_size : -EINVAL;
}

int blob_read(const struct spool *spool, const struct id *blob, size_t limit, struct buffer *out)
{
    struct stat status;
    int fd = open_blob(spool, blob, &status);
    if (fd < 0) {
        return fd;
    }
    size_t before = out->length;
    int result = (uintmax_t)status.st_size > limit ? -EFBIG : 0;
    if (result == 0) {
        buffer_reserve(out, (size_t)status.st_size + READ_MORE);
        result = file_read(fd, limit, out);
    }
    (void)close(fd);
    if (result == 0) {
        struct id digest;
        sha256_digest(out->bytes + before, out->length - before, digest.bytes);
        result = id_equal(&digest, blob) ? 0 : -EBADMSG;
    }
    return result;
}

/* Taking what was dropped */

/* Whether the attachment is there and whole; it is young again then, which keeps it from who removes old
 * ones. That the name still leads to the file that was made young is looked at last: who moves it away
 * after that sees the new time. */
static bool is_here(const struct spool *spool, const struct id *blob, const char *name)
{
    struct stat status, now;
    struct id digest;
    int fd = open_blob(spool, blob, &status);
    if (fd < 0) {
        return false;
    }
    bool here = file_digest(fd, digest.bytes) == 0 && id_equal(&digest, blob) &&
                futimens(fd, NULL) == 0 &&
                fstatat(spool->dir[FOLDER_BLOBS], name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
                file_same(&now, &status);
    (void)close(fd);
    return here;
}

/* The dropped file itself becomes the attachment. Another file may have taken its name since it was
 * opened: that one goes back through the door. */
static int accept_move(const struct spool *spool, const char *drop, int fd,
                       const struct stat *status, const char *name)
{
    int dir = spool->dir[FOLDER_BLOBS];
    struct stat now;
    if (fchmod(fd, spool->job_mode) != 0 || futimens(fd, NULL) != 0 || fsync(fd) != 0 ||
        renameat(spool->dir[FOLDER_NEW], drop, dir, name) != 0) {
        return -errno;
    }
    if (fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) != 0) {
        return -errno;
    }
    if (!file_same(&now, status)) {
        int result = move_noreplace(dir, name, spool->dir[FOLDER_NEW], drop);
        return result < 0 ? result : -ESTALE;
    }
    return file_sync_dir(dir);
}

int blob_copy(int from, int to, struct id *digest)
{
    struct sha256 *sum = sha256_start();
    char *bytes = xmalloc(COPY_CHUNK);
    off_t at = 0;
    int result = 0;
    ssize_t count = 1;
    while (result == 0 && count > 0) {
        count = pread(from, bytes, COPY_CHUNK, at);
        if (count > 0) {
            sha256_add(sum, bytes, (size_t)count);
            at += count;
            result = file_write(to, bytes, (size_t)count);
        } else if (count < 0) {
            result = errno == EINTR ? 0 : -errno;
            count = result == 0 ? 1 : count;
        }
    }
    sha256_end(sum, digest->bytes);
    free(bytes);
    return result;
}

/* The owner of a foreign file may still hold it open: a copy is our own. */
static int accept_copy(const struct spool *spool, int fd, const struct id *blob, const char *name)
{
    char temp[TEMP_NAME_SIZE];
    int tmp = spool->dir[FOLDER_TMP], dir = spool->dir[FOLDER_BLOBS];
    struct id digest;
    temp_name_write(temp);
    int to = openat(tmp, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0) {
        return -errno;
    }
    int result = blob_copy(fd, to, &digest);
    if (result == 0 && !id_equal(&digest, blob)) {
        result = -EBADMSG;
    }
    if (result == 0 && (fchmod(to, spool->job_mode) != 0 || fsync(to) != 0)) {
        result = -errno;
    }
    if (close(to) != 0 && result == 0) {
        result = -errno;
    }
    if (result == 0 && renameat(tmp, temp, dir, name) != 0) {
        result = -errno;
    }
    if (result != 0) {
        (void)unlinkat(tmp, temp, 0);
        return result;
    }
    return file_sync_dir(dir);
}

int blob_accept(const struct spool *spool, const char *drop, int fd, const struct stat *status,
                bool movable)
{
    struct id blob, digest;
    char name[BLOB_NAME_SIZE];
    blob_drop_read(drop, &blob);
    file_name(&blob, false, name);
    int result = file_digest(fd, digest.bytes);
    if (result != 0) {
        return result;
    }
    if (!id_equal(&digest, &blob)) {
        return -EBADMSG;
    }
    if (!is_here(spool, &blob, name)) {
        result = movable ? accept_move(spool, drop, fd, status, name)
                         : accept_copy(spool, fd, &blob, name);
        if (result != 0 || movable) {
            return result;
        }
    }
    result = move_out(spool, FOLDER_NEW, drop, status);
    return result == -ENOENT ? 0 : result;
}

/* Marks */

static void use_name(const struct id *blob, const struct id *job, char out[BLOB_NAME_SIZE])
{
    blob_entry_write(&(struct blob_entry){.kind = BLOB_USE, .blob = *blob, .job = *job}, out);
}

bool blob_used(const struct spool *spool, const struct id *blob, const struct id *job)
{
    char name[BLOB_NAME_SIZE];
    use_name(blob, job, name);
    return faccessat(spool->dir[FOLDER_BLOBS], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int blob_use(const struct spool *spool, const struct id *blob, const struct id *job)
{
    char name[BLOB_NAME_SIZE];
    use_name(blob, job, name);
    int result = file_make(spool->dir[FOLDER_BLOBS], name, spool->job_mode, "", 0, false);
    return result == -EEXIST ? 0 : result;
}
