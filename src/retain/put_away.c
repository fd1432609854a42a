/* SPDX-License-Identifier: GPL-2.0-or-later */
/* put_away: moving finished units into archives, in the order that makes a crash harmless. */
#include "retain/put_away.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/day.h"
#include "base/xalloc.h"
#include "retain/clear_away.h"
#include "retain/finished.h"
#include "retain/gather.h"
#include "retain/ids_write.h"
#include "retain/owed.h"
#include "retain/pick.h"
#include "retain/remove.h"
#include "retain/store.h"
#include "retain/take_up.h"
#include "retain/volume_made.h"
#include "spool/file.h"

enum {
    RELAX_UNITS = 256,     /* looked up in archive/ids between two givings back of its memory */
    PROGRESS_UNITS = 512,  /* between two tellings */
    DAY_MS = 24 * 60 * 60 * 1000,
};

/* One putting away. */
struct work {
    const struct spool *spool;
    const struct put_away_plan *plan;
    struct put_away_counts *counts;
    uint64_t complaints;
    struct error *error;
    struct wall now;
    struct ids *ids;
    struct owed *owed;
    struct pick pick;
    struct press *press;
    struct gathered unit; /* the one at hand */
    struct ids_write *entering; /* new archive/ids, or NULL while there is nothing new */
    size_t volumes;             /* that it will have */
    unsigned number;            /* of the next volume */
    enum folder scanning;
    bool simple; /* see is_simple */
    uint64_t seen;
    char host[STORE_HOST_SIZE];
};

static void complain(void *context, const char *sentence)
{
    struct work *work = context;

    work->complaints++;
    if (work->plan->complain != NULL) {
        work->plan->complain(work->plan->context, sentence);
    }
}

static void progress(const struct work *work, const char *what, uint64_t done, uint64_t total)
{
    if (work->plan->progress != NULL && (done % PROGRESS_UNITS == 0 || done == total)) {
        work->plan->progress(work->plan->context, what, done, total);
    }
}

/* --- which units --------------------------------------------------------------------------------------- */

static unsigned month_of(int64_t ms)
{
    int year, month, day;

    day_split((int32_t)(ms / DAY_MS), &year, &month, &day);
    return (unsigned)((year - 1970) * 12 + month - 1);
}

/* The volume that covers the unit, by its number; SIZE_MAX: none. */
static size_t covering(const struct work *work, const struct finished *finished)
{
    struct archived archived;

    if (!ids_covers(work->ids, finished)) {
        return SIZE_MAX;
    }
    for (size_t i = 0; ids_find(work->ids, &finished->id, i, &archived); i++) {
        if (archived.failed == (finished->folder == FOLDER_FAILED) &&
            memcmp(archived.digest, finished->digest, sizeof archived.digest) == 0) {
            return ids_volume_find(work->ids, archived.volume);
        }
    }
    return SIZE_MAX;
}

/* Notes a selected unit. Returns 0 or -errno. */
static int note(struct work *work, const struct finished *finished)
{
    bool failed = finished->folder == FOLDER_FAILED;
    size_t volume = covering(work, finished);
    int owed = owed_has(work->owed, &finished->id);

    if (owed < 0) {
        return owed;
    }
    work->counts->selected++;
    if (owed > 0) {
        work->counts->owed++;
    } else if (volume != SIZE_MAX) {
        work->counts->before++;
        if (!work->plan->keep) {
            pick_add(&work->pick, &finished->id, pick_volume_key(volume, failed));
        }
    } else {
        pick_add(&work->pick, &finished->id,
                 pick_month_key(month_of(finished->finished_ms), failed));
    }
    return 0;
}

/* Whether the selection asks for nothing but state and age. */
static bool is_simple(const struct selection *selection)
{
    return (selection->run == NULL || selection->members != NULL) && selection->reason == NULL &&
           selection->model == NULL && selection->type == NULL && selection->user == NULL &&
           !selection->truncated && selection->where_count == 0;
}

