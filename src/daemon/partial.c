/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * partial: cur/ID.partial, the answer so far of a running job with "stream": true.
 */
#include "daemon/partial.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "spool/file.h"
#include "spool/visible.h"

struct partial {
    int cur;
    char name[ENTRY_NAME_SIZE];
    mode_t mode;
    uid_t reader;
    int fd;         /* -1: not made yet */
    size_t shown;   /* bytes of the text that are in the file */
    int64_t due_ms; /* monotonic: not written before */
    bool waits;     /* there is more text than was shown */
    bool told;      /* that it failed */
};

struct partial *partial_open(int cur, const struct id *id, mode_t mode, uid_t reader)
{
    struct partial *partial = xmalloc(sizeof *partial);
    *partial = (struct partial){
        .cur = cur, .mode = mode, .reader = reader, .fd = -1, .due_ms = INT64_MIN};
    entry_write(ENTRY_PARTIAL, id, 0, partial->name);
    return partial;
}

/* Emptied, not replaced: whoever follows the file goes on with this request. */
static int partial_make(struct partial *partial)
{
    struct stat status;
    int fd = openat(partial->cur, partial->name,
                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                    partial->mode & 0600);
    if (fd == -1)
        return -errno;
    int failed = 0;
    if (fstat(fd, &status) == -1 || fchmod(fd, partial->mode) == -1)
        failed = -errno;
    else if (!S_ISREG(status.st_mode))
        failed = -EEXIST;
    else
        failed = visible_grant(fd, partial->reader);
    if (failed != 0)
        (void)close(fd);
    else
        partial->fd = fd;
    return failed;
}

static int partial_append(struct partial *partial, const struct buffer *text)
{
    assert(text->length >= partial->shown);
    if (text->length == partial->shown)
        return 0;
    int failed = partial->fd == -1 ? partial_make(partial) : 0;
    if (failed == 0)
        failed =
            file_write(partial->fd, text->bytes + partial->shown, text->length - partial->shown);
    if (failed == 0) {
        partial->shown = text->length;
    } else if (partial->fd != -1) {
        /* Part of it may be there, and end within a character. */
        off_t end = (off_t)partial->shown;
        if (ftruncate(partial->fd, end) == -1 || lseek(partial->fd, end, SEEK_SET) == -1)
            return -errno;
    }
    return failed;
}

int partial_show(struct partial *partial, const struct buffer *text, struct mono now)
{
    partial->waits = text->length > partial->shown;
    if (!partial->waits || now.ms < partial->due_ms)
        return 0;
    int failed = partial_append(partial, text);
    partial->due_ms = now.ms + PARTIAL_EVERY_MS;
    partial->waits = failed != 0;
    if (failed == 0 || partial->told)
        return 0;
    partial->told = true;
    return failed;
}

int64_t partial_due_ms(const struct partial *partial, struct mono now)
{
    if (!partial->waits)
        return -1;
    return partial->due_ms > now.ms ? partial->due_ms - now.ms : 0;
}

int partial_close(struct partial *partial, const struct buffer *text)
{
    if (partial == NULL)
        return 0;
    int failed = text != NULL ? partial_append(partial, text) : 0;
    if (text == NULL && unlinkat(partial->cur, partial->name, 0) == -1 && errno != ENOENT)
        failed = -errno;
    if (partial->fd != -1 && close(partial->fd) == -1 && failed == 0)
        failed = -errno;
    free(partial);
    return failed;
}
