/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batches: see batches.h.
 *
 * A batch that is at work belongs to the pool's thread until the loop gets it back. One works at a time.
 */
#include "daemon/batches.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "daemon/batch_write.h"
#include "retain/idset.h"
#include "retain/members.h"
#include "spool/file.h"

#define FLAG "batches" /* in state/ */

enum {
    LOOKS_A_TURN = 4096,
    LATER_MS = 2000, /* until what could not be written is tried again */
};

enum stage {
    STAGE_LOADING,  /* its jobs are to be read from the manifest */
    STAGE_LOOKING,  /* for a job that has not ended */
    STAGE_WATCHING, /* one such job */
    STAGE_WRITING,  /* all have ended */
    STAGE_LATER,    /* until the timer fires */
};

struct open_batch {
    TAILQ_ENTRY(open_batch) link;
    char *run;
    enum stage stage;
    struct id *ids;
    size_t count;
    size_t at;   /* all before it have ended, or did when they were looked at */
    bool anew;   /* something of it began again while it was at work */
    bool sure;   /* its results were put off once because a job was nowhere */
};

/* What the pool's thread does. */
enum task_kind { WORK_NONE, WORK_FIND, WORK_LOAD, WORK_WRITE };

struct batches {
    struct core *core;
    TAILQ_HEAD(, open_batch) open;
    uv_timer_t later;
    uv_work_t work;
    enum task_kind working;
    struct open_batch *batch; /* loaded or written */
    enum batch_end end;
    size_t place;
    struct batch record;
    struct error error;
    atomic_bool stop;
    bool started;   /* what was open at the start is known */
    bool everything; /* WORK_FIND: whatever is marked, all batches may be stale */
    bool flagged;   /* state/batches is there, or about to be */
    bool unflag;    /* it is not needed any more */
    struct idset again;   /* taken back since the last WORK_FIND began */
    struct idset looking; /* those that it looks for */
    char **found;   /* runs */
    size_t found_count;
    bool any; /* there is a batch in this spool */
};

/* --- batches that are open --------------------------------------------------------------------------------- */

static struct open_batch *find_open(const struct batches *batches, const char *run)
{
    struct open_batch *batch;

    TAILQ_FOREACH(batch, &batches->open, link)
        if (strcmp(batch->run, run) == 0)
            return batch;
    return NULL;
}

static bool at_work(const struct batches *batches, const struct open_batch *batch)
{
    return batches->working != WORK_NONE && batches->batch == batch;
}

void batches_add(struct batches *batches, const char *run)
{
    struct open_batch *batch = find_open(batches, run);

    batches->any = true;
    if (batch == NULL) {
        batch = xcalloc(1, sizeof *batch);
        batch->run = xstrdup(run);
        TAILQ_INSERT_TAIL(&batches->open, batch, link);
    }
    if (at_work(batches, batch))
        batch->anew = true;
    else
        batch->stage = STAGE_LOADING;
    core_touch(batches->core);
}

static void batch_free(struct batches *batches, struct open_batch *batch)
{
    TAILQ_REMOVE(&batches->open, batch, link);
    free(batch->ids);
    free(batch->run);
    free(batch);
}

static void later_fired(uv_timer_t *timer)
{
    struct batches *batches = timer->data;
    struct open_batch *batch;

    TAILQ_FOREACH(batch, &batches->open, link)
        if (batch->stage == STAGE_LATER)
            batch->stage = STAGE_LOADING;
    core_touch(batches->core);
}

static void put_off(struct batches *batches, struct open_batch *batch)
{
    batch->stage = STAGE_LATER;
    if (!uv_is_active((uv_handle_t *)&batches->later))
        uv_timer_start(&batches->later, later_fired, LATER_MS, 0);
}

void batches_ended(struct batches *batches)
{
    struct open_batch *batch;

    TAILQ_FOREACH(batch, &batches->open, link)
        if (batch->stage == STAGE_WATCHING)
            batch->stage = STAGE_LOOKING;
}

