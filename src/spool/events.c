/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * events: the log of transitions, one file a day, many writers.
 */
#include "spool/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "spool/file.h"

enum {
    PENDING_LIMIT = 16 << 20, /* bytes kept while they cannot be written */
    PENDING_DROP = 1 << 20,   /* bytes that go at once beyond it, so that dropping stays cheap */
    KEPT_LIMIT = 1 << 20,     /* bytes of memory kept for the next lines */
    DAY_SIZE = 11,            /* YYYY-MM-DD and a NUL */
    LOCK_TRIES = 20,          /* a millisecond apart: other writers hold the lock for one write */
    REOPEN_TRIES = 4,
};

struct events {
    const struct spool *spool;
    const struct clock *clock;
    struct buffer pending; /* whole lines */
    char day[DAY_SIZE];    /* of the newest of them; its file is where they go */
    int64_t stamp_ms;      /* the moment that stamp tells, or -1: many lines share one */
    char stamp[TIMETEXT_SIZE];
    uint64_t lost;         /* lines dropped that the log does not tell of yet */
    int fd;                /* of a day's file, or -1 */
    char open_day[DAY_SIZE];
    dev_t device; /* of the open file */
    ino_t inode;
    off_t size;   /* it had after our last write, or -1: its last line may be torn */
    bool patient; /* the last try for the lock did not time out */
    void (*heard)(void *context, const char *kind); /* or NULL */
    void *heard_context;
};

struct events *events_open(const struct spool *spool, const struct clock *clock)
{
    struct events *events = xcalloc(1, sizeof(*events));

    events->spool = spool;
    events->clock = clock;
    events->fd = -1;
    events->patient = true;
    events->stamp_ms = -1;
    return events;
}

/* The time as text, valid until the next call. */
static const char *stamp_now(struct events *events)
{
    struct wall now = clock_wall(events->clock);

    if (now.ms != events->stamp_ms) {
        timetext_write(now, events->stamp);
        events->stamp_ms = now.ms;
    }
    return events->stamp;
}

/* Appends the line of one event. */
static void line_write(struct buffer *out, const char *time, const char *kind, json_t *fields)
{
    const char *key;
    json_t *value;

    buffer_text(out, "{\"time\":\"");
    buffer_text(out, time);
    buffer_text(out, "\",\"event\":");
    jsontext_write_string(out, kind, strlen(kind));
    json_object_foreach(fields, key, value)
    {
        if (json_is_null(value))
            continue;
        buffer_byte(out, ',');
        jsontext_write_string(out, key, strlen(key));
        buffer_byte(out, ':');
        jsontext_write(out, value);
    }
    buffer_text(out, "}\n");
}

/* Drops the oldest lines, about PENDING_DROP bytes of them. */
static void drop_oldest(struct events *events)
{
    const char *bytes = events->pending.bytes;
    size_t end = 0;

    while (end < PENDING_DROP) {
        const char *newline = memchr(bytes + end, '\n', events->pending.length - end);
        end = (size_t)(newline - bytes) + 1;
        events->lost++;
    }
    buffer_drop(&events->pending, end);
}

/* An event's line stands in the file of its own day: older lines are written first. Where that
 * fails they go with the newer ones, which is better than not at all. */
static void begin_day(struct events *events, const char *day)
{
    if (memcmp(events->day, day, DAY_SIZE - 1) == 0)
        return;
    if (events->pending.length > 0)
        (void)events_flush(events);
    memcpy(events->day, day, DAY_SIZE - 1);
}

void events_listen(struct events *events, void (*heard)(void *context, const char *kind),
                   void *context)
{
    events->heard = heard;
    events->heard_context = context;
}

void events_add(struct events *events, const char *kind, json_t *fields)
{
    const char *time = stamp_now(events);

    begin_day(events, time);
    line_write(&events->pending, time, kind, fields);
    json_decref(fields);
    while (events->pending.length > PENDING_LIMIT)
        drop_oldest(events);
    if (events->heard != NULL)
        events->heard(events->heard_context, kind);
}

/* Gives a file that was just made the spool's mode and owner: of what root makes the daemon must be
 * able to write. Returns 0 or -errno. */
static int set_rights(const struct spool *spool, int fd)
{
    if (fchmod(fd, spool->job_mode) < 0)
        return -errno;
    if (geteuid() == 0 && spool->owner != 0 && fchown(fd, spool->owner, (gid_t)-1) < 0)
        return -errno;
    return 0;
}

/* Opens the file NAME of a day, made with exactly the spool's rights where it is missing. Its last
 * byte is read, hence O_RDWR. */
static int open_log(const struct spool *spool, const char *name)
{
    const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC;
    int dir = spool->dir[FOLDER_EVENTS];
    int fd = openat(dir, name, flags);

    if (fd >= 0 || errno != ENOENT)
        return fd < 0 ? -errno : fd;
    fd = openat(dir, name, flags | O_CREAT | O_EXCL, spool->job_mode);
    if (fd < 0)
        return errno == EEXIST ? -EAGAIN : -errno;
    int result = set_rights(spool, fd);
    if (result < 0) {
        (void)close(fd);
        return result;
    }
    return fd;
}

