/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dayfile: see dayfile.h. */
#include "httpd/dayfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "retain/eventlog_day.h"

enum {
    PIECE = 64 * 1024,
    LINE_LIMIT = 1 << 20, /* bytes; no event is as long */
    SETTLE_TRIES = 20,    /* 100 us apart: a writer holds the lock for one write */
};

int dayfile_open(struct dayfile *file, const struct spool *spool, int32_t day, uint64_t at)
{
    char name[EVENTLOG_NAME_SIZE];
    int fd;

    eventlog_name(day, EVENTLOG_PLAIN, name);
    *file = DAYFILE_NONE;
    fd = openat(spool->dir[FOLDER_EVENTS], name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    file->fd = fd;
    file->day = day;
    file->at = at;
    return 0;
}

/* What was read of a line without its end may have been cut off since then. A file that somebody
 * else than its writers made shorter is gone on with. */
static int take_size(struct dayfile *file)
{
    struct stat status;

    if (fstat(file->fd, &status) < 0)
        return -errno;
    file->settled = (uint64_t)status.st_size;
    buffer_clear(&file->text);
    file->taken = 0;
    return file->at > file->settled + 1 ? dayfile_to_end(file) : 0;
}

int dayfile_settle(struct dayfile *file)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    int result;

    if (fcntl(file->fd, F_OFD_SETLK, &lock) < 0)
        return errno == EACCES || errno == EINTR ? -EAGAIN : -errno;
    result = take_size(file);
    lock.l_type = F_UNLCK;
    (void)fcntl(file->fd, F_OFD_SETLK, &lock); /* fails for a bad descriptor only */
    return result;
}

int dayfile_settle_soon(struct dayfile *file)
{
    const struct timespec pause = {.tv_nsec = 100 * 1000};
    int result = dayfile_settle(file);

    for (int i = 0; i < SETTLE_TRIES && result == -EAGAIN; i++) {
        (void)nanosleep(&pause, NULL);
        result = dayfile_settle(file);
    }
    return result < 0 ? take_size(file) : 0;
}

/* Reads at most length bytes at an offset. Returns how many, or -errno. */
static ssize_t read_at(int fd, char *bytes, size_t length, uint64_t at)
{
    ssize_t got;

    do {
        got = pread(fd, bytes, length, (off_t)at);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

int dayfile_to_end(struct dayfile *file)
{
    char piece[PIECE];
    uint64_t end = file->settled;

    buffer_clear(&file->text);
    file->taken = 0;
    while (end > 0) {
        size_t length = end < PIECE ? (size_t)end : PIECE;
        ssize_t got = read_at(file->fd, piece, length, end - length);
        const char *newline;

        if (got < 0)
            return (int)got;
        newline = memrchr(piece, '\n', (size_t)got);
        if (newline != NULL) {
            file->at = end - length + (uint64_t)(newline - piece) + 1;
            return 0;
        }
        end -= length;
    }
    file->at = 0;
    return 0;
}

/* Adds a piece to the text. Returns 1, 0 at the end of what is settled, or -errno. */
static int more(struct dayfile *file)
{
    uint64_t from = file->at + file->text.length;
    size_t length = PIECE;
    ssize_t got;

    if (from >= file->settled)
        return 0;
    if (file->settled - from < length)
        length = (size_t)(file->settled - from);
    buffer_reserve(&file->text, length);
    got = read_at(file->fd, file->text.bytes + file->text.length, length, from);
    if (got > 0)
        file->text.length += (size_t)got;
    return got > 0 ? 1 : (int)got;
}

static void forget_taken(struct dayfile *file)
{
    buffer_drop(&file->text, file->taken);
    file->taken = 0;
    if (file->text.length > LINE_LIMIT) {
        file->skipping = true;
        file->at += file->text.length;
        buffer_free(&file->text);
    }
}

static void give(struct dayfile *file, size_t size, const char **line, size_t *length)
{
    *line = file->text.bytes + file->taken;
    *length = file->skipping ? 0 : size;
    file->skipping = false;
    file->taken += size + 1;
    file->at += size + 1;
}

int dayfile_next(struct dayfile *file, const char **line, size_t *length)
{
    size_t looked = file->taken;

    for (;;) {
        size_t left = file->text.length - looked;
        const char *end = left > 0 ? memchr(file->text.bytes + looked, '\n', left) : NULL;
        int result;

        if (end != NULL) {
            give(file, (size_t)(end - file->text.bytes) - file->taken, line, length);
            return 1;
        }
        forget_taken(file);
        looked = file->text.length;
        result = more(file);
        if (result <= 0)
            return result;
    }
}

bool dayfile_rest(const struct dayfile *file, const char **line, size_t *length)
{
    *line = file->text.bytes;
    *length = file->text.length;
    return file->text.length > 0 && file->taken == 0 && !file->skipping;
}

void dayfile_take_rest(struct dayfile *file)
{
    file->at += file->text.length + 1;
    file->taken = file->text.length;
}

bool dayfile_gone(const struct dayfile *file)
{
    struct stat status;

    return fstat(file->fd, &status) < 0 || status.st_nlink == 0;
}

int dayfile_is_end(const struct dayfile *file, uint64_t at)
{
    struct stat status;
    ssize_t got;
    char byte;

    if (at == 0)
        return 1;
    if (fstat(file->fd, &status) < 0)
        return -errno;
    if (at == (uint64_t)status.st_size + 1) { /* its newline is to come: see dayfile_rest */
        got = read_at(file->fd, &byte, 1, at - 2);
        return got < 0 ? (int)got : got == 1 && byte != '\n';
    }
    got = read_at(file->fd, &byte, 1, at - 1);
    return got < 0 ? (int)got : got == 1 && byte == '\n';
}

void dayfile_close(struct dayfile *file)
{
    if (file->fd >= 0)
        (void)close(file->fd); /* was only read */
    buffer_free(&file->text);
    *file = DAYFILE_NONE;
}
