/* SPDX-License-Identifier: GPL-2.0-or-later */
/* eventlog_keep: days of events that are over: compressed, later deleted. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/day.h"
#include "base/sha256.h"
#include "retain/eventlog.h"
#include "retain/eventlog_day.h"
#include "retain/eventlog_list.h"
#include "retain/press.h"
#include "spool/file.h"
#include "spool/visible.h"

enum { LEVEL = 9, DAY_MS = 24 * 60 * 60 * 1000, TEMP_SIZE = sizeof "events." + DAY_SIZE };

static const int64_t quiet_ms = INT64_C(2) * DAY_MS;

/* One day being compressed. */
struct packing {
    const struct spool *spool;
    int32_t day;
    char plain[EVENTLOG_NAME_SIZE];
    char packed[EVENTLOG_NAME_SIZE];
    char temp[TEMP_SIZE];              /* of the day: the lock makes it ours alone */
    unsigned char digest[SHA256_SIZE]; /* of the content */
    struct error *error;
};

static int fail(const struct packing *packing, int problem, const char *what)
{
    error_system(packing->error, -problem, "cannot %s %s/events/%s", what, packing->spool->path,
                 packing->plain);
    return -1;
}

static int64_t ended_ms(int32_t day)
{
    return ((int64_t)day + 1) * DAY_MS;
}

/* --- the content --- */

/* Writes the lines of the day. */
static int copy_lines(const struct packing *packing, struct eventlog_day *files,
                      struct press_stream *stream, struct sha256 *sum)
{
    const char *line;
    size_t length;
    int result, written = 0;

    while (written == 0 &&
           (result = eventlog_day_next(files, &line, &length, packing->error)) == 1) {
        buffer_append(&stream->filling, line, length);
        buffer_byte(&stream->filling, '\n');
        sha256_add(sum, line, length);
        sha256_add(sum, "\n", 1);
        if (stream->filling.length >= PRESS_FRAME) {
            written = press_frame(stream, NULL);
        }
    }
    return written < 0 ? fail(packing, written, "compress") : result;
}

static int write_content(struct packing *packing, int fd, struct press *press,
                         struct eventlog_day *files)
{
    struct press_stream stream;
    struct sha256 *sum = sha256_start();
    int result, written;

    press_begin(&stream, press, fd, false);
    result = copy_lines(packing, files, &stream, sum);
    written = press_finish(&stream);
    press_end(&stream, NULL);
    sha256_end(sum, packing->digest);
    return result == 0 && written < 0 ? fail(packing, written, "compress") : result;
}

/* Reads back what was written. */
static int verify_content(const struct packing *packing, int fd)
{
    unsigned char digest[SHA256_SIZE];
    struct sha256 *sum = sha256_start();
    struct eventlog_file file;
    const char *line;
    size_t length;
    int result;

    eventlog_attach(fd, packing->packed, EVENTLOG_PACKED, &file);
    while ((result = eventlog_next(&file, &line, &length, packing->error)) == 1) {
        sha256_add(sum, line, length);
        sha256_add(sum, "\n", 1);
    }
    sha256_end(sum, digest);
    file.fd = -1; /* borrowed */
    eventlog_close(&file);
    if (result == 0 && memcmp(digest, packing->digest, sizeof digest) != 0) {
        error_set(packing->error, ERROR_SYSTEM,
                  "events/%s was not read back as it was written; it stays as it is",
                  packing->plain);
        result = -1;
    }
    return result;
}

/* Writes and checks the file in tmp/. */
static int fill_temp(struct packing *packing, int fd, struct eventlog_day *files)
{
    struct press *press = press_open(LEVEL);
    int result;

    if (press == NULL) {
        return fail(packing, -errno, "compress");
    }
    result = write_content(packing, fd, press, files);
    press_close(press);
    if (result == 0 && (visible_exact(fd, packing->spool->job_mode) < 0 || fsync(fd) < 0)) {
        result = fail(packing, -errno, "compress");
    }
    return result == 0 ? verify_content(packing, fd) : result;
}

/* Makes the packed file and puts it in its place. */
static int put_packed(struct packing *packing, struct eventlog_day *files)
{
    int tmp = packing->spool->dir[FOLDER_TMP], events = packing->spool->dir[FOLDER_EVENTS];
    int fd, result;

    (void)unlinkat(tmp, packing->temp, 0); /* of a run that was killed */
    fd = openat(tmp, packing->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(packing, -errno, "compress");
    }
    result = fill_temp(packing, fd, files);
    if (close(fd) < 0 && result == 0) {
        result = fail(packing, -errno, "compress");
    }
    if (result == 0 && renameat(tmp, packing->temp, events, packing->packed) < 0) {
        result = fail(packing, -errno, "compress");
    }
    if (result < 0) {
        (void)unlinkat(tmp, packing->temp, 0);
    }
    return result;
}

/* --- a day --- */

/* Takes the lock that writers take, on the file that has the name now. Returns a descriptor;
 * -EAGAIN when a writer has it, which the next run meets no more. */