/* Reads what the selection needs. Returns 0, or -errno. */
static int read_facts(struct work *work, const struct id *id, struct finished *finished)
{
    int result = work->simple
                     ? gather_glance(work->spool, work->scanning, id, &work->unit, finished)
                     : 0;

    if (result != 0) {
        return result < 0 ? result : 0;
    }
    return finished_read(work->spool, work->scanning, id,
                         selection_needs_job(work->plan->selection), finished);
}

/* Files in failed/ of what was refused at the door have no ID and are no units. */
static int look(void *context, const struct id *id)
{
    struct work *work = context;
    struct finished finished;
    struct facts facts;
    int result = read_facts(work, id, &finished);

    if (result < 0) {
        return result == -ENOENT ? 0 : result;
    }
    facts = finished_facts(&finished);
    if (selection_matches(work->plan->selection, &facts, work->now)) {
        result = note(work, &finished);
    }
    finished_clear(&finished);
    if (++work->seen % RELAX_UNITS == 0) {
        ids_relax(work->ids);
    }
    progress(work, "looking", work->seen, UINT64_MAX);
    return result;
}

static int scan(struct work *work, enum folder folder)
{
    int result;

    work->scanning = folder;
    work->simple = is_simple(work->plan->selection);
    result = finished_each(work->spool, folder, look, work);
    if (result < 0) {
        error_system(work->error, -result, "cannot read %s/%s", work->spool->path,
                     folder_name(folder));
        return -1;
    }
    return 0;
}

static int choose(struct work *work)
{
    if ((work->plan->completed && scan(work, FOLDER_DONE) < 0) ||
        (work->plan->failed && scan(work, FOLDER_FAILED) < 0)) {
        return -1;
    }
    if (work->pick.count > 0) {
        pick_sort(&work->pick);
    }
    return 0;
}

/* --- writing ------------------------------------------------------------------------------------------- */

static int enter_unit(void *context, const struct archived *archived, struct error *error)
{
    struct work *work = context;

    return ids_write_unit(work->entering, archived, error);
}

static int filter(struct work *work, const struct volume_made *made)
{
    char *path;
    int result;

    if (work->plan->filter == NULL) {
        return 0;
    }
    path = xasprintf("%s/tmp/%s.tar.zst", work->spool->path, made->stem);
    result = work->plan->filter(work->plan->context, made, path, work->error);
    free(path);
    return result;
}

static int publish(struct work *work, const struct volume_made *made)
{
    char path[STORE_PATH_SIZE];
    int result = store_publish(work->spool, made->stem, &made->name);

    if (result < 0) {
        store_path_write(&made->name, STORE_VOLUME, path);
        error_system(work->error, -result, "cannot publish %s/archive/%s", work->spool->path, path);
        return -1;
    }
    work->counts->volumes++;
    work->counts->archived += made->units;
    work->counts->files += made->files;
    work->counts->content += made->content;
    work->counts->size += made->size;
    work->volumes++;
    work->number++;
    if (work->plan->published != NULL) {
        work->plan->published(work->plan->context, made);
    }
    return 0;
}

/* Tells archive/ids of a volume to come: its units follow. It is filled in when it is made. */
static int begin_entering(struct work *work)
{
    if (work->entering == NULL) {
        work->entering = ids_write_begin(work->spool, work->ids, work->error);
    }
    if (work->entering == NULL) {
        return -1;
    }
    ids_write_begin_volume(work->entering);
    return 0;
}

static void end_entering(struct work *work, const struct volume_made *made)
{
    char path[STORE_PATH_SIZE];
    struct ids_volume volume = {.path = path, .size = made->size};

    store_path_write(&made->name, STORE_VOLUME, path);
    memcpy(volume.sha256, made->sha256, sizeof volume.sha256);
    memcpy(volume.index_sha256, made->index_sha256, sizeof volume.index_sha256);
    ids_write_end_volume(work->entering, &volume);
}

