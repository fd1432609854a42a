/* SPDX-License-Identifier: GPL-2.0-or-later */
/* forget: removing jobs for good. */
#include "retain/forget.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "retain/blobs.h"
#include "retain/flow_forget.h"
#include "retain/finished.h"
#include "retain/gather.h"
#include "retain/owed.h"
#include "retain/remove.h"
#include "retain/store.h"
#include "retain/take_up.h"
#include "retain/tombstone.h"
#include "retain/unname.h"
#include "retain/volume.h"
#include "spool/events.h"

static const enum folder folders[] = {FOLDER_DONE, FOLDER_FAILED};
enum { FOLDERS = sizeof folders / sizeof folders[0] };

struct work {
    const struct spool *spool;
    const struct forget_plan *plan;
    struct forget_counts *counts;
    struct error *error;
    struct ids *ids;
    struct tombstones stones;
    struct idset all; /* the jobs of the plan, and those that are pending */
    struct events *events;
};

static void complain(void *context, const char *sentence)
{
    const struct work *work = context;

    work->plan->complain(work->plan->context, sentence);
}

/* --- what a killed forgetting left ------------------------------------------------------------------- */

/* Whether a unit finished before it was forgotten. What cannot be read is left to a person. */
static bool unit_is_pending(const struct work *work, const struct tombstone *stone,
                            enum folder folder)
{
    struct finished finished;
    bool pending;

    if (finished_read(work->spool, folder, &stone->id, false, &finished) < 0) {
        return false;
    }
    pending = finished.finished_ms != 0 && finished.finished_ms <= stone->ms;
    finished_clear(&finished);
    return pending;
}

static bool copy_is_pending(const struct work *work, const struct tombstone *stone,
                            const struct archived *archived)
{
    char *stem = xstrndup(archived->volume, strlen(archived->volume) - strlen(VOLUME_SUFFIX));
    struct error trouble;
    struct volume *volume =
        volume_open(work->spool->dir[FOLDER_ARCHIVE], stem, NULL, &trouble);
    struct bundle bundle;
    bool pending = false;

    if (volume != NULL && volume_archived(volume, archived, &bundle, &trouble) == 0) {
        pending = bundle_finished(&bundle).ms <= stone->ms;
        bundle_clear(&bundle);
    }
    volume_close(volume);
    free(stem);
    return pending;
}

static bool is_pending(const struct work *work, const struct tombstone *stone)
{
    struct archived archived;

    for (size_t i = 0; i < FOLDERS; i++) {
        if (unit_is_pending(work, stone, folders[i])) {
            return true;
        }
    }
    for (size_t i = 0; ids_find(work->ids, &stone->id, i, &archived); i++) {
        if (copy_is_pending(work, stone, &archived)) {
            return true;
        }
    }
    return false;
}

/* All jobs that this run is for: those asked for, and those of earlier tombstones that are still
 * there. */
static void gather_jobs(struct work *work)
{
    for (size_t i = 0; i < work->plan->jobs->count; i++) {
        idset_add(&work->all, &work->plan->jobs->ids[i]);
    }
    for (size_t i = 0; i < work->stones.count; i++) {
        const struct tombstone *stone = &work->stones.stones[i];

        if (!idset_has(work->plan->jobs, &stone->id) && is_pending(work, stone)) {
            idset_add(&work->all, &stone->id);
            work->counts->resumed++;
        }
    }
    idset_sort(&work->all);
    work->counts->jobs = work->all.count;
}

/* --- events ------------------------------------------------------------------------------------------ */

static int tell(struct work *work)
{
    char id[ID_TEXT_SIZE];
    int result;

    for (size_t i = 0; i < work->all.count; i++) {
        id_write(&work->all.ids[i], id);
        events_add(work->events, "forgotten", json_pack("{s:s}", "id", id));
    }
    result = events_flush(work->events);
    if (result < 0) {
        error_system(work->error, -result, "cannot write events in %s", work->spool->path);
    }
    return result < 0 ? -1 : 0;
}

/* --- units ------------------------------------------------------------------------------------------- */

static void tell_busy(struct work *work, const struct id *id)
{
    char text[ID_TEXT_SIZE], *sentence;

    id_write(id, text);
    sentence = xasprintf("%s is in another's hands: forget it again in a second", text);
    complain(work, sentence);
    free(sentence);
    work->counts->busy++;
}

