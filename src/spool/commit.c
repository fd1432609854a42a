/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commit: the file work of one group commit, done in pool threads.
 */
#include "spool/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "spool/file.h"
#include "spool/move.h"
#include "spool/visible.h"

enum {
    BATCH = 32,    /* files that one worker holds open at once */
    SHARE_MIN = 4, /* files below which another worker costs more than it saves */
};

/* Asks the kernel to begin writing a file's pages, without waiting: the fsync calls that follow
 * find most of the work under way already. Its errors count, because pages that could not be
 * written here may be clean by the time of the fsync; that the call is not to be had does not. */
static int start_writeback(int fd)
{
    if (sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) == 0)
        return 0;
    return errno == ENOSYS || errno == EINVAL || errno == ESPIPE ? 0 : -errno;
}

/* Creates the step's temporary file. One of a fixed name may have been left by a crash. */
static int create_temp(int dir, const struct step *step)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir, step->temp_name, flags, step->mode);
    if (fd < 0 && errno == EEXIST) {
        if (unlinkat(dir, step->temp_name, 0) < 0 && errno != ENOENT)
            return -errno;
        fd = openat(dir, step->temp_name, flags, step->mode);
    }
    return fd < 0 ? -errno : fd;
}

/* The umask may have taken bits away; changing the mode dirties the inode once more, so only then. */
static int exact_mode(int fd, mode_t mode)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if ((status.st_mode & 07777) == mode || fchmod(fd, mode) == 0)
        return 0;
    return -errno;
}

static int make_file(const struct spool *spool, struct step *step)
{
    step->fd = create_temp(spool->dir[step->temp_folder], step);
    if (step->fd < 0)
        return step->fd;
    step->littered = true;
    int result = exact_mode(step->fd, step->mode);
    if (result == 0)
        result = visible_grant(step->fd, step->reader);
    if (result == 0)
        result = file_write(step->fd, step->bytes.bytes, step->bytes.length);
    buffer_free(&step->bytes);
    return result;
}

