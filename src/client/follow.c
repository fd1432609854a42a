/* SPDX-License-Identifier: GPL-2.0-or-later */
/* follow: events as they come; declared in chronicle.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "client/chronicle_parts.h"
#include "retain/eventlog.h"
#include "retain/eventlog_day.h"

/* inotify is a hint here as elsewhere: it wakes early, and all is looked at anyway. */
enum { TOLD_MS = 60 * 1000, UNTOLD_MS = 1000, CHUNK = 64 * 1024 };

/* The day that is being read. Its file stays open: when it is compressed and deleted meanwhile all of it
 * can be read all the same. */
struct tail {
    const struct spool *spool;
    struct reading *reading;
    int notices; /* inotify, or -1 */
    int32_t day;
    int fd; /* of the day's file, or -1: there is none yet */
    off_t at;
    struct buffer line; /* begun, its end not written yet */
};

/* --- waiting -------------------------------------------------------------------------------------- */

static void watch(struct tail *tail)
{
    char path[64];

    tail->notices = -1;
    if (getenv("LLMSPOOL_NO_INOTIFY") != NULL) {
        return;
    }
    tail->notices = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    snprintf(path, sizeof path, "/proc/self/fd/%d", tail->spool->dir[FOLDER_EVENTS]);
    if (tail->notices >= 0 &&
        inotify_add_watch(tail->notices, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0) {
        close(tail->notices);
        tail->notices = -1;
    }
}

static void wait_for_more(const struct tail *tail)
{
    struct pollfd fd = {.fd = tail->notices, .events = POLLIN};
    char events[4096];

    (void)poll(&fd, 1, tail->notices >= 0 ? TOLD_MS : UNTOLD_MS);
    while (tail->notices >= 0 && read(tail->notices, events, sizeof events) > 0) {
    }
}

/* --- reading -------------------------------------------------------------------------------------- */

static void take(struct tail *tail, const char *bytes, size_t length)
{
    while (length > 0) {
        const char *stop = memchr(bytes, '\n', length);
        size_t size = stop != NULL ? (size_t)(stop - bytes) : length;

        buffer_append(&tail->line, bytes, size);
        if (stop == NULL) {
            return;
        }
        (void)chronicle_look(tail->reading, tail->line.bytes != NULL ? tail->line.bytes : "",
                             tail->line.length);
        buffer_clear(&tail->line);
        bytes += size + 1;
        length -= size + 1;
    }
}

/* Reads what the day's file has more. A torn end that was cut off again is forgotten. */
static int read_more(struct tail *tail, struct error *error)
{
    char bytes[CHUNK];
    struct stat status;
    ssize_t got;

    if (tail->fd < 0) {
        return 0;
    }
    if (fstat(tail->fd, &status) == 0 && status.st_size < tail->at) {
        tail->at = status.st_size;
        buffer_clear(&tail->line);
    }
    while ((got = pread(tail->fd, bytes, sizeof bytes, tail->at)) > 0 || (got < 0 && errno == EINTR)) {
        if (got > 0) {
            tail->at += got;
            take(tail, bytes, (size_t)got);
        }
    }
    if (got < 0) {
        error_system(error, errno, "events cannot be read");
        return -1;
    }
    return 0;
}

static int open_day(struct tail *tail, struct error *error)
{
    char name[EVENTLOG_NAME_SIZE];

    if (tail->fd >= 0) {
        return 0;
    }
    eventlog_name(tail->day, EVENTLOG_PLAIN, name);
    tail->fd = openat(tail->spool->dir[FOLDER_EVENTS], name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (tail->fd < 0 && errno != ENOENT) {
        error_system(error, errno, "events/%s cannot be read", name);
        return -1;
    }
    tail->at = 0;
    buffer_clear(&tail->line);
    return 0;
}

static void close_day(struct tail *tail)
{
    if (tail->fd >= 0) {
        close(tail->fd);
    }
    tail->fd = -1;
}

/* What was written until a day was over is read before the next is begun; one that was compressed before
 * it was opened (this was stopped for days) is read from there. */
static int go_on(struct tail *tail, struct error *error)
{
    int32_t today = chronicle_day(clock_wall(&clock_system).ms);

    while (tail->day < today) {
        struct eventlog_span span = {tail->day, tail->day};

        if (open_day(tail, error) < 0) {
            return -1;
        }
        if (tail->fd >= 0 ? read_more(tail, error) < 0
                          : eventlog_each(tail->spool, span, false, chronicle_look, tail->reading,
                                          error) < 0) {
            return -1;
        }
        close_day(tail);
        tail->day++;
    }
    return open_day(tail, error) < 0 ? -1 : read_more(tail, error);
}

/* From now on: what lies there already was told before. */
static int begin_now(struct tail *tail, struct error *error)
{
    struct stat status;

    if (open_day(tail, error) < 0) {
        return -1;
    }
    if (tail->fd >= 0 && fstat(tail->fd, &status) == 0) {
        tail->at = status.st_size;
    }
    return 0;
}

static int follow(struct tail *tail, const struct chronicle_plan *plan, struct error *error)
{
    int64_t now_ms = clock_wall(&clock_system).ms;
    struct eventlog_span span;

    tail->day = chronicle_day(now_ms);
    watch(tail); /* before anything is read, so that nothing comes between */
    if (plan->since_ms == INT64_MIN && begin_now(tail, error) < 0) {
        return -1;
    }
    if (plan->since_ms != INT64_MIN && plan->since_ms < now_ms &&
        eventlog_days(tail->spool, &span)) {
        int32_t first = chronicle_day(plan->since_ms);

        tail->day = first > span.first ? first : span.first;
    }
    for (;;) {
        tail->reading->now = clock_wall(&clock_system);
        if (go_on(tail, error) < 0) {
            return -1;
        }
        fflush(tail->reading->screen->out);
        if (ferror(tail->reading->screen->out)) {
            error_set(error, ERROR_SYSTEM, "what happened cannot be printed");
            return -1;
        }
        wait_for_more(tail);
    }
}

int chronicle_follow(const struct spool *spool, const struct chronicle_plan *plan,
                     const struct screen *screen, struct error *error)
{
    struct reading reading = {.plan = plan, .screen = screen};
    struct tail tail = {.spool = spool, .reading = &reading, .notices = -1, .fd = -1};
    int result = chronicle_open(spool, &reading, error);

    if (result == 0) {
        result = follow(&tail, plan, error);
    }
    close_day(&tail);
    if (tail.notices >= 0) {
        close(tail.notices);
    }
    buffer_free(&tail.line);
    chronicle_close(&reading);
    return result;
}
