/* SPDX-License-Identifier: GPL-2.0-or-later */
/* eventlog_day: the files of one day of events, read line by line. */
#include "retain/eventlog_day.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/day.h"

#define PLAIN_END  ".jsonl"
#define PACKED_END ".jsonl.zst"

enum { PIECE = 64 * 1024, LINE_LIMIT = 16 << 20 };

void eventlog_name(int32_t day, enum eventlog_kind kind, char name[EVENTLOG_NAME_SIZE])
{
    day_write(day, name);
    strcat(name, kind == EVENTLOG_PACKED ? PACKED_END : PLAIN_END);
}

bool eventlog_name_read(const char *name, int32_t *day, enum eventlog_kind *kind)
{
    char date[DAY_SIZE];

    snprintf(date, sizeof date, "%s", name);
    if (strlen(name) < DAY_SIZE || !day_read(date, day)) {
        return false;
    }
    *kind = strcmp(name + DAY_SIZE - 1, PACKED_END) == 0 ? EVENTLOG_PACKED : EVENTLOG_PLAIN;
    return *kind == EVENTLOG_PACKED || strcmp(name + DAY_SIZE - 1, PLAIN_END) == 0;
}

void eventlog_attach(int fd, const char *name, enum eventlog_kind kind, struct eventlog_file *file)
{
    *file = (struct eventlog_file){.fd = fd};
    snprintf(file->name, sizeof file->name, "%s", name);
    if (kind == EVENTLOG_PACKED) {
        file->frames = frames_open(fd, 0, 0, FRAMES_ALL, false);
    }
}

int eventlog_open(const struct spool *spool, int32_t day, enum eventlog_kind kind,
                  struct eventlog_file *file)
{
    char name[EVENTLOG_NAME_SIZE];
    int fd;

    eventlog_name(day, kind, name);
    fd = openat(spool->dir[FOLDER_EVENTS], name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        *file = (struct eventlog_file){.fd = -1};
        return -errno;
    }
    eventlog_attach(fd, name, kind, file);
    return 0;
}

void eventlog_close(struct eventlog_file *file)
{
    frames_close(file->frames);
    buffer_free(&file->text);
    if (file->fd >= 0) {
        (void)close(file->fd); /* was only read */
    }
    *file = (struct eventlog_file){.fd = -1};
}

static int unreadable(const struct eventlog_file *file, struct error *error)
{
    error_system(error, errno, "cannot read events/%s", file->name);
    return -1;
}

/* Adds a piece to the text. Returns 1, 0 at the end, -1. */
static int more(struct eventlog_file *file, struct error *error)
{
    const void *bytes;
    ssize_t count;

    if (file->text.length > LINE_LIMIT) {
        error_set(error, ERROR_DATA, "events/%s has a line that is too long", file->name);
        return -1;
    }
    if (file->frames == NULL) {
        buffer_reserve(&file->text, PIECE);
        do {
            count = read(file->fd, file->text.bytes + file->text.length, PIECE);
        } while (count < 0 && errno == EINTR);
        if (count < 0) {
            return unreadable(file, error);
        }
        file->text.length += (size_t)count;
        return count > 0;
    }
    count = frames_next(file->frames, &bytes, error);
    if (count < 0) {
        error_prefix(error, "events/%s", file->name);
        return -1;
    }
    buffer_append(&file->text, bytes, (size_t)count);
    return count > 0;
}

static int give(struct eventlog_file *file, size_t bytes, size_t newline, const char **line,
                size_t *length)
{
    *line = file->text.bytes + file->taken;
    *length = bytes;
    file->taken += bytes + newline;
    return 1;
}

int eventlog_next(struct eventlog_file *file, const char **line, size_t *length,
                  struct error *error)
{
    size_t looked = file->taken;

    for (;;) {
        size_t left = file->text.length - looked;
        const char *end = left > 0 ? memchr(file->text.bytes + looked, '\n', left) : NULL;
        int result;

        if (end != NULL) {
            return give(file, (size_t)(end - file->text.bytes) - file->taken, 1, line, length);
        }
        buffer_drop(&file->text, file->taken);
        file->taken = 0;
        looked = file->text.length;
        result = more(file, error);
        if (result < 0) {
            return -1;
        }
        if (result == 0) {
            return looked > 0 ? give(file, looked, 0, line, length) : 0;
        }
    }
}

/* --- both files of a day -------------------------------------------------------------------------- */

/* The first and last lines of a file. */
struct ends {
    struct buffer first;
    struct buffer last;
};

static void ends_free(struct ends *ends)
{
    buffer_free(&ends->first);
    buffer_free(&ends->last);
}

static int read_ends(const struct spool *spool, int32_t day, enum eventlog_kind kind,
                     struct ends *ends, struct error *error)
{
    struct eventlog_file file;
    const char *line;
    size_t length, count = 0;
    int result = eventlog_open(spool, day, kind, &file);

    if (result < 0) {
        eventlog_name(day, kind, file.name);
        errno = -result;
        return unreadable(&file, error);
    }
    while ((result = eventlog_next(&file, &line, &length, error)) == 1) {
        struct buffer *end = &ends->last;

        if (count++ == 0) {
            buffer_append(&ends->first, line, length);
        }
        buffer_clear(end);
        buffer_append(end, line, length);
    }
    eventlog_close(&file);
    return result;
}

static bool same(const struct buffer *a, const struct buffer *b)
{
    return a->length == b->length && (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

/* Times and IDs in them make lines of different events different. The same beginning: the packed one
 * was made of the plain one, to which somebody may have appended since. The same end: the packed one
 * has the lines of the plain one behind others. */
int eventlog_choose(const struct spool *spool, int32_t day, struct eventlog_choice *choice,
                    struct error *error)
{
    struct ends packed = {0}, plain = {0};
    int result = read_ends(spool, day, EVENTLOG_PLAIN, &plain, error);

    if (result == 0) {
        result = read_ends(spool, day, EVENTLOG_PACKED, &packed, error);
    }
    *choice = (struct eventlog_choice){.packed = true, .plain = true};
    if (result == 0 && same(&packed.first, &plain.first)) {
        choice->packed = false;
    } else if (result == 0 && same(&packed.last, &plain.last)) {
        choice->plain = false;
    }
    ends_free(&packed);
    ends_free(&plain);
    return result;
}