static int lock_plain(const struct packing *packing, struct stat *status)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int events = packing->spool->dir[FOLDER_EVENTS];
    int fd = openat(events, packing->plain, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat named;
    int result = 0;

    if (fd < 0) {
        return -errno;
    }
    if (fcntl(fd, F_OFD_SETLK, &lock) < 0 || fstat(fd, status) < 0 ||
        fstatat(events, packing->plain, &named, AT_SYMLINK_NOFOLLOW) < 0) {
        result = errno == EACCES ? -EAGAIN : -errno;
    } else if (!file_same(status, &named)) {
        result = -EAGAIN;
    }
    if (result < 0) {
        (void)close(fd);
        return result;
    }
    return fd;
}

/* Whether the plain file has lines that the packed one has not; they are what is read next. */
static bool has_more(const struct eventlog_day *files, const struct stat *plain)
{
    return lseek(files->plain.fd, 0, SEEK_CUR) != plain->st_size ||
           files->plain.taken < files->plain.text.length;
}

/* The packed file's name is durable first: it may be there by a run that was killed before that. */
static int delete_plain(const struct packing *packing)
{
    int events = packing->spool->dir[FOLDER_EVENTS];
    int result = file_sync_dir(events);

    if (result < 0) {
        return fail(packing, result, "compress");
    }
    if (unlinkat(events, packing->plain, 0) < 0 && errno != ENOENT) {
        return fail(packing, -errno, "delete");
    }
    return 0;
}

/* Makes the day one packed file, under the lock. */
static int pack_locked(struct packing *packing, const struct stat *plain)
{
    struct eventlog_day files;
    int result = 0;

    if (eventlog_day_open(packing->spool, packing->day, &files, packing->error) < 0) {
        return -1;
    }
    if (files.packed.fd < 0 || has_more(&files, plain)) {
        result = put_packed(packing, &files);
    }
    eventlog_day_close(&files);
    return result == 0 ? delete_plain(packing) : result;
}

static uint64_t size_of(const struct packing *packing, const char *name)
{
    struct stat status;

    return fstatat(packing->spool->dir[FOLDER_EVENTS], name, &status, AT_SYMLINK_NOFOLLOW) == 0
               ? (uint64_t)status.st_size
               : 0;
}

static int pack_day(struct packing *packing, bool dry_run, struct eventlog_count *count)
{
    uint64_t before = size_of(packing, packing->plain), after;
    struct stat status;
    int fd, result;

    if (dry_run) {
        count->days++;
        return 0;
    }
    fd = lock_plain(packing, &status);
    if (fd < 0) {
        return fd == -EAGAIN || fd == -ENOENT ? 0 : fail(packing, fd, "lock");
    }
    result = pack_locked(packing, &status);
    (void)close(fd); /* gives the lock back; nothing was written through it */
    if (result == 0) {
        after = size_of(packing, packing->packed);
        count->days++;
        count->bytes += before > after ? before - after : 0;
    }
    return result;
}

static void prepare(struct packing *packing, const struct spool *spool, int32_t day,
                    struct error *error)
{
    *packing = (struct packing){.spool = spool, .day = day, .error = error};
    eventlog_name(day, EVENTLOG_PLAIN, packing->plain);
    eventlog_name(day, EVENTLOG_PACKED, packing->packed);
    snprintf(packing->temp, sizeof packing->temp, "events.%.*s", DAY_SIZE - 1, packing->plain);
}

int eventlog_compress(const struct spool *spool, struct wall now, bool dry_run,
                      struct eventlog_count *count, struct error *error)
{
    struct eventlog_list list;
    struct packing packing;
    int result = eventlog_list(spool, &list, error);

    for (size_t i = 0; i < list.count; i++) { /* a day that fails holds up no other */
        if (list.entries[i].plain && now.ms - ended_ms(list.entries[i].day) >= quiet_ms) {
            prepare(&packing, spool, list.entries[i].day, result == 0 ? error : NULL);
            result = pack_day(&packing, dry_run, count) < 0 ? -1 : result;
        }
    }
    free(list.entries);
    return result;
}

static int expire_file(const struct packing *packing, const char *name, bool dry_run,
                       struct eventlog_count *count)
{
    count->bytes += size_of(packing, name);
    if (!dry_run && unlinkat(packing->spool->dir[FOLDER_EVENTS], name, 0) < 0 && errno != ENOENT) {
        return fail(packing, -errno, "delete");
    }
    return 0;
}

int eventlog_expire(const struct spool *spool, struct wall now, int64_t age_ms, bool dry_run,
                    struct eventlog_count *count, struct error *error)
{
    struct eventlog_list list;
    struct packing packing;
    int result = eventlog_list(spool, &list, error);

    for (size_t i = 0; i < list.count && result == 0; i++) {
        const struct eventlog_entry *entry = &list.entries[i];

        if (now.ms - ended_ms(entry->day) < age_ms) {
            continue;
        }
        prepare(&packing, spool, entry->day, error);
        count->days++;
        if (entry->packed) {
            result = expire_file(&packing, packing.packed, dry_run, count);
        }
        if (entry->plain && result == 0) {
            result = expire_file(&packing, packing.plain, dry_run, count);
        }
        if (!dry_run) {
            (void)unlinkat(spool->dir[FOLDER_TMP], packing.temp, 0);
        }
    }
    free(list.entries);
    return result;
}
