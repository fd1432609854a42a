/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runs: see runs.h.
 */
#include "daemon/runs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/xalloc.h"
#include "retain/members.h"
#include "spool/file.h"

/* One run's manifest. */
struct found {
    char name[NAME_LIMIT];
    struct timespec begun;
};

static int compare_found(const void *a, const void *b)
{
    const struct found *left = a;
    const struct found *right = b;

    if (left->begun.tv_sec != right->begun.tv_sec)
        return left->begun.tv_sec < right->begun.tv_sec ? -1 : 1;
    return (left->begun.tv_nsec > right->begun.tv_nsec) -
           (left->begun.tv_nsec < right->begun.tv_nsec);
}

/* A run's folder is changed when its manifest is made in it, and not by what is appended. */
static bool look_at(int runs, const char *name, struct found *found)
{
    struct stat status;

    if (!layout_name_ok(name) ||
        fstatat(runs, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(status.st_mode))
        return false;
    snprintf(found->name, sizeof found->name, "%s", name);
    found->begun = status.st_mtim;
    return true;
}

static struct found *list_runs(struct core *core, size_t *count)
{
    int runs = core->spool->dir[FOLDER_RUNS];
    DIR *dir = file_list(runs);
    const struct dirent *entry;
    struct found *found = NULL;
    size_t capacity = 0;

    *count = 0;
    while (dir != NULL && file_list_next(dir, &entry) == 0 && entry != NULL) {
        if (*count == capacity) {
            capacity = 2 * capacity + 16;
            found = xrealloc(found, capacity * sizeof *found);
        }
        if (look_at(runs, entry->d_name, &found[*count]))
            (*count)++;
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

static void join(struct core *core, struct task *task, const char *run)
{
    if (task->in_run != NULL)
        return;
    task->in_run = xstrdup(run);
    task_find_share(core, task);
    if (task->phase == TASK_WAITING)
        queue_place(core->queue, task);
}

/* A job whose place another one took is in the run no more. */
static void read_run(struct core *core, const char *run)
{
    size_t count;
    struct error error;
    struct member *members = members_read(core->spool, run, &count, &error);

    if (members == NULL) {
        if (error.kind != ERROR_ABSENT)
            log_warning(&core->log, "%s; its jobs count for no run", error.text);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct task *task =
            members[i].refused ? NULL : queue_find(core->queue, &members[i].id);

        if (task != NULL)
            join(core, task, run);
    }
    free(members);
}

void runs_recall(struct core *core)
{
    size_t count;
    struct found *found;

    if (queue_size(core->queue) == 0)
        return;
    found = list_runs(core, &count);
    if (count > 1)
        qsort(found, count, sizeof *found, compare_found);
    for (size_t i = 0; i < count; i++)
        read_run(core, found[i].name);
    free(found);
}
