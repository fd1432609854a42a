/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * events_mend: what a crash left of the last line of a day of events is cut off.
 */
#include "spool/events.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/day.h"
#include "base/jsontext.h"
#include "spool/file.h"

enum { PIECE = 64 * 1024 };

static bool is_log(const char *name)
{
    char date[DAY_SIZE] = "";
    int32_t day;

    if (strlen(name) < DAY_SIZE || strcmp(name + DAY_SIZE - 1, ".jsonl") != 0) {
        return false;
    }
    memcpy(date, name, DAY_SIZE - 1);
    return day_read(date, &day);
}

/* Reads length bytes at an offset. Returns 0 or -errno. */
static int read_at(int fd, char *bytes, size_t length, off_t at)
{
    while (length > 0) {
        ssize_t count = pread(fd, bytes, length, at);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return count < 0 ? -errno : -EIO;
        }
        bytes += count;
        length -= (size_t)count;
        at += count;
    }
    return 0;
}

/* Where the last line of a file of this size begins: behind its last newline. Returns that, or
 * -errno. */
static off_t last_line(int fd, off_t size)
{
    char piece[PIECE];

    while (size > 0) {
        size_t length = size < PIECE ? (size_t)size : PIECE;
        int result = read_at(fd, piece, length, size - (off_t)length);
        const char *newline;

        if (result < 0) {
            return result;
        }
        newline = memrchr(piece, '\n', length);
        if (newline != NULL) {
            return size - (off_t)length + (newline - piece) + 1;
        }
        size -= (off_t)length;
    }
    return 0;
}

/* Whether the rest of the file is a whole event that lacks no more than its newline: the next
 * writer ends it. Returns 1, 0 or -errno. */
static int is_whole(int fd, off_t from, off_t size)
{
    struct buffer line = {0};
    int result;

    buffer_reserve(&line, (size_t)(size - from));
    result = read_at(fd, line.bytes, (size_t)(size - from), from);
    if (result == 0) {
        json_t *event = jsontext_read_object(line.bytes, (size_t)(size - from), NULL);

        result = event != NULL;
        json_decref(event);
    }
    buffer_free(&line);
    return result;
}

/* Cuts a locked file. Returns how many bytes, or -errno. */
static off_t cut(int fd)
{
    struct stat status;
    off_t from;
    int whole;

    if (fstat(fd, &status) < 0) {
        return -errno;
    }
    from = last_line(fd, status.st_size);
    if (from < 0 || from == status.st_size) {
        return from < 0 ? from : 0;
    }
    whole = is_whole(fd, from, status.st_size);
    if (whole != 0) {
        return whole < 0 ? whole : 0;
    }
    return ftruncate(fd, from) == 0 ? status.st_size - from : -errno;
}

static off_t mend(int dir, const char *name)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    off_t result;

    if (fd < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
        result = cut(fd);
    } else {
        result = errno == EAGAIN || errno == EACCES ? 0 : -errno;
    }
    (void)close(fd); /* nothing was written; it gives up the lock as well */
    return result;
}

int events_mend(const struct spool *spool, uint64_t *bytes)
{
    DIR *list = file_list(spool->dir[FOLDER_EVENTS]);
    const struct dirent *entry;
    int result, problem = 0;

    *bytes = 0;
    if (list == NULL) {
        return -errno;
    }
    while ((result = file_list_next(list, &entry)) == 0 && entry != NULL) {
        off_t count = is_log(entry->d_name) ? mend(spool->dir[FOLDER_EVENTS], entry->d_name) : 0;

        if (count < 0) {
            problem = (int)count;
        } else {
            *bytes += (uint64_t)count;
        }
    }
    (void)closedir(list);
    return result < 0 ? result : problem;
}
