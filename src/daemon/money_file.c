/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * money_file: see money_file.h.
 */
#include "daemon/money_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "spool/file.h"

#define FILE_NAME "money"

enum { COMPACT_BYTES = 4 * 1024 * 1024 };

struct waiter {
    money_file_done *done;
    void *context;
    struct waiter *next;
};

/* What one write does; the pool thread's alone while it runs. */
struct job_of_pool {
    uv_work_t request; /* data: the file */
    struct buffer bytes;
    bool replace; /* bytes are the whole file; else they are appended at offset */
    bool sync;    /* of an append; a replacement is always synced */
    bool unsure;  /* the sync failed: what is on the disk is not known */
    off_t offset;
    int result;
};

struct money_file {
    struct money_file_setup setup;
    uv_timer_t *timer; /* freed by its own closing */
    int fd;            /* of the file that is there; -1: none yet */
    off_t length;      /* of what was written of it and counts */
    off_t snapshot;    /* length of the last snapshot */
    struct buffer lines;
    struct waiter *waiters; /* for lines */
    struct waiter **waiters_end;
    struct waiter *served; /* by the write that runs */
    bool replace;          /* the next write replaces the file */
    bool running;
    int failing;
    struct job_of_pool job;
};

struct money_file *money_file_new(const struct money_file_setup *setup)
{
    struct money_file *file = xcalloc(1, sizeof *file);

    file->setup = *setup;
    file->fd = -1;
    file->waiters_end = &file->waiters;
    file->timer = xcalloc(1, sizeof *file->timer);
    uv_timer_init(setup->loop, file->timer);
    file->timer->data = file;
    file->job.request.data = file;
    return file;
}

/* --- in the pool ------------------------------------------------------------------------------ */

static int write_at(int fd, const struct buffer *bytes, off_t offset)
{
    size_t written = 0;

    while (written < bytes->length) {
        ssize_t count =
            pwrite(fd, bytes->bytes + written, bytes->length - written, offset + (off_t)written);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return count < 0 ? -errno : -EIO;
        }
        written += (size_t)count;
    }
    return 0;
}

/* A part of a line that a failed write left is written over by the next. */
static void append(const struct money_file *file, struct job_of_pool *job)
{
    job->result = write_at(file->fd, &job->bytes, job->offset);
    if (job->result == 0 && job->sync && fdatasync(file->fd) < 0) {
        job->result = -errno;
        job->unsure = true;
    }
}

static void replace(struct money_file *file, struct job_of_pool *job)
{
    int fd;

    job->result = file_replace(file->setup.temp_dir, file->setup.dir, FILE_NAME, file->setup.mode,
                               job->bytes.bytes, job->bytes.length, true);
    if (job->result < 0) {
        return;
    }
    fd = openat(file->setup.dir, FILE_NAME, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        job->result = -errno;
        return;
    }
    if (file->fd >= 0) {
        close(file->fd); /* of a file that is gone */
    }
    file->fd = fd;
}

static void work(uv_work_t *request)
{
    struct money_file *file = request->data;

    if (file->job.replace) {
        replace(file, &file->job);
    } else {
        append(file, &file->job);
    }
}

/* --- on the loop ------------------------------------------------------------------------------ */

static void start(struct money_file *file);

static bool wanted(const struct money_file *file)
{
    return file->lines.length > 0 || file->replace || file->waiters != NULL;
}

static void timer_rings(uv_timer_t *timer)
{
    struct money_file *file = timer->data;

    if (!file->running) {
        start(file);
    }
}

static void set_timer(struct money_file *file)
{
    if (!uv_is_active((uv_handle_t *)file->timer)) {
        uv_timer_start(file->timer, timer_rings, (uint64_t)file->setup.lazy_ms, 0);
    }
}

static void tell(struct waiter *waiter, int result)
{
    while (waiter != NULL) {
        struct waiter *next = waiter->next;

        waiter->done(waiter->context, result);
        free(waiter);
        waiter = next;
    }
}

