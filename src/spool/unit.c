/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unit: one finished job as a unit, and its lock. */
#include "spool/unit.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "spool/file.h"
#include "spool/move.h"

enum {
    LOCK_TRIES = 8,
    PROBES = 1000, /* names looked up before a folder, perhaps of millions, is read */
};

struct range {
    unsigned lowest;
    unsigned highest;
};

static int exists(int dir, enum entry_kind kind, const struct id *id, unsigned version)
{
    char name[ENTRY_NAME_SIZE];
    struct stat status;
    entry_write(kind, id, version, name);
    if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return 1;
    }
    return errno == ENOENT ? 0 : -errno;
}

/* Takes the lock on an opened file and checks that name still leads to it: -ESTALE if not. */
static int lock_opened(int dir, const char *name, struct unit *unit)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(unit->fd, F_OFD_SETLK, &lock) != 0) {
        return errno == EACCES ? -EAGAIN : -errno;
    }
    struct stat named;
    if (fstat(unit->fd, &unit->status) != 0) {
        return -errno;
    }
    if (fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? -ESTALE : -errno;
    }
    return file_same(&named, &unit->status) ? 0 : -ESTALE;
}

static int lock_name(struct unit *unit, enum entry_kind kind)
{
    int dir = unit->spool->dir[unit->folder];
    char name[ENTRY_NAME_SIZE];
    entry_write(kind, &unit->id, 0, name);
    unit->fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (unit->fd < 0) {
        return -errno;
    }
    unit->gone = kind == ENTRY_GONE;
    int result = lock_opened(dir, name, unit);
    if (result != 0) {
        unit_unlock(unit);
    }
    return result;
}

int unit_lock(const struct spool *spool, enum folder folder, const struct id *id, struct unit *unit)
{
    assert(folder == FOLDER_DONE || folder == FOLDER_FAILED);
    *unit = (struct unit){.spool = spool, .folder = folder, .id = *id, .fd = -1};
    for (int i = 0; i < LOCK_TRIES; i++) {
        int result = lock_name(unit, ENTRY_JOB);
        if (result == -ENOENT) {
            result = lock_name(unit, ENTRY_GONE);
        }
        /* ID.gone may have been renamed to ID.json between the two looks. */
        if (result == -ENOENT && exists(spool->dir[folder], ENTRY_JOB, id, 0) == 1) {
            result = -ESTALE;
        }
        if (result != -ESTALE) {
            return result;
        }
    }
    return -EAGAIN;
}

void unit_unlock(struct unit *unit)
{
    if (unit->fd >= 0) {
        /* Closing gives the lock back; nothing was written. */
        (void)close(unit->fd);
        unit->fd = -1;
    }
}

/* Calls for each output of id that lies in the folder, in no order, until visit fails. */
static int each_output(int dir, const struct id *id,
                       int (*visit)(int dir, const char *name, unsigned version, void *context),
                       void *context)
{
    DIR *list = file_list(dir);
    if (list == NULL) {
        return -errno;
    }
    char text[ID_TEXT_SIZE];
    id_write(id, text);
    const struct dirent *found;
    int result = file_list_next(list, &found);
    while (result == 0 && found != NULL) {
        if (strncmp(found->d_name, text, ID_TEXT_SIZE - 1) == 0) {
            struct entry entry = entry_read(found->d_name);
            if (entry.kind == ENTRY_OUTPUT) {
                result = visit(dir, found->d_name, entry.version, context);
            }
        }
        if (result == 0) {
            result = file_list_next(list, &found);
        }
    }
    (void)closedir(list);
    return result;
}

static int widen(int dir, const char *name, unsigned version, void *context)
{
    (void)dir;
    (void)name;
    struct range *range = context;
    if (range->lowest == 0 || version < range->lowest) {
        range->lowest = version;
    }
    if (version > range->highest) {
        range->highest = version;
    }
    return 0;
}

/* The outputs that follow each other upward from the first that is there at or after `first`; *range
 * is zeros when the first `limit` names are not. Returns 0 or -errno. */
static int count_up(int dir, const struct id *id, unsigned first, unsigned limit,
                    struct range *range)
{
    unsigned version = first;
    int there = exists(dir, ENTRY_OUTPUT, id, version);
    *range = (struct range){0, 0};
    while (there == 0 && version - first + 1 < limit) {
        version++;
        there = exists(dir, ENTRY_OUTPUT, id, version);
    }
    if (there != 1) {
        return there;
    }
    range->lowest = version;
    do {
        range->highest = version;
        version++;
        there = exists(dir, ENTRY_OUTPUT, id, version);
    } while (there == 1);
    return there;
}

/* Whether a job without version 1 may have later ones: it is in done/, or it runs again, which it
 * cannot without a state file. A new job never costs a reading of the folder. */