static int remove_from(struct work *work, struct remove *remove, enum folder folder,
                       const struct id *id)
{
    char text[ID_TEXT_SIZE];
    struct unit unit;
    int result = unit_lock(work->spool, folder, id, &unit);

    if (result == 0) {
        return remove_unit(remove, &unit, work->error);
    }
    if (result == -EAGAIN) {
        tell_busy(work, id);
    } else if (result != -ENOENT) {
        id_write(id, text);
        error_system(work->error, -result, "cannot lock %s/%s of %s", folder_name(folder), text,
                     work->spool->path);
        return -1;
    }
    return 0;
}

static int remove_units(struct work *work)
{
    struct remove *remove = remove_begin(work->spool, NULL, NULL);
    struct error later;
    size_t leftovers = 0;
    int result = 0;

    for (size_t i = 0; i < work->all.count && result == 0; i++) {
        for (size_t f = 0; f < FOLDERS && result == 0; f++) {
            result = remove_from(work, remove, folders[f], &work->all.ids[i]);
        }
    }
    /* An ID.gone has no time to be compared with a tombstone, and is to go whoever left it. */
    if (result == 0) {
        result = remove_leftovers(remove, &leftovers, work->error);
    }
    work->counts->units = remove_count(remove);
    return remove_end(remove, result == 0 ? work->error : &later) < 0 ? -1 : result;
}

/* What only they used. A kill before this leaves it to prune, which removes it when it is old enough. */
static int remove_attachments(const struct work *work)
{
    const struct blobs_plan plan = {.now = clock_wall(work->plan->clock), .jobs = &work->all};

    return blobs_sweep(work->spool, &plan, &work->counts->attachments, work->error);
}

/* --- the whole --------------------------------------------------------------------------------------- */

/* The archive as it should be: without what killed programs left, archive/ids knowing all. */
static int take_up(struct work *work)
{
    struct take_up take = {.spool = work->spool, .complain = complain, .context = work};
    int result = store_temp_clear(work->spool);

    if (result < 0) {
        error_system(work->error, -result, "cannot clear %s/tmp", work->spool->path);
        return -1;
    }
    work->ids = ids_open(work->spool, work->error);
    if (work->ids == NULL || take_up_volumes(&take, work->ids, work->error) < 0) {
        return -1;
    }
    ids_close(work->ids);
    work->ids = ids_open(work->spool, work->error);
    return work->ids != NULL ? 0 : -1;
}

/* Nobody is told any more of what is forgotten. */
static int forgive(struct work *work)
{
    int result = owed_forgive(work->spool, &work->all);

    if (result < 0) {
        error_system(work->error, -result, "cannot remove what %s owes to the jobs",
                     work->spool->path);
    }
    return result < 0 ? -1 : 0;
}

static int run(struct work *work)
{
    if (take_up(work) < 0 || tombstones_read(work->spool, &work->stones, work->error) < 0) {
        return -1;
    }
    gather_jobs(work);
    if (work->all.count == 0) {
        return remove_units(work);
    }
    if (work->plan->jobs->count > 0 &&
        tombstones_add(work->spool, work->plan->jobs->ids, work->plan->jobs->count,
                       clock_wall(work->plan->clock), work->error) < 0) {
        return -1;
    }
    /* By archived copies and units it is seen what is still to be done: they go last. */
    if (flow_forget(work->spool, &work->all, work->error) < 0 ||
        unname(work->spool, &work->all, NULL, NULL, &work->counts->lines, work->error) < 0 ||
        forgive(work) < 0 || tell(work) < 0 ||
        rewrite_without(work->spool, work->ids, &work->all, complain, work,
                        &work->counts->archive, work->error) < 0) {
        return -1;
    }
    return remove_units(work) < 0 ? -1 : remove_attachments(work);
}

int forget(const struct spool *spool, const struct forget_plan *plan,
           struct forget_counts *counts, struct error *error)
{
    struct work work = {.spool = spool, .plan = plan, .counts = counts, .error = error};
    int lock = store_lock(spool, plan->program, error);
    int result;

    *counts = (struct forget_counts){0};
    if (lock < 0) {
        return -1;
    }
    work.events = events_open(spool, plan->clock);
    result = run(&work);
    events_close(work.events);
    tombstones_free(&work.stones);
    idset_free(&work.all);
    ids_close(work.ids);
    close(lock);
    return result;
}
