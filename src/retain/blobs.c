/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blobs: attachments that nobody refers to any more, removed.
 *
 * Why no submission loses one. Whoever drops a job either drops its attachment first, which makes it
 * young, or finds it in blobs/ and looks once more after the job is in new/. Here, what is to go is
 * renamed to NAME.gone first and judged once more afterwards: its time; jobs in flows/ and new/ that
 * name it; then marks, and whether their jobs are there. A job that was dropped before the renaming is
 * seen in new/ or, as the daemon makes the mark before the drop leaves, by its mark. One that was
 * dropped after it finds the attachment missing in its second look, and drops it. Marks go in the same
 * way: the daemon looks for its mark once more when the job is in cur/, so either it sees that the mark
 * went, or the job is seen here. Everything in need of NAME.gone may rename it back at any time; a
 * deletion that then finds nothing has lost nothing.
 */
#include "retain/blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "retain/blobs_named.h"
#include "retain/ids.h"
#include "spool/file.h"
#include "spool/layout.h"
#include "spool/move.h"

/* File times lag behind the clock by a tick of the kernel. */
enum { TICK_MS = 50 };

enum { LOCK_TRIES = 1200, LOCK_PAUSE_MS = 50 };

struct sweep {
    const struct spool *spool;
    const struct blobs_plan *plan;
    struct blobs_counts *counts;
    struct ids *ids;
    int dir;
    struct idset used;   /* attachments with a mark that counts */
    struct idset marked; /* those of the plan's jobs */
    struct idset going;  /* renamed */
    struct idset wanted; /* of these: referred to after all */
    struct error *error;
};

static int fail(const struct sweep *sweep, int problem, const char *name)
{
    error_system(sweep->error, -problem, "cannot remove attachments: %s/blobs/%s",
                 sweep->spool->path, name);
    return -1;
}

