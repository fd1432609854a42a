/* SPDX-License-Identifier: GPL-2.0-or-later */
/* remove: deleting units in batches, and the names that lead to them. */
#include "retain/remove.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "retain/store.h"
#include "spool/file.h"
#include "spool/move.h"

enum {
    BATCH_LEAST = 64, /* units, each with an open file */
    BATCH_MOST = 4096,
    BATCH_GENTLE = 256,
    FILES_ELSE = 256, /* that the program may want to open beside them */
    TARGET_SIZE = 16 + ENTRY_NAME_SIZE,
};

static const enum folder folders[] = {FOLDER_DONE, FOLDER_FAILED};

struct remove {
    const struct spool *spool;
    int (*before)(void *context, struct error *error);
    void *context;
    struct unit *batch; /* locked, as ID.gone */
    size_t count;       /* in the batch */
    size_t room;        /* it goes when so many are in it */
    size_t gone;
};

/* Syncs are what deleting waits for, and they are paid for each batch: as many units as may be held
 * open make one. Linux lets every process raise its limit to the hard one. */
static size_t find_room(void)
{
    struct rlimit limit;
    size_t files;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return BATCH_LEAST;
    }
    if (limit.rlim_cur < BATCH_MOST + FILES_ELSE && limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max < BATCH_MOST + FILES_ELSE ? limit.rlim_max
                                                                  : BATCH_MOST + FILES_ELSE;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
            limit.rlim_cur = before;
        }
    }
    files = limit.rlim_cur > BATCH_MOST + FILES_ELSE ? BATCH_MOST + FILES_ELSE
                                                     : (size_t)limit.rlim_cur;
    return files < BATCH_LEAST + FILES_ELSE ? BATCH_LEAST : files - FILES_ELSE;
}

struct remove *remove_begin(const struct spool *spool,
                            int (*before)(void *context, struct error *error), void *context)
{
    struct remove *remove = xcalloc(1, sizeof *remove);

    remove->spool = spool;
    remove->before = before;
    remove->context = context;
    remove->room = find_room();
    remove->batch = xcalloc(remove->room, sizeof *remove->batch);
    return remove;
}

void remove_gently(struct remove *remove)
{
    remove->room = remove->room < BATCH_GENTLE ? remove->room : BATCH_GENTLE;
}

static int complain(const struct unit *unit, int problem, const char *what, struct error *error)
{
    char id[ID_TEXT_SIZE];

    id_write(&unit->id, id);
    error_system(error, -problem, "cannot %s %s/%s of %s", what, folder_name(unit->folder), id,
                 unit->spool->path);
    return -1;
}

/* Whether the link's target begins so. */
static bool leads_to(int dir, const char *name, const char *start)
{
    char target[TARGET_SIZE];
    ssize_t length = readlinkat(dir, name, target, sizeof target - 1);

    if (length < 0) {
        return false;
    }
    target[length] = '\0';
    return strncmp(target, start, strlen(start)) == 0;
}

/* The link may be led elsewhere meanwhile: what was moved aside is looked at again, and put back
 * when it is another. What a kill leaves aside is cleared by the next archiving. */
int remove_link(const struct spool *spool, const char *name, const char *start)
{
    int links = spool->dir[FOLDER_BY_NAME], tmp = spool->dir[FOLDER_TMP];
    char aside[STORE_TEMP_SIZE];

    if (!leads_to(links, name, start)) {
        return 0;
    }
    store_temp_write(aside);
    if (renameat(links, name, tmp, aside) < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!leads_to(tmp, aside, start) && move_noreplace(tmp, aside, links, name) == 0) {
        return 0;
    }
    return unlinkat(tmp, aside, 0) == 0 || errno == ENOENT ? 1 : -errno;
}

/* Removes a name of the unit, where the link leads to one of its files. */
static int remove_own_link(const struct unit *unit, const char *name)
{
    char start[TARGET_SIZE], id[ID_TEXT_SIZE];

    id_write(&unit->id, id);
    snprintf(start, sizeof start, "../%s/%s.", folder_name(unit->folder), id);
    return remove_link(unit->spool, name, start);
}

static int remove_named(const struct unit *unit, const char *file)
{
    struct buffer text = {0};
    json_t *record = NULL, *name;
    size_t i;
    int removed = 0;

    if (file_read_at(unit->spool->dir[unit->folder], file, SIZE_MAX, &text, NULL) == 0 &&
        /* Most jobs have no names; those need no parsing. */
        memmem(text.bytes, text.length, "\"names\"", 7) != NULL) {
        record = jsontext_read_object(text.bytes, text.length, NULL);
    }
    buffer_free(&text);
    json_array_foreach(json_object_get(record, "names"), i, name)
    {
        const char *word = json_is_string(name) ? json_string_value(name) : "";
        int result = layout_name_ok(word) ? remove_own_link(unit, word) : 0;

        if (result < 0) {
            removed = result;
            break;
        }
        removed += result;
    }
    json_decref(record);
    return removed;
}

int remove_names(const struct unit *unit)
{
    unsigned version = 0, highest = 0;
    char name[ENTRY_NAME_SIZE];
    int removed = 0, result = 0;

    if (unit->folder == FOLDER_FAILED) {
        entry_write(ENTRY_ERROR, &unit->id, 0, name);
        return remove_named(unit, name);
    }
    result = unit_versions(unit->spool, &unit->id, &version, &highest);
    for (; result >= 0 && version > 0 && version <= highest; version++) {
        entry_write(ENTRY_OUTPUT, &unit->id, version, name);
        result = remove_named(unit, name);
        removed += result > 0 ? result : 0;
    }
    return result < 0 ? result : removed;
}