static int known_before(const struct spool *spool, const struct id *id)
{
    static const struct {
        enum folder folder;
        enum entry_kind kind;
    } traces[] = {
        {FOLDER_DONE, ENTRY_JOB},
        {FOLDER_DONE, ENTRY_GONE},
        {FOLDER_CUR, ENTRY_STATE},
    };
    int there = 0;
    for (size_t i = 0; i < sizeof traces / sizeof traces[0] && there == 0; i++) {
        there = exists(spool->dir[traces[i].folder], traces[i].kind, id, 0);
    }
    return there;
}

/* The outputs of a job whose version 1 was pruned: found by name, or, when a great many were, in the
 * folder. */
static int look_further(int dir, const struct id *id, struct range *range)
{
    int result = count_up(dir, id, 2, PROBES, range);
    return result == 0 && range->highest == 0 ? each_output(dir, id, widen, range) : result;
}

int unit_versions(const struct spool *spool, const struct id *id, unsigned *lowest,
                  unsigned *highest)
{
    int done = spool->dir[FOLDER_DONE];
    struct range range;
    int result = count_up(done, id, 1, 1, &range);
    if (result == 0 && range.highest == 0) {
        int known = known_before(spool, id);
        result = known > 0 ? look_further(done, id, &range) : known;
    }
    if (result == 0) {
        *lowest = range.lowest;
        *highest = range.highest;
    }
    return result;
}

/* Removes a name; that it is gone already is what was wanted. */
static int remove_name(int dir, const char *name)
{
    return unlinkat(dir, name, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

static int remove_entry(int dir, enum entry_kind kind, const struct id *id, unsigned version)
{
    char name[ENTRY_NAME_SIZE];
    entry_write(kind, id, version, name);
    return remove_name(dir, name);
}

static int remove_visited(int dir, const char *name, unsigned version, void *context)
{
    (void)version;
    (void)context;
    return remove_name(dir, name);
}

/* From the highest down, so that after a kill the lowest still leads to the rest. */
static int remove_outputs(int dir, const struct id *id)
{
    struct range range;
    int result = count_up(dir, id, 1, PROBES, &range);
    if (result == 0 && range.highest == 0) {
        return each_output(dir, id, remove_visited, NULL);
    }
    for (unsigned version = range.highest; result == 0 && version >= range.lowest; version--) {
        result = remove_entry(dir, ENTRY_OUTPUT, id, version);
    }
    return result;
}

static int rename_unit(struct unit *unit, enum entry_kind from, enum entry_kind to)
{
    int dir = unit->spool->dir[unit->folder];
    char old[ENTRY_NAME_SIZE];
    char new[ENTRY_NAME_SIZE];
    entry_write(from, &unit->id, 0, old);
    entry_write(to, &unit->id, 0, new);
    int result = move_noreplace(dir, old, dir, new);
    if (result == 0) {
        unit->gone = to == ENTRY_GONE;
    }
    return result;
}

int unit_gone(struct unit *unit)
{
    assert(!unit->gone && unit->fd >= 0);
    return rename_unit(unit, ENTRY_JOB, ENTRY_GONE);
}

int unit_gone_back(struct unit *unit)
{
    assert(unit->gone && unit->fd >= 0);
    return rename_unit(unit, ENTRY_GONE, ENTRY_JOB);
}

int unit_empty(const struct unit *unit)
{
    assert(unit->gone && unit->fd >= 0);
    static const enum entry_kind sidecars[] = {ENTRY_ERROR, ENTRY_STATE, ENTRY_PARTIAL};
    int dir = unit->spool->dir[unit->folder];
    int result = 0;
    for (size_t i = 0; i < sizeof sidecars / sizeof sidecars[0] && result == 0; i++) {
        result = remove_entry(dir, sidecars[i], &unit->id, 0);
    }
    return result == 0 && unit->folder == FOLDER_DONE ? remove_outputs(dir, &unit->id) : result;
}

int unit_leave(const struct unit *unit)
{
    assert(unit->gone && unit->fd >= 0);
    return remove_entry(unit->spool->dir[unit->folder], ENTRY_GONE, &unit->id, 0);
}

int unit_finish_gone(struct unit *unit)
{
    int dir = unit->spool->dir[unit->folder];
    /* The renaming to ID.gone is durable before anything goes: no power loss may leave an ID.json
     * that counts as done without its outputs. */
    int result = file_sync_dir(dir);
    if (result == 0) {
        result = unit_empty(unit);
    }
    /* And what was deleted stays deleted before the name that tells of it goes. */
    if (result == 0) {
        result = file_sync_dir(dir);
    }
    return result == 0 ? unit_leave(unit) : result;
}