static void close_log(struct events *events)
{
    if (events->fd >= 0)
        (void)close(events->fd); /* what was written was checked, and nothing here is synced */
    events->fd = -1;
}

static int reopen_log(struct events *events, const char *name)
{
    struct stat status;

    close_log(events);
    int fd = open_log(events->spool, name);
    if (fd < 0)
        return fd;
    if (fstat(fd, &status) < 0) {
        int result = -errno;
        (void)close(fd);
        return result;
    }
    events->fd = fd;
    events->device = status.st_dev;
    events->inode = status.st_ino;
    events->size = -1;
    memcpy(events->open_day, events->day, sizeof(events->open_day));
    return 0;
}

/* Takes the write lock. Any reader may hold a read lock for as long as it likes, and the owner of
 * the log has other work: so the wait is bounded, and after it timed out each call tries once only
 * until the lock is to be had again. */
static int lock_log(struct events *events)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const struct timespec pause = {.tv_nsec = 1000000};

    for (int i = 0;; i++) {
        if (fcntl(events->fd, F_OFD_SETLK, &lock) == 0) {
            events->patient = true;
            return 0;
        }
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return -errno;
        if (!events->patient || i == LOCK_TRIES) {
            events->patient = false;
            return -EAGAIN;
        }
        (void)nanosleep(&pause, NULL);
    }
}

static void unlock_log(const struct events *events)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    (void)fcntl(events->fd, F_OFD_SETLK, &lock); /* fails for a bad descriptor only */
}

/* Opens, where needed, and locks the file that now has the day's name; somebody may have deleted or
 * rotated the one that is open. *size receives its length. */
static int acquire_log(struct events *events, off_t *size)
{
    char name[DAY_SIZE + sizeof(".jsonl")];
    struct stat found;
    int result = -EAGAIN;

    memcpy(name, events->day, DAY_SIZE - 1);
    memcpy(name + DAY_SIZE - 1, ".jsonl", sizeof(".jsonl"));
    for (int i = 0; i < REOPEN_TRIES; i++) {
        bool stale = events->fd < 0 || memcmp(events->open_day, events->day, DAY_SIZE) != 0;
        result = stale ? reopen_log(events, name) : 0;
        if (result == -EAGAIN)
            continue;
        result = result == 0 ? lock_log(events) : result;
        if (result < 0)
            return result;
        if (fstatat(events->spool->dir[FOLDER_EVENTS], name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
            found.st_ino == events->inode && found.st_dev == events->device) {
            *size = found.st_size;
            return 0;
        }
        close_log(events); /* gives up the lock as well */
        result = -EAGAIN;
    }
    return result;
}

/* Whether the file ends in the middle of a line, because another writer died. What we left ended
 * well, so only a length that is not ours needs a look. Returns 1, 0 or -errno. */
static int ends_torn(const struct events *events, off_t size)
{
    char last;

    if (size == 0 || size == events->size)
        return 0;
    ssize_t got = pread(events->fd, &last, 1, size - 1);
    if (got < 0)
        return -errno;
    return got == 1 && last != '\n';
}

/* Appends lines; when not all of them could be written none are, so that no line is cut. */
static int append_whole(struct events *events, const char *lines, size_t length)
{
    off_t before = events->size;
    int result = file_write(events->fd, lines, length);

    if (result == 0)
        events->size += (off_t)length;
    else if (ftruncate(events->fd, before) < 0)
        events->size = -1; /* the next flush ends the line that is cut */
    return result;
}

/* Tells, after the lines that survived, how many did not. */
static int append_lost(struct events *events)
{
    struct buffer line = {0};
    json_t *fields = json_object();

    (void)json_object_set_new(fields, "count", json_integer((json_int_t)events->lost));
    line_write(&line, stamp_now(events), "events_lost", fields);
    json_decref(fields);
    int result = append_whole(events, line.bytes, line.length);
    if (result == 0)
        events->lost = 0;
    buffer_free(&line);
    return result;
}

/* Appends what is pending to the file that is locked and has this size. */
static int append_pending(struct events *events, off_t size)
{
    int torn = ends_torn(events, size);
    int result = torn < 0 ? torn : 0;

    events->size = size;
    if (torn > 0)
        result = append_whole(events, "\n", 1);
    if (result == 0 && events->pending.length > 0)
        result = append_whole(events, events->pending.bytes, events->pending.length);
    if (result < 0)
        return result;
    if (events->pending.capacity > KEPT_LIMIT)
        buffer_free(&events->pending);
    else
        buffer_clear(&events->pending);
    return events->lost > 0 ? append_lost(events) : 0;
}

int events_flush(struct events *events)
{
    off_t size = 0;

    if (events->pending.length == 0 && events->lost == 0)
        return 0;
    int result = acquire_log(events, &size);
    if (result < 0)
        return result;
    result = append_pending(events, size);
    unlock_log(events);
    return result;
}

void events_close(struct events *events)
{
    if (events == NULL)
        return;
    (void)events_flush(events);
    close_log(events);
    buffer_free(&events->pending);
    free(events);
}