/* Puts together, verifies, filters, publishes. */
static int finish_volume(struct work *work, struct volume_write *write)
{
    struct volume_made made;
    int result = begin_entering(work);

    if (result < 0) {
        volume_write_abandon(write);
        return -1;
    }
    result = volume_write_finish(write, work->host, work->number, enter_unit, work, &made,
                                 work->error);
    if (result == 0) {
        result = volume_made_verify(work->spool, &made, work->error) < 0 || filter(work, &made) < 0 || publish(work, &made) < 0
                     ? -1
                     : 0;
        if (result < 0) {
            volume_write_discard(work->spool, &made);
        }
    }
    if (result == 0) {
        end_entering(work, &made);
    } else {
        ids_write_drop_volume(work->entering);
    }
    return result;
}

/* Adds one unit. Returns 1 when it was added, 0 when it stays where it is, or -1. */
static int write_unit(struct work *work, struct volume_write *write, struct pick_item *item)
{
    struct error error;
    int result = gather_unit(work->spool, pick_folder(item), &item->id, &work->unit, &error);

    if (result != 0) {
        item->key = (uint32_t)PICK_NOTHING;
        if (result < 0 && error.kind != ERROR_DATA) {
            *work->error = error;
            return -1;
        }
        if (result < 0) {
            work->counts->damaged++;
            complain(work, error.text);
        }
        return 0;
    }
    result = volume_write_unit(write, &work->unit, work->error);
    item->key = pick_volume_key(work->volumes, pick_folder(item) == FOLDER_FAILED);
    return result == 0 ? 1 : -1;
}

/* Writes one volume of the items from *next up to end, which are of one month. */
static int write_volume(struct work *work, size_t *next, size_t end, size_t total)
{
    struct volume_write *write = volume_write_begin(work->spool, work->press, work->error);
    size_t first = *next, added = 0;
    int result = write != NULL ? 0 : -1;

    while (result == 0 && *next < end &&
           (added == 0 || volume_write_size(write) < work->plan->volume_size)) {
        int one = write_unit(work, write, &work->pick.items[(*next)++]);

        result = one < 0 ? -1 : 0;
        added += one > 0 ? 1 : 0;
        progress(work, "archiving", *next, total);
    }
    if (result == 0 && added > 0) {
        result = finish_volume(work, write);
    } else {
        volume_write_abandon(write);
    }
    /* What is in no volume stays. */
    for (size_t i = first; result < 0 && i < *next; i++) {
        work->pick.items[i].key = (uint32_t)PICK_NOTHING;
    }
    return result;
}

/* Writes all that is to be archived; after a failure the rest is left as it is. */
static int write_all(struct work *work)
{
    size_t next = 0, total = 0;
    int result = 0;

    while (total < work->pick.count && !pick_is_archived(&work->pick.items[total])) {
        total++;
    }
    if (total == 0) {
        return 0;
    }
    work->press = press_open(work->plan->level);
    if (work->press == NULL) {
        error_system(work->error, errno, "cannot start a thread");
        result = -1;
    }
    while (result == 0 && next < total) {
        size_t end = next + pick_run(&work->pick, next);

        while (result == 0 && next < end) {
            result = write_volume(work, &next, end, total);
        }
    }
    for (; next < total; next++) {
        work->pick.items[next].key = (uint32_t)PICK_NOTHING;
    }
    press_close(work->press);
    return result;
}

/* --- the whole ----------------------------------------------------------------------------------------- */

static int reopen_ids(struct work *work)
{
    ids_close(work->ids);
    work->ids = ids_open(work->spool, work->error);
    return work->ids != NULL ? 0 : -1;
}

/* Enters the volumes that were published. */
static int enter(struct work *work)
{
    struct ids_write *entering = work->entering;

    work->entering = NULL;
    if (entering == NULL) {
        return 0;
    }
    if (work->counts->volumes == 0) {
        ids_write_abandon(entering);
        return 0;
    }
    return ids_write_commit(entering, work->error) < 0 ? -1 : reopen_ids(work);
}

