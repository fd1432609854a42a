/* SPDX-License-Identifier: GPL-2.0-or-later */
/* owed: jobs that somebody still waits for or holds. */
#include "retain/owed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "retain/batch.h"
#include "retain/members.h"
#include "spool/file.h"

enum { DEBT_LIMIT = 1 << 20 }; /* bytes of a debt's file; what is larger is none */

static const char hold_start[] = "hold.";

/* A debt's file by its name, a hash, and the job that it names: what it holds never changes. */
struct debt {
    struct id name;
    struct id id;
};

struct debts {
    struct debt *list; /* sorted by name, once all are there */
    size_t count;
    size_t capacity;
};

/* The jobs that one folder names, as it was at some time. */
struct place {
    enum folder folder;
    int dir; /* it, or a folder in it */
    bool known;
    struct timespec changed; /* of the folder, before it was read */
    struct id *ids;          /* sorted */
    size_t count;
    size_t capacity;
    struct debts debts; /* read so far, of those that were there at the last reading */
    struct debts fresh; /* of this reading */
};

enum { PLACES = 3 };

struct owed {
    const struct spool *spool;
    struct place places[PLACES];
};

/* Of IDs, and of debts by their names, which come first. */
static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id));
}

static void add(struct place *place, const struct id *id)
{
    if (place->count == place->capacity) {
        place->capacity = 2 * place->capacity + 16;
        place->ids = xrealloc(place->ids, place->capacity * sizeof *place->ids);
    }
    place->ids[place->count++] = *id;
}

static void remember(struct debts *debts, const struct id *name, const struct id *id)
{
    if (debts->count == debts->capacity) {
        debts->capacity = 2 * debts->capacity + 16;
        debts->list = xrealloc(debts->list, debts->capacity * sizeof *debts->list);
    }
    debts->list[debts->count++] = (struct debt){.name = *name, .id = *id};
}

/* outbox/: a file for each debt, which names its job. */
static int read_debt(const char *name, struct place *place)
{
    struct buffer text = {0};
    json_t *debt = NULL;
    struct entry entry = entry_read(name);
    bool hashed = entry.kind == ENTRY_JOB;
    const struct debt *before = hashed && place->debts.count > 0
                                    ? bsearch(&entry.id, place->debts.list, place->debts.count,
                                              sizeof *place->debts.list, by_bytes)
                                    : NULL;
    struct id id;
    int result;

    if (before != NULL) {
        add(place, &before->id);
        remember(&place->fresh, &before->name, &before->id);
        return 0;
    }
    result = file_read_at(place->dir, name, DEBT_LIMIT, &text, NULL);

    if (result == 0 && text.length > 0) {
        debt = jsontext_read_object(text.bytes, text.length, NULL);
    }
    if (id_read(jsontext_get_text(debt, "id", ""), &id)) {
        add(place, &id);
        if (hashed) {
            remember(&place->fresh, &entry.id, &id);
        }
    }
    json_decref(debt);
    buffer_free(&text);
    /* One that was paid meanwhile, or is no file of ours, owes nothing. */
    return result == -ENOENT || result == -EINVAL || result == -EISDIR || result == -ELOOP ||
                   result == -EFBIG
               ? 0
               : result;
}

/* runs/: a batch owes its results, which are made of the answers to all of its jobs. */
static int read_run(const struct spool *spool, const char *name, struct place *place)
{
    int dir = layout_name_ok(name) ? batch_open_run(spool, name) : -ENOENT;
    struct batch batch = {0};
    struct member *members = NULL;
    size_t count = 0;

    if (dir >= 0 && batch_read(dir, &batch) == 0 && !batch_has_ended(&batch)) {
        members = members_read(spool, name, &count, NULL);
    }
    for (size_t i = 0; members != NULL && i < count; i++) {
        if (!members[i].refused) {
            add(place, &members[i].id);
        }
    }
    free(members);
    batch_clear(&batch);
    if (dir >= 0) {
        close(dir);
    }
    return 0;
}

static int read_entry(const struct spool *spool, const char *name, struct place *place)
{
    struct id id;

    if (place->folder == FOLDER_RUNS) {
        return read_run(spool, name, place);
    }

    if (place->folder == FOLDER_OUTBOX) {
        return drop_read(name) == DROP_JOB ? read_debt(name, place) : 0;
    }
    if (strncmp(name, hold_start, sizeof hold_start - 1) == 0 &&
        id_read(name + sizeof hold_start - 1, &id)) {
        add(place, &id);
    }
    return 0;
}

