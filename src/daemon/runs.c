/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runs: see runs.h.
 */
#include "daemon/runs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "spool/file.h"

#define MANIFEST "manifest.jsonl"

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

/* The ID of a line as manifest writes it; false: it has none. */
static bool line_id(const char *line, size_t length, struct id *id)
{
    static const char mark[] = "\"id\":\"";
    const char *at = memmem(line, length, mark, strlen(mark));
    char text[ID_TEXT_SIZE];

    if (at == NULL || (size_t)(line + length - at) < strlen(mark) + ID_TEXT_SIZE - 1)
        return false;
    memcpy(text, at + strlen(mark), ID_TEXT_SIZE - 1);
    text[ID_TEXT_SIZE - 1] = '\0';
    return id_read(text, id);
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

static void read_lines(struct core *core, const char *run, const struct buffer *text)
{
    const char *end = text->bytes + text->length;

    for (const char *line = text->bytes; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        struct id id;
        struct task *task;

        if (stop == NULL)
            stop = end;
        task = line_id(line, (size_t)(stop - line), &id) ? queue_find(core->queue, &id) : NULL;
        if (task != NULL)
            join(core, task, run);
        line = stop + 1;
    }
}

static void read_run(struct core *core, const char *run)
{
    char *path = xasprintf("%s/%s", run, MANIFEST);
    struct buffer text = {0};
    int result = file_read_at(core->spool->dir[FOLDER_RUNS], path, SIZE_MAX, &text, NULL);

    if (result < 0 && result != -ENOENT)
        log_warning(&core->log, "runs/%s cannot be read, its jobs count for no run: %s", path,
                    strerror(-result));
    if (result == 0 && text.length > 0)
        read_lines(core, run, &text);
    buffer_free(&text);
    free(path);
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
