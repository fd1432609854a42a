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

/* Opens a day's file. Returns 0 or -errno; *file can be closed in any case. */
static int open_file(const struct spool *spool, int32_t day, enum eventlog_kind kind,
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

/* Goes back to the first line. Returns 0 or -1. */
static int rewind_file(struct eventlog_file *file, struct error *error)
{
    buffer_clear(&file->text);
    file->taken = 0;
    if (file->frames != NULL) {
        frames_close(file->frames);
        file->frames = frames_open(file->fd, 0, 0, FRAMES_ALL, false);
    } else if (lseek(file->fd, 0, SEEK_SET) < 0) {
        return unreadable(file, error);
    }
    return 0;
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

/* --- both files of a day --- */

/* Compares the lines of the packed file with the first lines of the plain one. */
struct comparison {
    struct eventlog_file *plain;
    const char *line; /* of the plain file, the one behind those that matched */
    size_t length;
    size_t matched; /* lines of it that the last lines of the packed file are */
    bool ended;     /* all of them matched */
    struct error *error;
};

static int next_plain(struct comparison *comparison)
{
    int result =
        eventlog_next(comparison->plain, &comparison->line, &comparison->length, comparison->error);

    comparison->ended = result == 0;
    return result < 0 ? -1 : 0;
}

static int start_again(struct comparison *comparison)
{
    comparison->matched = 0;
    return rewind_file(comparison->plain, comparison->error) < 0 ? -1 : next_plain(comparison);
}

static bool matches(const struct comparison *comparison, const char *line, size_t length)
{
    return length == comparison->length && memcmp(line, comparison->line, length) == 0;
}

/* Takes the next line of the packed file. */
static int compare(struct comparison *comparison, const char *line, size_t length)
{
    if (!matches(comparison, line, length) && comparison->matched > 0 &&
        start_again(comparison) < 0) {
        return -1;
    }
    if (!matches(comparison, line, length)) {
        return 0;
    }
    comparison->matched++;
    return next_plain(comparison);
}

/* How many of the first lines of the plain file are in the packed one: what it ends with, or all.
 * Times and IDs in them make lines of different events different. */
static int find_shared(struct eventlog_day *day, size_t *shared, struct error *error)
{
    struct comparison comparison = {.plain = &day->plain, .error = error};
    const char *line;
    size_t length;
    int result = next_plain(&comparison);

    while (result == 0 && !comparison.ended &&
           (result = eventlog_next(&day->packed, &line, &length, error)) == 1) {
        result = compare(&comparison, line, length);
    }
    *shared = comparison.matched;
    return result;
}

static int skip_lines(struct eventlog_file *file, size_t count, struct error *error)
{
    const char *line;
    size_t length;
    int result = 1;

    while (count-- > 0 && result == 1) {
        result = eventlog_next(file, &line, &length, error);
    }
    return result < 0 ? -1 : 0;
}

static int settle(struct eventlog_day *day, struct error *error)
{
    size_t shared;

    if (find_shared(day, &shared, error) < 0 || rewind_file(&day->packed, error) < 0 ||
        rewind_file(&day->plain, error) < 0) {
        return -1;
    }
    return skip_lines(&day->plain, shared, error);
}

static int cannot_open(const struct spool *spool, int32_t day, enum eventlog_kind kind, int problem,
                       struct error *error)
{
    char name[EVENTLOG_NAME_SIZE];

    eventlog_name(day, kind, name);
    error_system(error, -problem, "cannot read %s/events/%s", spool->path, name);
    return -1;
}

int eventlog_day_open(const struct spool *spool, int32_t day, struct eventlog_day *files,
                      struct error *error)
{
    int plain = open_file(spool, day, EVENTLOG_PLAIN, &files->plain);
    int packed = open_file(spool, day, EVENTLOG_PACKED, &files->packed);
    int result = 0;

    if (plain < 0 && plain != -ENOENT) {
        result = cannot_open(spool, day, EVENTLOG_PLAIN, plain, error);
    } else if (packed < 0 && packed != -ENOENT) {
        result = cannot_open(spool, day, EVENTLOG_PACKED, packed, error);
    } else if (plain == 0 && packed == 0) {
        result = settle(files, error);
    }
    if (result < 0) {
        eventlog_day_close(files);
    }
    return result;
}

int eventlog_day_next(struct eventlog_day *files, const char **line, size_t *length,
                      struct error *error)
{
    int result = 0;

    if (files->packed.fd >= 0) {
        result = eventlog_next(&files->packed, line, length, error);
    }
    if (result == 0 && files->plain.fd >= 0) {
        result = eventlog_next(&files->plain, line, length, error);
    }
    return result;
}

void eventlog_day_close(struct eventlog_day *files)
{
    eventlog_close(&files->plain);
    eventlog_close(&files->packed);
}