static void note_written(struct money_file *file)
{
    struct job_of_pool *job = &file->job;

    if (job->replace) {
        file->length = file->snapshot = (off_t)job->bytes.length;
    } else {
        file->length += (off_t)job->bytes.length;
    }
    if (file->length > COMPACT_BYTES && file->length > 2 * file->snapshot) {
        file->replace = true;
    }
}

/* What was not appended goes before what came meanwhile; a snapshot is made anew. */
static void note_failed(struct money_file *file)
{
    struct job_of_pool *job = &file->job;

    if (job->replace || job->unsure) {
        file->replace = true;
    } else {
        buffer_append(&job->bytes, file->lines.bytes, file->lines.length);
        buffer_free(&file->lines);
        file->lines = job->bytes;
        job->bytes = (struct buffer){0};
    }
    set_timer(file);
}

static void turn(struct money_file *file, int result)
{
    bool turned = (file->failing < 0) != (result < 0);

    file->failing = result;
    if (turned) {
        file->setup.turned(file->setup.context, result);
    }
}

/* Takes in how the write ended that job describes. */
static void settle(struct money_file *file)
{
    struct waiter *served = file->served;
    int result = file->job.result;

    file->served = NULL;
    if (result == 0) {
        note_written(file);
    } else {
        note_failed(file);
    }
    buffer_free(&file->job.bytes);
    turn(file, result);
    tell(served, result);
}

static void ended(uv_work_t *request, int status)
{
    struct money_file *file = request->data;

    assert(status == 0);
    file->running = false;
    settle(file);
    if (file->running || file->failing < 0) {
        return;
    }
    if (file->waiters != NULL || file->replace) {
        start(file);
    } else if (wanted(file)) {
        set_timer(file);
    }
}

/* Fills job with all that is to be written. */
static void prepare(struct money_file *file)
{
    struct job_of_pool *job = &file->job;

    job->replace = file->replace || file->fd < 0;
    job->sync = file->waiters != NULL;
    job->unsure = false;
    job->offset = file->length;
    job->result = 0;
    if (job->replace) {
        file->setup.snapshot(file->setup.context, &job->bytes);
        buffer_free(&file->lines);
    } else {
        job->bytes = file->lines;
        file->lines = (struct buffer){0};
    }
    file->replace = false;
    file->served = file->waiters;
    file->waiters = NULL;
    file->waiters_end = &file->waiters;
}

static void start(struct money_file *file)
{
    int result;

    if (!wanted(file)) {
        return;
    }
    prepare(file);
    file->running = true;
    uv_timer_stop(file->timer);
    result = uv_queue_work(file->setup.loop, &file->job.request, work, ended);
    assert(result == 0);
}

int money_file_replace(struct money_file *file)
{
    assert(!file->running);
    file->replace = true;
    prepare(file);
    replace(file, &file->job);
    settle(file);
    return file->job.result;
}

struct buffer *money_file_lines(struct money_file *file)
{
    return &file->lines;
}

void money_file_touch(struct money_file *file)
{
    set_timer(file);
}

/* While writes fail, the timer alone tries again: what waits is told with its next try. */
void money_file_flush(struct money_file *file, money_file_done *done, void *context)
{
    struct waiter *waiter = xcalloc(1, sizeof *waiter);

    *waiter = (struct waiter){.done = done, .context = context};
    *file->waiters_end = waiter;
    file->waiters_end = &waiter->next;
    if (!file->running && file->failing == 0) {
        start(file);
    } else if (!file->running) {
        set_timer(file);
    }
}

int money_file_failing(const struct money_file *file)
{
    return file->failing;
}

bool money_file_writing(const struct money_file *file)
{
    return file->running;
}

static void timer_closed(uv_handle_t *timer)
{
    free(timer);
}

void money_file_free(struct money_file *file)
{
    if (file == NULL) {
        return;
    }
    assert(!file->running);
    uv_close((uv_handle_t *)file->timer, timer_closed);
    tell(file->waiters, -ECANCELED);
    buffer_free(&file->lines);
    if (file->fd >= 0) {
        close(file->fd);
    }
    free(file);
}