/* --- what was open at a start, or must be again ------------------------------------------------------------- */

/* Whether a batch that is written has one of the jobs. */
static bool concerns(const struct batches *batches, const char *run)
{
    size_t count;
    struct member *members = members_read(batches->core->spool, run, &count, NULL);
    bool has = false;

    for (size_t i = 0; members != NULL && i < count && !has; i++)
        has = !members[i].refused && idset_has(&batches->looking, &members[i].id);
    free(members);
    return has;
}

/* A batch whose file was taken out of new/ by hand counts as accepted. */
static bool is_abandoned(const struct batches *batches, const struct batch *record)
{
    return record->status == BATCH_VALIDATING &&
           faccessat(batches->core->spool->dir[FOLDER_NEW], record->list, F_OK,
                     AT_SYMLINK_NOFOLLOW) < 0 &&
           errno == ENOENT;
}

static void note_found(struct batches *batches, const char *run)
{
    batches->found =
        xrealloc(batches->found, (batches->found_count + 1) * sizeof *batches->found);
    batches->found[batches->found_count++] = xstrdup(run);
}

/* Opens a written batch again, durably. */
static int reopen(struct batches *batches, int dir, const char *run, struct batch *record)
{
    int result;

    record->status = BATCH_IN_PROGRESS;
    result = batch_write(batches->core->spool, dir, run, record);
    if (result < 0)
        error_system(&batches->error, -result, "runs/%s/" BATCH_RECORD " cannot be written", run);
    return result;
}

static int look_at_run(void *context, const char *run)
{
    struct batches *batches = context;
    int dir = batch_open_run(batches->core->spool, run);
    struct batch record = {0};
    int result = 0;

    if (dir >= 0 && batch_read(dir, &record) == 0) {
        bool written = batch_has_ended(&record);
        bool stale = written && (batches->everything || concerns(batches, run));

        batches->any = true;
        if (stale)
            result = reopen(batches, dir, run, &record);
        if (stale || record.status == BATCH_IN_PROGRESS || is_abandoned(batches, &record))
            note_found(batches, run);
    }
    batch_clear(&record);
    if (dir >= 0)
        close(dir);
    return result;
}

static void find_work(struct batches *batches)
{
    idset_sort(&batches->looking);
    batches->end = members_runs(batches->core->spool, look_at_run, batches, &batches->error) == 0
                       ? BATCH_WRITTEN
                       : BATCH_FAILED;
}

/* The flag goes when nothing was taken back meanwhile, and not before the publication that brings it has
 * ended, which would leave it there for ever. */
static void drop_flag(struct batches *batches)
{
    int dir = batches->core->spool->dir[FOLDER_STATE];

    if (batches->again.count > 0 || !publish_idle(batches->core->publish))
        return;
    batches->unflag = false;
    batches->flagged = unlinkat(dir, FLAG, 0) < 0 && errno != ENOENT;
}

static void find_done(struct batches *batches)
{
    bool good = batches->end == BATCH_WRITTEN;

    for (size_t i = 0; i < batches->found_count; i++) {
        batches_add(batches, batches->found[i]);
        free(batches->found[i]);
    }
    free(batches->found);
    batches->found = NULL;
    batches->found_count = 0;
    idset_free(&batches->looking);
    batches->looking = (struct idset){0};
    batches->started = true;
    batches->everything = batches->everything && !good;
    batches->unflag = good && batches->flagged;
    if (!good) {
        log_warning(&batches->core->log, "%s; batches are looked at again at the next start",
                    batches->error.text);
    }
}

void batches_again(struct batches *batches, const struct id *id, struct publication *publication)
{
    struct buffer none = {0};

    if (!batches->any && batches->started)
        return;
    idset_add(&batches->again, id);
    if (batches->flagged)
        return;
    batches->flagged = true;
    buffer_text(&none, "batches may have to be written again\n");
    publication_file(publication, FOLDER_STATE, FLAG, batches->core->spool->job_mode, &none, true,
                     FOLDER_TMP, NULL);
}

