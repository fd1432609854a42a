/* SPDX-License-Identifier: GPL-2.0-or-later */
/* put_away_choose: which units are to be put away. */
#include "retain/put_away_work.h"

#include <errno.h>
#include <string.h>

#include "base/day.h"

enum {
    RELAX_UNITS = 32, /* looked up in archive/ids between two givings back of its memory: each look-up
                         maps some pages in many places, with their neighbours */
    DAY_MS = 24 * 60 * 60 * 1000,
};

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
    work_progress(work, "looking", work->seen, UINT64_MAX);
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

int work_choose(struct work *work)
{
    if ((work->plan->completed && scan(work, FOLDER_DONE) < 0) ||
        (work->plan->failed && scan(work, FOLDER_FAILED) < 0)) {
        return -1;
    }
    ids_relax(work->ids);
    if (work->pick.count > 0) {
        pick_sort(&work->pick);
    }
    return 0;
}