static int read_place(const struct spool *spool, struct place *place)
{
    DIR *list = file_list(spool->dir[place->folder]);
    const struct dirent *found;
    int result = list != NULL ? 0 : -errno;

    place->count = 0;
    while (result == 0 && (result = file_list_next(list, &found)) == 0 && found != NULL) {
        result = read_entry(spool, found->d_name, place);
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    free(place->debts.list);
    place->debts = place->fresh;
    place->fresh = (struct debts){0};
    if (place->debts.count > 0) {
        qsort(place->debts.list, place->debts.count, sizeof *place->debts.list, by_bytes);
    }
    if (place->count > 0) {
        qsort(place->ids, place->count, sizeof *place->ids, by_bytes);
    }
    return result;
}

/* Whether the folder cannot have changed since it was read. A change within the tick in which it was
 * read does not show: what is so young is read again. */
static bool is_current(const struct place *place, const struct timespec *changed)
{
    return place->known && place->changed.tv_sec == changed->tv_sec &&
           place->changed.tv_nsec == changed->tv_nsec;
}

enum { TICK_NS = 20 * 1000 * 1000 };

/* Whether a time is so long ago that a change now would get another one. */
static bool is_past(const struct timespec *changed)
{
    struct timespec now;
    int64_t age;

    clock_gettime(CLOCK_REALTIME, &now);
    age = (int64_t)(now.tv_sec - changed->tv_sec) * 1000000000 + now.tv_nsec - changed->tv_nsec;
    return age > TICK_NS;
}

static int refresh(const struct spool *spool, struct place *place)
{
    struct stat status;
    int result;

    if (fstat(spool->dir[place->folder], &status) < 0) {
        return -errno;
    }
    if (is_current(place, &status.st_mtim)) {
        return 0;
    }
    place->changed = status.st_mtim;
    place->known = is_past(&status.st_mtim);
    result = read_place(spool, place);
    place->known = place->known && result == 0;
    return result;
}

struct owed *owed_open(const struct spool *spool, struct error *error)
{
    static const enum folder folders[PLACES] = {FOLDER_OUTBOX, FOLDER_CTL, FOLDER_RUNS};
    struct owed *owed = xcalloc(1, sizeof *owed);

    owed->spool = spool;
    for (size_t i = 0; i < PLACES; i++) {
        int result;

        owed->places[i].folder = folders[i];
        owed->places[i].dir = spool->dir[folders[i]];
        result = refresh(spool, &owed->places[i]);
        if (result < 0) {
            error_system(error, -result, "cannot read %s/%s", spool->path,
                         folder_name(folders[i]));
            owed_close(owed);
            return NULL;
        }
    }
    return owed;
}

int owed_has(struct owed *owed, const struct id *id)
{
    for (size_t i = 0; i < PLACES; i++) {
        struct place *place = &owed->places[i];
        int result = refresh(owed->spool, place);

        if (result < 0) {
            return result;
        }
        if (place->count > 0 &&
            bsearch(id, place->ids, place->count, sizeof *place->ids, by_bytes) != NULL) {
            return 1;
        }
    }
    return 0;
}

/* Deletes the entries of a folder (whose entries are those of a kind of folder) that name one of these
 * jobs. */
static int forgive_in(const struct spool *spool, enum folder folder, int dir,
                      const struct idset *jobs)
{
    DIR *list = file_list(dir);
    const struct dirent *found;
    int result = list != NULL ? 0 : -errno;

    while (result == 0 && (result = file_list_next(list, &found)) == 0 && found != NULL) {
        struct place place = {.folder = folder, .dir = dir};

        result = read_entry(spool, found->d_name, &place);
        if (result == 0 && place.count > 0 && idset_has(jobs, &place.ids[0]) &&
            unlinkat(dir, found->d_name, 0) < 0 && errno != ENOENT) {
            result = -errno;
        }
        free(place.ids);
        free(place.fresh.list);
    }
    if (list != NULL) {
        closedir(list);
    }
    return result == 0 ? file_sync_dir(dir) : result;
}

/* What was given up of these jobs tells of them, too. */
static int forgive_given_up(const struct spool *spool, const struct idset *jobs)
{
    int dir = openat(spool->dir[FOLDER_OUTBOX], "failed",
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int result;

    if (dir < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    result = forgive_in(spool, FOLDER_OUTBOX, dir, jobs);
    (void)close(dir);
    return result;
}

int owed_forgive(const struct spool *spool, const struct idset *jobs)
{
    int result = forgive_in(spool, FOLDER_OUTBOX, spool->dir[FOLDER_OUTBOX], jobs);

    if (result == 0) {
        result = forgive_given_up(spool, jobs);
    }
    return result == 0 ? forgive_in(spool, FOLDER_CTL, spool->dir[FOLDER_CTL], jobs) : result;
}

void owed_close(struct owed *owed)
{
    if (owed == NULL) {
        return;
    }
    for (size_t i = 0; i < PLACES; i++) {
        free(owed->places[i].ids);
        free(owed->places[i].debts.list);
    }
    free(owed);
}
