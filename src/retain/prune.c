/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prune: deleting finished work that need not be kept any more: the passes. */
#include "retain/prune.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "retain/blobs.h"
#include "retain/prune_parts.h"
#include "spool/file.h"

enum { PROGRESS_EVERY = 1024 };

int prune_fail(const struct pruning *pruning, int problem, const char *what)
{
    error_system(pruning->error, -problem, "cannot prune %s/%s", pruning->spool->path, what);
    return -1;
}

/* --- the first pass: what is too much ------------------------------------------------------------ */

static bool is_selected(struct pruning *pruning, const struct id *id)
{
    const struct selection *selection = pruning->plan->selection;
    struct finished finished;
    struct facts facts;
    bool selected;

    if (selection == NULL) {
        return true;
    }
    if (finished_read(pruning->spool, pruning->folder, id, selection_needs_job(selection),
                      &finished) < 0) {
        return false;
    }
    facts = finished_facts(&finished);
    selected = selection_matches(selection, &facts, pruning->now);
    finished_clear(&finished);
    return selected;
}

static int measure(void *context, const struct id *id)
{
    struct pruning *pruning = context;
    struct prune_look look;
    int result = prune_look(pruning, id, &look);

    if (result == 0 && is_selected(pruning, id)) {
        look.place.bytes = prune_unit_size(pruning, id, look.lowest, look.highest);
        prune_order_add(&pruning->order, &look.place);
    }
    return result == -ENOENT ? 0 : result;
}

/* Bytes that must become free so that as much is free as the policy wants. */
static int find_excess(const struct pruning *pruning, uint64_t *excess)
{
    const struct policy_room *room = &pruning->plan->policy->free_space;
    struct statvfs disk;
    uint64_t wanted, available;

    *excess = 0;
    if (room->bytes == 0 && room->percent == 0) {
        return 0;
    }
    if (fstatvfs(pruning->spool->root, &disk) < 0) {
        return prune_fail(pruning, -errno, "");
    }
    wanted = room->bytes != 0 ? room->bytes : disk.f_blocks * disk.f_frsize / 100 * room->percent;
    available = (uint64_t)disk.f_bavail * disk.f_frsize;
    *excess = wanted > available ? wanted - available : 0;
    return 0;
}

static int walk(struct pruning *pruning, int (*visit)(void *context, const struct id *id))
{
    static const enum folder folders[] = {FOLDER_FAILED, FOLDER_DONE};

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        int result;

        pruning->folder = folders[i];
        result = finished_each(pruning->spool, folders[i], visit, pruning);
        if (result != 0) {
            /* A visit that failed said why. */
            return result > 0 ? -1 : prune_fail(pruning, result, folder_name(folders[i]));
        }
    }
    return 0;
}

static int find_surplus(struct pruning *pruning)
{
    const struct policy *policy = pruning->plan->policy;
    uint64_t excess;

    if (find_excess(pruning, &excess) < 0) {
        return -1;
    }
    if (policy->count == 0 && policy->bytes == 0 && excess == 0) {
        return 0;
    }
    if (walk(pruning, measure) < 0) {
        return -1;
    }
    prune_order_settle(&pruning->order, policy->count, policy->bytes, excess);
    return 0;
}

/* --- the second pass ----------------------------------------------------------------------------- */

static int visit_unit(void *context, const struct id *id)
{
    struct pruning *pruning = context;
    const struct prune_plan *plan = pruning->plan;

    pruning->report->seen++;
    if (plan->progress != NULL && pruning->report->seen % PROGRESS_EVERY == 0) {
        plan->progress(plan->context, pruning->report);
    }
    return prune_unit(pruning, id) < 0 ? 1 : 0;
}

/* Before a batch is deleted: the events that tell of it are written, and others get their turn. */
static int before_batch(void *context, struct error *error)
{
    static const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
    struct pruning *pruning = context;
    int result = events_flush(pruning->events);

    if (result < 0) {
        error_system(error, -result, "cannot write events of %s", pruning->spool->path);
        return -1;
    }
    if (pruning->plan->gentle) {
        (void)nanosleep(&pause, NULL);
    }
    return 0;
}

static int write_last_run(const struct pruning *pruning)
{
    const struct prune_report *report = pruning->report;
    struct buffer text = {0};
    char time[TIMETEXT_SIZE];
    json_t *last;
    int result;

    timetext_write(clock_wall(pruning->plan->clock), time);
    last = json_pack("{s:s, s:I, s:I, s:I}", "finished", time, "jobs",
                     (json_int_t)(report->done.count + report->failed.count), "unarchived",
                     (json_int_t)report->unarchived, "owed", (json_int_t)report->owed);
    jsontext_write(&text, last);
    buffer_byte(&text, '\n');
    json_decref(last);
    result = file_replace_as_guest(pruning->spool->dir[FOLDER_TMP],
                                   pruning->spool->dir[FOLDER_STATE], "prune.json",
                                   pruning->spool->job_mode, text.bytes, text.length, false);
    buffer_free(&text);
    return result < 0 ? prune_fail(pruning, result, "state/prune.json") : 0;
}

/* Attachments, after the jobs that used them. */
static int prune_attachments(const struct pruning *pruning)
{
    const struct blobs_plan plan = {.now = pruning->now,
                                    .young_ms = pruning->plan->policy->attachments_ms,
                                    .dry_run = pruning->plan->dry_run};
    struct blobs_counts counts;
    int result = blobs_sweep(pruning->spool, &plan, &counts, pruning->error);

    pruning->report->attachments =
        (struct prune_tally){.count = counts.count, .bytes = counts.bytes};
    return result;
}

static int run(struct pruning *pruning)
{
    const struct prune_plan *plan = pruning->plan;

    if (!plan->dry_run &&
        remove_leftovers(pruning->remove, &pruning->report->leftovers, pruning->error) < 0) {
        return -1;
    }
    if (find_surplus(pruning) < 0 || walk(pruning, visit_unit) < 0) {
        return -1;
    }
    if (plan->selection == NULL && prune_rest(pruning) < 0) {
        return -1;
    }
    if (!plan->dry_run &&
        (remove_flush(pruning->remove, pruning->error) < 0 || prune_names(pruning) < 0)) {
        return -1;
    }
    if (plan->selection == NULL && prune_attachments(pruning) < 0) {
        return -1;
    }
    return plan->selection == NULL && !plan->dry_run ? write_last_run(pruning) : 0;
}

int prune_run(const struct spool *spool, const struct prune_plan *plan,
              struct prune_report *report, struct error *error)
{
    struct pruning pruning = {.spool = spool,
                              .plan = plan,
                              .report = report,
                              .now = clock_wall(plan->clock),
                              .error = error};
    int result = -1;

    *report = (struct prune_report){0};
    pruning.owed = owed_open(spool, error);
    pruning.ids = pruning.owed != NULL ? ids_open(spool, error) : NULL;
    if (pruning.ids != NULL) {
        pruning.events = events_open(spool, plan->clock);
        pruning.remove = remove_begin(spool, before_batch, &pruning);
        if (plan->gentle) {
            remove_gently(pruning.remove);
        }
        result = run(&pruning);
        /* After a failure its word stands, and what is left over is finished by the next run. */
        if (remove_end(pruning.remove, result == 0 ? error : NULL) < 0) {
            result = -1;
        }
        events_close(pruning.events);
    }
    ids_close(pruning.ids);
    owed_close(pruning.owed);
    buffer_free(&pruning.text);
    gathered_free(&pruning.room);
    return result;
}