/* Syncs the folders that units of the batch are in. */
static int sync_folders(const struct remove *remove)
{
    for (size_t f = 0; f < sizeof folders / sizeof folders[0]; f++) {
        bool concerned = false;
        int result;

        for (size_t i = 0; i < remove->count && !concerned; i++) {
            concerned = remove->batch[i].folder == folders[f];
        }
        result = concerned ? file_sync_dir(remove->spool->dir[folders[f]]) : 0;
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

/* Nothing was deleted yet: all units are as they were. */
static void give_up(struct remove *remove)
{
    for (size_t i = 0; i < remove->count; i++) {
        /* One that cannot be renamed back is finished by the next run. */
        (void)unit_gone_back(&remove->batch[i]);
        unit_unlock(&remove->batch[i]);
    }
    remove->count = 0;
}

/* Before anything is deleted: the renaming is durable, and what happens is told. */
static int announce(struct remove *remove, struct error *error)
{
    int result = sync_folders(remove);

    if (result < 0) {
        error_system(error, -result, "cannot sync the folders of %s", remove->spool->path);
        return -1;
    }
    return remove->before != NULL ? remove->before(remove->context, error) : 0;
}

/* Whether there is any name, so that records need not be read for theirs. */
static bool any_names(const struct spool *spool)
{
    DIR *list = file_list(spool->dir[FOLDER_BY_NAME]);
    const struct dirent *found = NULL;
    bool any = list == NULL || file_list_next(list, &found) < 0 || found != NULL;

    if (list != NULL) {
        (void)closedir(list);
    }
    return any;
}

/* Names and files of the units; ID.gone stays. */
static int empty_all(const struct remove *remove, struct error *error)
{
    size_t named = any_names(remove->spool) ? remove->count : 0;
    int names = 0;

    for (size_t i = 0; i < named; i++) {
        int result = remove_names(&remove->batch[i]);

        if (result < 0) {
            return complain(&remove->batch[i], result, "remove the names of", error);
        }
        names += result;
    }
    if (names > 0 && file_sync_dir(remove->spool->dir[FOLDER_BY_NAME]) < 0) {
        error_system(error, errno, "cannot sync %s/by-name", remove->spool->path);
        return -1;
    }
    for (size_t i = 0; i < remove->count; i++) {
        int result = unit_empty(&remove->batch[i]);

        if (result < 0) {
            return complain(&remove->batch[i], result, "delete", error);
        }
    }
    return 0;
}

/* What was deleted stays deleted before the names that tell of it go. */
static int leave_all(struct remove *remove, struct error *error)
{
    int result = sync_folders(remove);

    if (result < 0) {
        error_system(error, -result, "cannot sync the folders of %s", remove->spool->path);
        return -1;
    }
    for (size_t i = 0; i < remove->count; i++) {
        result = unit_leave(&remove->batch[i]);
        if (result < 0) {
            return complain(&remove->batch[i], result, "delete", error);
        }
        remove->gone++;
    }
    return 0;
}

int remove_flush(struct remove *remove, struct error *error)
{
    int result = 0;

    if (remove->count == 0) {
        return 0;
    }
    if (announce(remove, error) < 0) {
        give_up(remove);
        return -1;
    }
    result = empty_all(remove, error);
    if (result == 0) {
        result = leave_all(remove, error);
    }
    for (size_t i = 0; i < remove->count; i++) {
        unit_unlock(&remove->batch[i]);
    }
    remove->count = 0;
    return result;
}

int remove_unit(struct remove *remove, struct unit *unit, struct error *error)
{
    int result = unit->gone ? 0 : unit_gone(unit);

    if (result < 0) {
        complain(unit, result, "rename", error);
        unit_unlock(unit);
        return -1;
    }
    remove->batch[remove->count++] = *unit;
    unit->fd = -1;
    return remove->count < remove->room ? 0 : remove_flush(remove, error);
}

/* Finishes one that was found as ID.gone. One that is locked, or no longer there, is another's. */
static int remove_leftover(struct remove *remove, enum folder folder, const struct id *id,
                           size_t *count, struct error *error)
{
    struct unit unit;
    int result = unit_lock(remove->spool, folder, id, &unit);

    if (result == -ENOENT || result == -EAGAIN) {
        return 0;
    }
    if (result < 0) {
        return complain(&unit, result, "lock", error);
    }
    if (!unit.gone) {
        unit_unlock(&unit);
        return 0;
    }
    ++*count;
    return remove_unit(remove, &unit, error);
}

int remove_leftovers(struct remove *remove, size_t *count, struct error *error)
{
    int result = 0;

    for (size_t f = 0; f < sizeof folders / sizeof folders[0] && result == 0; f++) {
        DIR *list = file_list(remove->spool->dir[folders[f]]);
        const struct dirent *found;
        int listed = list != NULL ? 0 : -errno;

        while (listed == 0 && result == 0 && (listed = file_list_next(list, &found)) == 0 &&
               found != NULL) {
            struct entry entry = entry_read(found->d_name);

            if (entry.kind == ENTRY_GONE) {
                result = remove_leftover(remove, folders[f], &entry.id, count, error);
            }
        }
        if (list != NULL) {
            (void)closedir(list);
        }
        if (listed < 0) {
            error_system(error, -listed, "cannot list %s/%s", remove->spool->path,
                         folder_name(folders[f]));
            result = -1;
        }
    }
    return result == 0 ? remove_flush(remove, error) : -1;
}

size_t remove_count(const struct remove *remove)
{
    return remove->gone;
}

int remove_end(struct remove *remove, struct error *error)
{
    int result = remove_flush(remove, error);

    free(remove->batch);
    free(remove);
    return result;
}