/* --- work in the pool --------------------------------------------------------------------------------------- */

static void load_work(struct batches *batches)
{
    struct open_batch *batch = batches->batch;
    size_t count;
    struct member *members =
        members_read(batches->core->spool, batch->run, &count, &batches->error);

    free(batch->ids);
    batch->ids = NULL;
    batch->count = batch->at = 0;
    batches->end = members != NULL                              ? BATCH_WRITTEN
                   : batches->error.kind == ERROR_ABSENT ? BATCH_GONE
                                                               : BATCH_FAILED;
    if (members != NULL)
        batch->ids = xmalloc((count + 1) * sizeof *batch->ids);
    for (size_t i = 0; members != NULL && i < count; i++)
        if (!members[i].refused)
            batch->ids[batch->count++] = members[i].id;
    free(members);
}

static void work_run(uv_work_t *work)
{
    struct batches *batches = work->data;

    if (batches->working == WORK_FIND)
        find_work(batches);
    else if (batches->working == WORK_LOAD)
        load_work(batches);
    else
        batches->end = batch_write_results(
            &(struct batch_order){.spool = batches->core->spool,
                                  .clock = batches->core->clock,
                                  .run = batches->batch->run,
                                  .sure = batches->batch->sure,
                                  .stop = &batches->stop},
            &batches->place, &batches->record, &batches->error);
}

static void tell_written(struct batches *batches, const struct open_batch *batch)
{
    const struct batch *record = &batches->record;

    events_add(batches->core->events, "run_finished",
               json_pack("{s:s, s:s, s:I, s:I}", "in_run", batch->run, "state",
                         batch_status_word(record->status), "completed",
                         (json_int_t)record->completed, "failed", (json_int_t)record->failed));
    log_info(&batches->core->log,
             "run %s has ended: %" PRIu64 " requests completed, %" PRIu64 " failed; runs/%s/"
             BATCH_OUTPUT " and " BATCH_ERRORS,
             batch->run, record->completed, record->failed, batch->run);
}

static void write_done(struct batches *batches, struct open_batch *batch)
{
    switch (batches->end) {
    case BATCH_WRITTEN:
        tell_written(batches, batch);
        batch_clear(&batches->record);
        if (!batch->anew) {
            batch_free(batches, batch);
            return;
        }
        batch->stage = STAGE_LOADING;
        break;
    case BATCH_OPEN:
        batch->stage = STAGE_LOOKING;
        batch->at = batches->place < batch->count ? batches->place : 0;
        break;
    case BATCH_UNSURE:
        batch->sure = true;
        put_off(batches, batch);
        break;
    case BATCH_GONE:
        batch_free(batches, batch);
        return;
    case BATCH_GIVEN_UP:
        batch->stage = STAGE_WATCHING; /* the daemon is leaving */
        break;
    case BATCH_FAILED:
        log_warning(&batches->core->log, "run %s: its results cannot be written, trying again: %s",
                    batch->run, batches->error.text);
        put_off(batches, batch);
        break;
    }
    if (batch->anew)
        batch->stage = STAGE_LOADING;
    batch->anew = false;
}

static void load_done(struct batches *batches, struct open_batch *batch)
{
    batch->stage = batch->anew ? STAGE_LOADING : STAGE_LOOKING;
    batch->anew = false;
    if (batches->end == BATCH_GONE) {
        batch_free(batches, batch);
    } else if (batches->end == BATCH_FAILED) {
        log_warning(&batches->core->log, "%s; trying again", batches->error.text);
        put_off(batches, batch);
    }
}