/* Calls visit for each entry of blobs/. */
static int each(struct sweep *sweep,
                int (*visit)(struct sweep *sweep, const char *name, struct blob_entry entry))
{
    DIR *list = file_list(sweep->dir);
    const struct dirent *found;
    int listed = list != NULL ? 0 : -errno, result = 0;

    while (listed == 0 && result == 0 && (listed = file_list_next(list, &found)) == 0 &&
           found != NULL) {
        struct blob_entry entry = blob_entry_read(found->d_name);

        if (entry.kind == BLOB_FILE || entry.kind == BLOB_USE) {
            result = visit(sweep, found->d_name, entry);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    return listed < 0 ? fail(sweep, listed, "") : result;
}

/* --- jobs ----------------------------------------------------------------------------------------- */

static bool is_in(const struct sweep *sweep, enum folder folder, enum entry_kind kind,
                  const struct id *job)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(kind, job, 0, name);
    return faccessat(sweep->spool->dir[folder], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether a job is in the spool. It may move while it is looked for: hence twice. */
static bool is_here(const struct sweep *sweep, const struct id *job)
{
    static const enum folder folders[] = {FOLDER_CUR, FOLDER_FAILED, FOLDER_DONE};

    for (size_t i = 0; i < 2 * sizeof folders / sizeof folders[0]; i++) {
        enum folder folder = folders[i % (sizeof folders / sizeof folders[0])];

        if (is_in(sweep, folder, ENTRY_JOB, job) || is_in(sweep, folder, ENTRY_GONE, job)) {
            return true;
        }
    }
    return false;
}

/* Whether a mark of this job counts: 1, 0, or -1 with an error. Who archives a job says so in archive/ids
 * before it leaves done/. */
static int counts(struct sweep *sweep, const struct id *job)
{
    struct archived archived;

    if (is_here(sweep, job)) {
        return 1;
    }
    if (sweep->ids == NULL || !ids_current(sweep->ids)) {
        ids_close(sweep->ids);
        sweep->ids = ids_open(sweep->spool, sweep->error);
        if (sweep->ids == NULL) {
            return -1;
        }
    }
    return ids_find(sweep->ids, job, 0, &archived) ? 1 : 0;
}

/* --- there and back ------------------------------------------------------------------------------- */

static int put_back(struct sweep *sweep, struct blob_entry entry)
{
    char gone[BLOB_NAME_SIZE], name[BLOB_NAME_SIZE];
    int result;

    entry.gone = true;
    blob_entry_write(&entry, gone);
    entry.gone = false;
    blob_entry_write(&entry, name);
    result = move_noreplace(sweep->dir, gone, sweep->dir, name);
    if (result == -EEXIST) { /* there is another by now */
        result = unlinkat(sweep->dir, gone, 0) == 0 ? 0 : -errno;
    }
    return result < 0 && result != -ENOENT ? fail(sweep, result, gone) : 0;
}

/* What a killed program left. */
static int restore_left(struct sweep *sweep, const char *name, struct blob_entry entry)
{
    (void)name;
    return entry.gone ? put_back(sweep, entry) : 0;
}

static int take_away(struct sweep *sweep, const char *name, struct blob_entry entry)
{
    char gone[BLOB_NAME_SIZE];

    entry.gone = true;
    blob_entry_write(&entry, gone);
    if (sweep->plan->dry_run || renameat(sweep->dir, name, sweep->dir, gone) == 0 ||
        errno == ENOENT) {
        return 0;
    }
    return fail(sweep, -errno, name);
}

/* --- the first look ------------------------------------------------------------------------------- */

/* Marks: those that count are noted, the others go. */
static int judge_mark(struct sweep *sweep, const char *name, struct blob_entry entry)
{
    const struct idset *jobs = sweep->plan->jobs;
    int counted;

    if (entry.kind != BLOB_USE || entry.gone) {
        return 0;
    }
    counted = counts(sweep, &entry.job);
    if (counted < 0) {
        return -1;
    }
    if (counted > 0) {
        idset_add(&sweep->used, &entry.blob);
        return 0;
    }
    if (jobs != NULL && !idset_has(jobs, &entry.job)) {
        return 0;
    }
    if (jobs != NULL) {
        idset_add(&sweep->marked, &entry.blob);
    }
    return take_away(sweep, name, entry);
}

static bool is_young(const struct sweep *sweep, const struct stat *status)
{
    int64_t young_ms = sweep->plan->jobs != NULL ? 0 : sweep->plan->young_ms;

    return clock_ms(status->st_mtim) > sweep->plan->now.ms - young_ms - TICK_MS;
}

/* Attachments that no mark counts for. */
static int judge_file(struct sweep *sweep, const char *name, struct blob_entry entry)
{
    struct stat status;

    if (entry.kind != BLOB_FILE || entry.gone || idset_has(&sweep->used, &entry.blob) ||
        (sweep->plan->jobs != NULL && !idset_has(&sweep->marked, &entry.blob)) ||
        fstatat(sweep->dir, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || is_young(sweep, &status)) {
        return 0;
    }
    idset_add(&sweep->going, &entry.blob);
    return take_away(sweep, name, entry);
}

/* --- the second look ------------------------------------------------------------------------------ */

/* A mark whose job came meanwhile, and new ones. */
static int judge_mark_again(struct sweep *sweep, const char *name, struct blob_entry entry)
{
    int counted;

    (void)name;
    if (entry.kind != BLOB_USE || (!entry.gone && !idset_has(&sweep->going, &entry.blob))) {
        return 0;
    }
    counted = counts(sweep, &entry.job);
    if (counted <= 0) {
        return counted;
    }
    idset_add(&sweep->wanted, &entry.blob);
    return entry.gone ? put_back(sweep, entry) : 0;
}

/* What is gone is put back or deleted. */
static int finish(struct sweep *sweep, const char *name, struct blob_entry entry)
{
    struct stat status;

    if (!entry.gone) {
        return 0;
    }
    if (fstatat(sweep->dir, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? 0 : fail(sweep, -errno, name);
    }
    if (entry.kind == BLOB_FILE &&
        (is_young(sweep, &status) || idset_has(&sweep->wanted, &entry.blob))) {
        return put_back(sweep, entry);
    }
    if (unlinkat(sweep->dir, name, 0) != 0) {
        return errno == ENOENT ? 0 : fail(sweep, -errno, name);
    }
    if (entry.kind == BLOB_FILE) {
        sweep->counts->count++;
        sweep->counts->bytes += (uint64_t)status.st_blocks * 512;
    }
    return 0;
}

/* What would go, of a dry run. */
static int tell(struct sweep *sweep, const char *name, struct blob_entry entry)
{
    struct stat status;

    if (entry.kind == BLOB_FILE && !entry.gone && idset_has(&sweep->going, &entry.blob) &&
        !idset_has(&sweep->wanted, &entry.blob) &&
        fstatat(sweep->dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        sweep->counts->count++;
        sweep->counts->bytes += (uint64_t)status.st_blocks * 512;
    }
    return 0;
}

static int second_look(struct sweep *sweep)
{
    idset_sort(&sweep->going);
    if (sweep->going.count > 0 &&
        blobs_named(sweep->spool, &sweep->going, &sweep->wanted, sweep->error) < 0) {
        return -1;
    }
    if (!sweep->plan->dry_run && each(sweep, judge_mark_again) < 0) {
        return -1;
    }
    idset_sort(&sweep->wanted);
    return each(sweep, sweep->plan->dry_run ? tell : finish);
}

static int run(struct sweep *sweep)
{
    if ((!sweep->plan->dry_run && each(sweep, restore_left) < 0) || each(sweep, judge_mark) < 0) {
        return -1;
    }
    idset_sort(&sweep->used);
    idset_sort(&sweep->marked);
    return each(sweep, judge_file) < 0 ? -1 : second_look(sweep);
}

/* --- one at a time -------------------------------------------------------------------------------- */

/* Takes the lock of who removes attachments. Returns a descriptor that carries it, -EAGAIN when another
 * program has it, or -errno. */
static int take_lock(const struct sweep *sweep)
{
    static const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000 * 1000};
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = openat(sweep->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    int tries = sweep->plan->jobs != NULL ? LOCK_TRIES : 1;
    int result = fd < 0 ? -errno : -EAGAIN;

    while (fd >= 0 && result == -EAGAIN && tries-- > 0) {
        result = fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno == EACCES ? -EAGAIN : -errno;
        if (result == -EAGAIN && tries > 0) {
            (void)nanosleep(&pause, NULL);
        }
    }
    if (result < 0 && fd >= 0) {
        (void)close(fd);
    }
    return result < 0 ? result : fd;
}

static bool is_empty(const struct sweep *sweep)
{
    DIR *list = file_list(sweep->dir);
    const struct dirent *found = NULL;
    bool empty = list != NULL && file_list_next(list, &found) == 0 && found == NULL;

    if (list != NULL) {
        (void)closedir(list);
    }
    return empty;
}

int blobs_sweep(const struct spool *spool, const struct blobs_plan *plan,
                struct blobs_counts *counts, struct error *error)
{
    struct sweep sweep = {.spool = spool,
                          .plan = plan,
                          .counts = counts,
                          .dir = spool->dir[FOLDER_BLOBS],
                          .error = error};
    int lock, result = 0;

    *counts = (struct blobs_counts){0};
    if (is_empty(&sweep)) {
        return 0;
    }
    lock = take_lock(&sweep);
    if (lock == -EAGAIN && plan->jobs == NULL) {
        return 0;
    }
    result = lock < 0 ? fail(&sweep, lock, "lock") : run(&sweep);
    if (lock >= 0) {
        (void)close(lock);
    }
    ids_close(sweep.ids);
    idset_free(&sweep.used);
    idset_free(&sweep.marked);
    idset_free(&sweep.going);
    idset_free(&sweep.wanted);
    return result;
}