/* Opens what is there already; a descriptor for reading is enough for fsync(2). */
static int open_file(const struct spool *spool, struct step *step)
{
    bool moves = step->kind == STEP_EXISTING;
    step->fd = openat(spool->dir[moves ? step->temp_folder : step->folder],
                      moves ? step->temp_name : step->name,
                      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (step->fd >= 0)
        return 0;
    return errno == ENOENT && !moves ? 0 : -errno;
}

static void step_begin(const struct spool *spool, struct step *step)
{
    step->result = step->kind == STEP_FILE ? make_file(spool, step) : open_file(spool, step);
    if (step->result == 0 && step->fd >= 0)
        step->result = start_writeback(step->fd);
}

/* An inode whose fsync failed is never synced again: the kernel reports a lost page once only. */
static void step_end(struct step *step)
{
    if (step->fd < 0)
        return;
    if (step->result == 0 &&
        (step->kind == STEP_SYNC ? fdatasync(step->fd) : fsync(step->fd)) < 0)
        step->result = -errno;
    if (close(step->fd) < 0 && step->result == 0)
        step->result = -errno;
    step->fd = -1;
}

static void sync_slice(const struct spool *spool, struct step **steps, size_t count)
{
    for (size_t done = 0; done < count; done += BATCH) {
        size_t end = count - done < BATCH ? count : done + BATCH;
        for (size_t i = done; i < end; i++)
            step_begin(spool, steps[i]);
        for (size_t i = done; i < end; i++)
            step_end(steps[i]);
    }
}

static void publication_fail(struct publication *publication, int result, int file)
{
    publication->result = result;
    publication->failed_file = file;
}

/* Whether all its files are made and synced; if not it takes no further step. */
static bool publication_whole(struct publication *publication)
{
    for (size_t i = 0; i < publication->count; i++) {
        const struct step *step = &publication->steps[i];
        if (step->result < 0) {
            publication_fail(publication, step->result, step->number);
            return false;
        }
    }
    return true;
}

static int rename_file(const struct spool *spool, struct step *step)
{
    int from = spool->dir[step->temp_folder];
    int to = spool->dir[step->folder];
    int result;

    if (step->replace)
        result = renameat(from, step->temp_name, to, step->name) < 0 ? -errno : 0;
    else
        result = move_noreplace(from, step->temp_name, to, step->name);
    if (result == 0)
        step->littered = false;
    return result;
}

/* Points a link, unless it leads there already or, with only_from, leads elsewhere. */
static int point_link(const struct spool *spool, const struct step *step)
{
    char found[PATH_MAX];
    ssize_t length = readlinkat(spool->dir[step->folder], step->name, found, sizeof(found) - 1);

    if (length < 0 && errno != ENOENT && errno != EINVAL)
        return -errno;
    found[length < 0 ? 0 : length] = '\0';
    if (length >= 0 && strcmp(found, step->target) == 0)
        return 0;
    if (step->only_from != NULL &&
        (length < 0 || strncmp(found, step->only_from, strlen(step->only_from)) != 0))
        return 0;
    return move_link(spool, step->folder, step->name, step->target);
}

static void publication_rename(const struct spool *spool, struct publication *publication)
{
    for (size_t i = 0; i < publication->count; i++) {
        struct step *step = &publication->steps[i];
        if (step->kind != STEP_FILE && step->kind != STEP_EXISTING)
            continue;
        int result = rename_file(spool, step);
        if (result < 0) {
            publication_fail(publication, result, step->number);
            return;
        }
    }
    for (size_t i = 0; i < publication->count; i++) {
        const struct step *step = &publication->steps[i];
        int result = step->kind == STEP_LINK ? point_link(spool, step) : 0;
        if (result < 0) {
            publication_fail(publication, result, -1);
            return;
        }
    }
}

/* What of a folder's sync concerns a publication: the folders in which it changed a name. */
static unsigned publication_folders(const struct publication *publication)
{
    unsigned folders = 0;
    for (size_t i = 0; i < publication->count; i++) {
        if (publication->steps[i].kind != STEP_SYNC)
            folders |= 1U << publication->steps[i].folder;
    }
    return folders;
}

static void sync_folders(struct commit *commit)
{
    unsigned folders = 0;
    for (const struct publication *p = commit->first; p != NULL; p = p->next) {
        if (p->result == 0)
            folders |= publication_folders(p);
    }
    for (unsigned folder = 0; folder < FOLDER_COUNT; folder++) {
        int result = folders & 1U << folder ? file_sync_dir(commit->spool->dir[folder]) : 0;
        if (result == 0)
            continue;
        for (struct publication *p = commit->first; p != NULL; p = p->next) {
            if (p->result == 0 && publication_folders(p) & 1U << folder)
                publication_fail(p, result, -1);
        }
    }
}

/* Removes what a failed publication left. A failure to do so leaves debris that is looked for at
 * start anyway, and there is nobody to tell: the first reason counts. */
static void remove_litter(const struct spool *spool, const struct publication *publication)
{
    for (size_t i = 0; i < publication->count; i++) {
        const struct step *step = &publication->steps[i];
        if (step->littered)
            (void)unlinkat(spool->dir[step->temp_folder], step->temp_name, 0);
    }
}

static void commit_finish(struct commit *commit)
{
    for (struct publication *p = commit->first; p != NULL; p = p->next) {
        if (publication_whole(p))
            publication_rename(commit->spool, p);
    }
    sync_folders(commit);
    for (const struct publication *p = commit->first; p != NULL; p = p->next) {
        if (p->result < 0)
            remove_litter(commit->spool, p);
    }
}

static void collect(struct commit *commit, struct step *step)
{
    if (commit->count == commit->capacity) {
        commit->capacity = commit->capacity == 0 ? 64 : commit->capacity * 2;
        commit->synced = xrealloc(commit->synced, commit->capacity * sizeof(*commit->synced));
    }
    commit->synced[commit->count++] = step;
}

void commit_begin(struct commit *commit, struct publication *first, unsigned workers)
{
    commit->first = first;
    commit->count = 0;
    for (struct publication *p = first; p != NULL; p = p->next) {
        for (size_t i = 0; i < p->count; i++) {
            if (p->steps[i].kind != STEP_LINK && p->steps[i].kind != STEP_FOLDER)
                collect(commit, &p->steps[i]);
        }
    }
    size_t useful = commit->count / SHARE_MIN;
    commit->workers = useful < 1 ? 1 : useful < workers ? (unsigned)useful : workers;
    atomic_init(&commit->left, commit->workers);
}

void commit_work(struct commit *commit, unsigned worker)
{
    size_t begin = commit->count * worker / commit->workers;
    size_t end = commit->count * (worker + 1) / commit->workers;

    if (end > begin)
        sync_slice(commit->spool, commit->synced + begin, end - begin);
    if (atomic_fetch_sub_explicit(&commit->left, 1, memory_order_acq_rel) == 1)
        commit_finish(commit);
}

void commit_free(struct commit *commit)
{
    free(commit->synced);
    commit->synced = NULL;
    commit->count = commit->capacity = 0;
}