static void work_done(uv_work_t *work, int status)
{
    struct batches *batches = work->data;
    struct open_batch *batch = batches->batch;
    enum task_kind kind = batches->working;

    batches->working = WORK_NONE;
    batches->batch = NULL;
    if (status < 0)
        batches->end = BATCH_GIVEN_UP;
    if (kind == WORK_FIND)
        find_done(batches);
    else if (kind == WORK_LOAD)
        load_done(batches, batch);
    else
        write_done(batches, batch);
    core_touch(batches->core);
}

static void work_begin(struct batches *batches, enum task_kind kind, struct open_batch *batch)
{
    batches->working = kind;
    batches->batch = batch;
    if (uv_queue_work(batches->core->loop, &batches->work, work_run, work_done) < 0) {
        batches->working = WORK_NONE;
        batches->batch = NULL;
    }
}

void batches_start(struct batches *batches)
{
    batches->flagged = faccessat(batches->core->spool->dir[FOLDER_STATE], FLAG, F_OK,
                                 AT_SYMLINK_NOFOLLOW) == 0;
    batches->everything = batches->flagged;
    work_begin(batches, WORK_FIND, NULL);
}

/* --- work on the loop --------------------------------------------------------------------------------------- */

/* Looks on for a job that has not ended. Returns whether there is more of it. */
static bool look_on(struct batches *batches, struct open_batch *batch)
{
    for (int i = 0; i < LOOKS_A_TURN && batch->at < batch->count; i++) {
        struct task *task = queue_find(batches->core->queue, &batch->ids[batch->at]);

        if (task != NULL) {
            task->watched = true;
            batch->stage = STAGE_WATCHING;
            return false;
        }
        batch->at++;
    }
    if (batch->at < batch->count)
        return true;
    batch->stage = STAGE_WRITING;
    return false;
}

/* Begins what is next for the pool. */
static void begin_next(struct batches *batches)
{
    struct open_batch *batch;

    if (batches->again.count > 0) {
        batches->looking = batches->again;
        batches->again = (struct idset){0};
        work_begin(batches, WORK_FIND, NULL);
        return;
    }
    TAILQ_FOREACH(batch, &batches->open, link)
        if (batch->stage == STAGE_LOADING || batch->stage == STAGE_WRITING)
            break;
    if (batch != NULL)
        work_begin(batches, batch->stage == STAGE_LOADING ? WORK_LOAD : WORK_WRITE, batch);
}

bool batches_work(struct batches *batches)
{
    struct open_batch *batch;
    bool more = false;

    if (batches->core->stopping)
        return false;
    TAILQ_FOREACH(batch, &batches->open, link)
        if (batch->stage == STAGE_LOOKING && !at_work(batches, batch))
            more = look_on(batches, batch) || more;
    if (batches->working == WORK_NONE)
        begin_next(batches);
    if (batches->unflag && batches->working != WORK_FIND)
        drop_flag(batches);
    return more;
}

bool batches_idle(const struct batches *batches)
{
    const struct open_batch *batch;

    if (batches->working != WORK_NONE)
        return false;
    if (batches->core->stopping)
        return true;
    TAILQ_FOREACH(batch, &batches->open, link)
        if (batch->stage != STAGE_WATCHING)
            return false;
    return batches->again.count == 0 && !batches->unflag;
}

void batches_stop(struct batches *batches)
{
    atomic_store(&batches->stop, true);
}

struct batches *batches_open(struct core *core)
{
    struct batches *batches = xcalloc(1, sizeof *batches);

    batches->core = core;
    batches->work.data = batches;
    TAILQ_INIT(&batches->open);
    uv_timer_init(core->loop, &batches->later);
    batches->later.data = batches;
    return batches;
}

static void batches_free(uv_handle_t *handle)
{
    struct batches *batches = handle->data;

    while (!TAILQ_EMPTY(&batches->open))
        batch_free(batches, TAILQ_FIRST(&batches->open));
    idset_free(&batches->again);
    idset_free(&batches->looking);
    free(batches);
}

void batches_close(struct batches *batches)
{
    if (batches != NULL)
        uv_close((uv_handle_t *)&batches->later, batches_free);
}
