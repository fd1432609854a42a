/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file: reading and writing whole files relative to a folder's descriptor. */
#include "spool/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "spool/layout.h"
#include "spool/visible.h"

enum { READ_CHUNK = 64 * 1024, DIGEST_CHUNK = 256 * 1024, TEMP_TRIES = 8 };

static ssize_t read_once(int fd, void *bytes, size_t length)
{
    ssize_t count;
    do {
        count = read(fd, bytes, length);
    } while (count < 0 && errno == EINTR);
    return count;
}

static int forget(struct buffer *out, size_t length, int problem)
{
    out->length = length;
    out->bytes[length] = '\0';
    return problem;
}

/* Reads fd to its end. expected is the size that a regular file had, or SIZE_MAX when only reading
 * nothing tells the end: a short read at or after the expected size is the end too, which saves a
 * call. */
static int read_all(int fd, size_t limit, size_t expected, struct buffer *out)
{
    size_t before = out->length;
    size_t chunk = expected == SIZE_MAX ? READ_CHUNK : expected + 1;
    for (;;) {
        buffer_reserve(out, chunk);
        ssize_t count = read_once(fd, out->bytes + out->length, chunk);
        if (count < 0) {
            return forget(out, before, -errno);
        }
        out->length += (size_t)count;
        out->bytes[out->length] = '\0';
        size_t total = out->length - before;
        if (total > limit) {
            return forget(out, before, -EFBIG);
        }
        if (count == 0 || ((size_t)count < chunk && total >= expected)) {
            return 0;
        }
        chunk = READ_CHUNK;
    }
}

int file_read(int fd, size_t limit, struct buffer *out)
{
    return read_all(fd, limit, SIZE_MAX, out);
}

static int read_regular(int fd, size_t limit, struct buffer *out, struct stat *status)
{
    if (fstat(fd, status) != 0) {
        return -errno;
    }
    if (!S_ISREG(status->st_mode)) {
        return S_ISDIR(status->st_mode) ? -EISDIR : -EINVAL;
    }
    if ((uintmax_t)status->st_size > limit) {
        return -EFBIG;
    }
    return read_all(fd, limit, (size_t)status->st_size, out);
}

int file_digest(int fd, unsigned char digest[SHA256_SIZE])
{
    struct sha256 *sum = sha256_start();
    char *bytes = xmalloc(DIGEST_CHUNK);
    off_t at = 0;
    ssize_t count;
    int result;

    do {
        count = pread(fd, bytes, DIGEST_CHUNK, at);
        if (count > 0) {
            sha256_add(sum, bytes, (size_t)count);
            at += count;
        }
    } while (count > 0 || (count < 0 && errno == EINTR));
    result = count < 0 ? -errno : 0;
    sha256_end(sum, digest);
    free(bytes);
    return result;
}

int file_read_at(int dir, const char *name, size_t limit, struct buffer *out, struct stat *status)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return -errno;
    }
    struct stat own;
    int result = read_regular(fd, limit, out, status != NULL ? status : &own);
    /* Nothing was written through this descriptor, so closing it can lose nothing. */
    (void)close(fd);
    return result;
}

int file_write(int fd, const void *bytes, size_t length)
{
    const char *next = bytes;
    while (length > 0) {
        ssize_t count = write(fd, next, length);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return count < 0 ? -errno : -EIO;
        }
        next += count;
        length -= (size_t)count;
    }
    return 0;
}

static int fill(int fd, mode_t mode, bool exact, const void *bytes, size_t length, bool durable)
{
    int result = file_write(fd, bytes, length);
    if (result == 0) {
        result = exact ? visible_exact(fd, mode) : fchmod(fd, mode) == 0 ? 0 : -errno;
    }
    if (result == 0 && durable && fsync(fd) != 0) {
        result = -errno;
    }
    /* Some file systems report a failed write only here. */
    if (close(fd) != 0 && result == 0) {
        result = -errno;
    }
    return result;
}

static int make(int dir, const char *name, mode_t mode, bool exact, const void *bytes,
                size_t length, bool durable)
{
    /* The owner's bits alone until all is written: the rest is set on the open file, where no umask
     * counts. */
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir, name, flags, mode & S_IRWXU);
    if (fd < 0) {
        return -errno;
    }
    int result = fill(fd, mode, exact, bytes, length, durable);
    if (result != 0) {
        (void)unlinkat(dir, name, 0);
    }
    return result;
}

int file_make(int dir, const char *name, mode_t mode, const void *bytes, size_t length,
              bool durable)
{
    return make(dir, name, mode, false, bytes, length, durable);
}

static int make_temp(int dir, char name[RANDOM_NAME_SIZE], mode_t mode, bool exact,
                     const void *bytes, size_t length, bool durable)
{
    int result = -EEXIST;
    for (int i = 0; i < TEMP_TRIES && result == -EEXIST; i++) {
        random_name(name);
        result = make(dir, name, mode, exact, bytes, length, durable);
    }
    return result;
}

int file_make_temp(int dir, char name[RANDOM_NAME_SIZE], mode_t mode, const void *bytes,
                   size_t length, bool durable)
{
    return make_temp(dir, name, mode, false, bytes, length, durable);
}

/* Renames temp_dir/temp over dir/name; when that fails, temp is removed. */
static int rename_over(int temp_dir, const char *temp, int dir, const char *name, bool durable)
{
    if (renameat(temp_dir, temp, dir, name) != 0) {
        int result = -errno;
        (void)unlinkat(temp_dir, temp, 0);
        return result;
    }
    return durable ? file_sync_dir(dir) : 0;
}

int file_replace(int temp_dir, int dir, const char *name, mode_t mode, const void *bytes,
                 size_t length, bool durable)
{
    char temp[TEMP_NAME_SIZE];
    temp_name_write(temp);
    int result = make(temp_dir, temp, mode, true, bytes, length, durable);
    return result != 0 ? result : rename_over(temp_dir, temp, dir, name, durable);
}

int file_replace_as_guest(int temp_dir, int dir, const char *name, mode_t mode, const void *bytes,
                          size_t length, bool durable)
{
    char temp[RANDOM_NAME_SIZE];
    int result = make_temp(temp_dir, temp, mode, true, bytes, length, durable);
    return result != 0 ? result : rename_over(temp_dir, temp, dir, name, durable);
}

int file_sync_dir(int dir)
{
    return fsync(dir) == 0 ? 0 : -errno;
}

DIR *file_list(int dir)
{
    /* Opened anew: a duplicate of dir would share its reading position. */
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    DIR *list = fdopendir(fd);
    if (list == NULL) {
        int problem = errno;
        (void)close(fd);
        errno = problem;
    }
    return list;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int file_list_next(DIR *list, const struct dirent **entry)
{
    do {
        errno = 0;
        *entry = readdir(list);
    } while (*entry != NULL && is_dot((*entry)->d_name));
    return *entry == NULL ? -errno : 0;
}