/* What a killed run left in tmp/ and in archive/. */
static int take_up(struct work *work)
{
    struct take_up take = {.spool = work->spool, .complain = complain, .context = work};
    int result = store_temp_clear(work->spool);

    if (result < 0) {
        error_system(work->error, -result, "cannot clear %s/tmp", work->spool->path);
        return -1;
    }
    if (take_up_volumes(&take, work->ids, work->error) < 0) {
        return -1;
    }
    work->counts->taken_up = take.entered;
    work->number = take.highest + 1;
    return take.entered > 0 ? reopen_ids(work) : 0;
}

static void told_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    progress(context, what, done, total);
}

/* Deletes what is archived, or with --keep tells of it alone. */
static int clear(struct work *work)
{
    struct clear_away away = {.spool = work->spool,
                              .ids = work->ids,
                              .owed = work->owed,
                              .clock = work->plan->clock,
                              .keep = work->plan->keep,
                              .fresh = work->volumes - work->counts->volumes,
                              .complain = complain,
                              .progress = told_progress,
                              .context = work};
    int result;

    if (work->pick.count > 0) {
        pick_sort(&work->pick);
    }
    result = clear_away(&away, &work->pick, work->error);
    work->counts->deleted = away.deleted;
    work->counts->changed = away.changed;
    work->counts->finished = away.finished;
    return result;
}

/* From the lock to the end. An error of writing does not keep what was published from being finished. */
static int run(struct work *work)
{
    struct error first;
    int result;

    if (take_up(work) < 0 || choose(work) < 0) {
        return -1;
    }
    work->volumes = 0;
    while (ids_volume(work->ids, work->volumes) != NULL) {
        work->volumes++;
    }
    result = write_all(work);
    first = *work->error;
    if (enter(work) < 0) {
        return -1;
    }
    if (clear(work) < 0) {
        return -1;
    }
    if (result < 0) {
        *work->error = first;
    }
    return result;
}

static int open_all(struct work *work)
{
    work->ids = ids_open(work->spool, work->error);
    work->owed = work->ids != NULL ? owed_open(work->spool, work->error) : NULL;
    store_host(work->host);
    return work->owed != NULL ? 0 : -1;
}

static void close_all(struct work *work)
{
    ids_write_abandon(work->entering);
    owed_close(work->owed);
    ids_close(work->ids);
    pick_free(&work->pick);
    gathered_free(&work->unit);
}

/* Counts what would be archived. */
static void count_only(const struct work *work)
{
    for (size_t i = 0; i < work->pick.count; i++) {
        work->counts->archived += pick_is_archived(&work->pick.items[i]) ? 0 : 1;
    }
}

int put_away(const struct spool *spool, const struct put_away_plan *plan,
             struct put_away_counts *counts, uint64_t *complaints, struct error *error)
{
    struct work work = {.spool = spool,
                        .plan = plan,
                        .counts = counts,
                        .error = error,
                        .now = clock_wall(plan->clock)};
    int lock = plan->dry_run ? -1 : store_lock(spool, plan->program, error);
    int result;

    *counts = (struct put_away_counts){0};
    if (!plan->dry_run && lock < 0) {
        return -1;
    }
    result = open_all(&work);
    if (result == 0 && plan->dry_run) {
        result = choose(&work);
        count_only(&work);
    } else if (result == 0) {
        result = run(&work);
    }
    close_all(&work);
    if (lock >= 0) {
        close(lock);
    }
    *complaints = work.complaints;
    return result;
}

int put_away_reindex(const struct spool *spool, const struct put_away_plan *plan, uint64_t *volumes,
                     struct error *error)
{
    struct take_up take = {.spool = spool, .complain = plan->complain, .context = plan->context};
    int lock = store_lock(spool, plan->program, error);
    int result = lock >= 0 ? take_up_volumes(&take, NULL, error) : -1;

    if (lock >= 0) {
        close(lock);
    }
    *volumes = take.entered;
    return result < 0 ? -1 : (int)take.left_out;
}
