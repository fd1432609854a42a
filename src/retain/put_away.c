/* SPDX-License-Identifier: GPL-2.0-or-later */
/* put_away: moving finished units into archives, in the order that makes a crash harmless. */
#include "retain/put_away.h"

#include <stdlib.h>
#include <unistd.h>

#include "retain/clear_away.h"
#include "retain/put_away_work.h"
#include "retain/store.h"
#include "retain/take_up.h"

enum { PROGRESS_UNITS = 512 }; /* between two tellings */

void work_complain(void *context, const char *sentence)
{
    struct work *work = context;

    work->complaints++;
    if (work->plan->complain != NULL) {
        work->plan->complain(work->plan->context, sentence);
    }
}

void work_progress(const struct work *work, const char *what, uint64_t done, uint64_t total)
{
    if (work->plan->progress != NULL && (done % PROGRESS_UNITS == 0 || done == total)) {
        work->plan->progress(work->plan->context, what, done, total);
    }
}

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
    struct take_up take = {.spool = work->spool, .complain = work_complain, .context = work};
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
    work_progress(context, what, done, total);
}

/* Deletes what is archived, or with --keep tells of it alone. */
static int clear(struct work *work)
{
    struct clear_away away = {.spool = work->spool,
                              .ids = work->ids,
                              .owed = work->owed,
                              .clock = work->plan->clock,
                              .keep = work->plan->keep,
                              .fresh = work->known,
                              .complain = work_complain,
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

    if (take_up(work) < 0 || work_choose(work) < 0) {
        return -1;
    }
    while (ids_volume(work->ids, work->known) != NULL) {
        work->known++;
    }
    work->volumes = work->known;
    result = work_write(work);
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
        result = work_choose(&work);
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
