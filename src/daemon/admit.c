/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * admit: see admit.h.
 */
#include "daemon/admit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "daemon/again.h"
#include "daemon/archived.h"
#include "daemon/attach.h"
#include "daemon/debt.h"
#include "daemon/debt_hook.h"
#include "daemon/flows.h"
#include "daemon/orders.h"
#include "daemon/recover.h"
#include "spool/move.h"
#include "spool/unit.h"
#include "spool/visible.h"

/* A drop whose admission waits for something to be durable. */
struct admission {
    struct core *core;
    struct job *job;
    struct drop *drop;
    struct task *task; /* the one it made, or widens */
    struct id id;
    struct unit unit;  /* locked while an answer from it is given */
    bool locked;
    bool failed_before; /* an error file without its job tells of attempts before */
    bool damaged;       /* what is archived of it cannot be used */
};

static struct admission *admission_new(struct core *core, struct job *job, struct drop *drop)
{
    struct admission *admission = xcalloc(1, sizeof *admission);

    admission->core = core;
    admission->job = job;
    admission->drop = drop;
    admission->id = job->id;
    return admission;
}

/* The one way out: everything is given back and the drop told. */
static void admission_end(struct admission *admission, enum drop_end end)
{
    struct drop *drop = admission->drop;

    if (admission->locked)
        unit_unlock(&admission->unit);
    job_free(admission->job);
    free(admission);
    drop->ended(drop, end);
}

/* The keys of a duplicate that cannot widen the job that is there: told in its event. */
static json_t *ignored_keys(const json_t *document)
{
    static const char *const keys[] = {"timeout", "max_attempts", "on_doubt", "fallback"};
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (json_object_get(document, keys[i]) != NULL)
            json_array_append_new(list, json_string(keys[i]));
    return list;
}

/* Tells that a drop asked for what is there already, and what it brought with it. */
static void tell_duplicate(const struct admission *admission, const char *answered)
{
    const struct job *job = admission->job;
    json_t *ignored = ignored_keys(job->document);
    json_t *more = json_pack("{s:s, s:s*, s:s*, s:O*}", "state", answered, "name", job->name, "user",
                             job->user, "metadata", json_object_get(job->document, "metadata"));

    if (json_array_size(ignored) > 0)
        json_object_set(more, "ignored", ignored);
    json_decref(ignored);
    core_event_id(admission->core, "duplicate", &admission->id, more);
}

/* --- dropped, already waiting or running ------------------------------------------------------- */

static void widened(void *context, int result, int failed_file)
{
    struct admission *admission = context;

    (void)failed_file;
    if (result == 0)
        tell_duplicate(admission, "waiting");
    admission_end(admission, result == 0 ? DROP_ANSWERED : DROP_LATER);
}

static void admit_known(struct admission *admission, struct task *task)
{
    struct core *core = admission->core;
    struct publication *publication;
    struct error error;
    struct job *present;
    bool changed;

    if (task->phase == TASK_ACCEPTING || task->phase == TASK_ENDING) {
        admission_end(admission, DROP_LATER);
        return;
    }
    present = task_read_job(core, task, NULL, &error);
    if (present == NULL) { /* dispatch finds out what happened to it */
        admission_end(admission, DROP_LATER);
        return;
    }
    changed = state_widen(task_memory(task), present, admission->job);
    task_apply(core, task, present);
    job_free(present);
    if (task->phase == TASK_WAITING)
        queue_place(core->queue, task);
    if (admission->job->name != NULL)
        debt_name_waiting(core, &task->id, admission->job->name);
    core_touch(core);
    if (!changed) {
        widened(admission, 0, -1);
        return;
    }
    publication = publication_new(widened, admission);
    task_publish_memory(core, task, publication);
    publish_add(core->publish, publication);
}

/* --- dropped, known in failed/ or done/ --------------------------------------------------------- */

static void taken_again(void *context, bool ok)
{
    struct admission *admission = context;

    if (ok && admission->job->name != NULL)
        debt_name_waiting(admission->core, &admission->id, admission->job->name);
    admission_end(admission, ok ? DROP_ANSWERED : DROP_LATER);
}

static void answered(void *context, int result, int failed_file)
{
    struct admission *admission = context;

    (void)failed_file;
    if (result == 0)
        tell_duplicate(admission,
                       admission->unit.folder == FOLDER_DONE ? "completed" : "failed");
    if (result == 0) /* who waits for one of its names need wait no longer */
        flows_ended(admission->core->flows, &admission->id,
                    admission->unit.folder == FOLDER_DONE ? "completed" : "failed",
                    admission->job->name, NULL);
    admission_end(admission, result == 0 ? DROP_ANSWERED : DROP_LATER);
}

/* Answers from a finished unit: the drop's webhook becomes a debt and its name a link; both durable
 * before the drop leaves. The lock is held until then. */
static void answer_from(struct admission *admission, const struct debt_end *end)
{
    struct core *core = admission->core;
    const struct job *job = admission->job;
    struct publication *publication;

    if (job->webhook == NULL && job->name == NULL && job->mail == NULL) {
        answered(admission, 0, -1);
        return;
    }
    publication = publication_new(answered, admission);
    if (job->name != NULL) {
        debt_name_waiting(core, end->id, job->name); /* the latest job of a name wins … */
        debt_name(publication, end, job->name);      /* … and this one is finished */
    }
    if (job->webhook != NULL)
        debt_webhook(core, publication, end, job->webhook);
    if (job->mail != NULL)
        debt_mail_answered(core, publication, end, job);
    publish_add(core->publish, publication);
}

static void admit_failed(struct admission *admission)
{
    struct core *core = admission->core;
    char record[ENTRY_NAME_SIZE];
    struct failure failure;

    if (again_failure(core, &admission->id, &failure) == 0) {
        bool before = admission->drop->submitted <= failure.finished;

        json_decref(failure.record);
        if (before) { /* the failure answers it too */
            entry_write(ENTRY_ERROR, &admission->id, 0, record);
            answer_from(admission, &(struct debt_end){.id = &admission->id,
                                                      .run = failure.run,
                                                      .event = "failed",
                                                      .folder = FOLDER_FAILED,
                                                      .record = record,
                                                      .user = admission->job->user});
            return;
        }
    }
    admission->locked = false;
    again_take(core, &admission->unit, admission->drop->submitted, admission->job,
               admission->drop->in_run, taken_again, admission);
}

/* Whether a drop wants another run although its answer is there: the answer is older than the drop
 * accepts, or came from the mock while the model's own server answers now. */
static bool wants_rerun(struct admission *admission, const struct newest *newest)
{
    const struct job *job = admission->job;
    int64_t submitted = admission->drop->submitted;
    int64_t now = clock_wall(admission->core->clock).ms;

    if (newest->submitted >= submitted)
        return false;
    if (newest->good == 0)
        return true;
    if (job->max_age >= 0 && now - newest->finished >= job->max_age)
        return true;
    return newest->mock &&
           lane_is_real(lanes_get(admission->core->lanes,
                                  &(struct lane_want){.model = job->model,
                                                      .provider = job->provider,
                                                      .type = job->type,
                                                      .user = job->user,
                                                      .chain = job->fallback}));
}

static void admit_done(struct admission *admission)
{
    struct core *core = admission->core;
    struct newest newest;
    char record[ENTRY_NAME_SIZE];

    if (again_newest(core, &admission->id, &newest) < 0) {
        admission_end(admission, DROP_LATER);
        return;
    }
    if (wants_rerun(admission, &newest)) {
        admission->locked = false;
        again_take(core, &admission->unit, admission->drop->submitted, admission->job,
                   admission->drop->in_run, taken_again, admission);
        return;
    }
    entry_write(ENTRY_OUTPUT, &admission->id, newest.good, record);
    answer_from(admission, &(struct debt_end){.id = &admission->id,
                                              .run = newest.good,
                                              .event = "completed",
                                              .folder = FOLDER_DONE,
                                              .record = record,
                                              .user = admission->job->user});
}

/* --- dropped, unknown: accepted ------------------------------------------------------------------ */

static int entry_exists(struct core *core, enum folder folder, enum entry_kind kind,
                        const struct id *id, unsigned version)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(kind, id, version, name);
    return faccessat(core->spool->dir[folder], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A restore may have put the unit into done/ or failed/ while the job was on its way: then it goes through
 * the door again and is answered from there. */
static bool met_again(struct core *core, const struct id *id)
{
    return entry_exists(core, FOLDER_DONE, ENTRY_JOB, id, 0) ||
           entry_exists(core, FOLDER_DONE, ENTRY_GONE, id, 0) ||
           entry_exists(core, FOLDER_FAILED, ENTRY_JOB, id, 0) ||
           entry_exists(core, FOLDER_FAILED, ENTRY_GONE, id, 0);
}

static void accepted(struct admission *admission, enum drop_end end)
{
    struct core *core = admission->core;
    struct task *task = admission->task;

    task->accepted = clock_wall(core->clock).ms;
    if (task->name != NULL)
        debt_name_waiting(core, &task->id, task->name);
    if (admission->failed_before)
        again_forget_failure(core, &task->id);
    core_event(core, "accepted", task, NULL);
    queue_phase(core->queue, task, TASK_WAITING);
    orders_look(core->orders);
    core_progress(core);
    admission_end(admission, end);
}

static struct task *accept_task(struct admission *admission)
{
    struct core *core = admission->core;
    struct task *task = queue_add(core->queue, &admission->id);

    task->submitted = admission->drop->submitted;
    task->in_run = xstrdup(admission->drop->in_run);
    task->held_by_order = orders_holds(core, &task->id);
    task_apply(core, task, admission->job);
    admission->task = task;
    return task;
}

/* Sends what was just moved into cur/ back to new/ under a fresh name. */
static void accept_undo(struct admission *admission, const char *name)
{
    struct core *core = admission->core;
    int result = move_back_to_new(core->spool, FOLDER_CUR, name);

    if (result < 0)
        log_error(&core->log, "cur/%s cannot go back to new/: %s", name, strerror(-result));
    queue_remove(core->queue, admission->task);
}

static struct timespec wall_timespec(int64_t ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

/* Gives the dropped file the job's mode, and as its mtime the time of submission: on the open file,
 * before the move, so that no inherited x bit looks like running. */
static int stamp_drop(const struct drop *drop, mode_t mode, uid_t reader)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, wall_timespec(drop->submitted)};

    if ((drop->status.st_mode & 07777) != mode && fchmod(drop->fd, mode) < 0)
        return -errno;
    if (futimens(drop->fd, times) < 0)
        return -errno;
    return visible_grant(drop->fd, reader);
}

/* The dropped file itself becomes the job; after the move the name must lead to the inode that was
 * read. */
static int accept_move(struct admission *admission, const char *name)
{
    const struct spool *spool = admission->core->spool;
    const struct drop *drop = admission->drop;
    struct stat now;
    int result = stamp_drop(drop, spool->job_mode, visible_reader(spool, admission->job->user));

    if (result == 0)
        result = move_noreplace(spool->dir[FOLDER_NEW], drop->name, spool->dir[FOLDER_CUR], name);
    if (result < 0)
        return result;
    if (fstatat(spool->dir[FOLDER_CUR], name, &now, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return now.st_ino == drop->status.st_ino && !met_again(admission->core, &admission->id)
               ? 0
               : -ESTALE;
}

static void accept_as_is(struct admission *admission)
{
    struct core *core = admission->core;
    char name[ENTRY_NAME_SIZE];
    int result;

    entry_write(ENTRY_JOB, &admission->id, 0, name);
    accept_task(admission);
    result = accept_move(admission, name);
    if (result == 0) {
        accepted(admission, DROP_TAKEN);
        return;
    }
    if (result == -ESTALE) {
        accept_undo(admission, name);
        admission_end(admission, DROP_TAKEN);
        return;
    }
    queue_remove(core->queue, admission->task);
    if (result == -EEXIST) /* put there by somebody else: look at it as at a start */
        recover_entry(core, &admission->id);
    else if (result != -ENOENT)
        log_warning(&core->log, "new/%s cannot be moved to cur/: %s", admission->drop->name,
                    strerror(-result));
    admission_end(admission, DROP_LATER);
}

/* The time of submission of a job that was written anew. */
static void stamp_written(const struct admission *admission, const char *name)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                wall_timespec(admission->drop->submitted)};
    struct core *core = admission->core;

    if (utimensat(core->spool->dir[FOLDER_CUR], name, times, AT_SYMLINK_NOFOLLOW) < 0)
        log_warning(&core->log, "cur/%s: its time cannot be set: %s", name, strerror(errno));
}

static void accept_written(void *context, int result, int failed_file)
{
    struct admission *admission = context;
    struct core *core = admission->core;
    char name[ENTRY_NAME_SIZE];

    (void)failed_file;
    entry_write(ENTRY_JOB, &admission->id, 0, name);
    if (result < 0) {
        queue_remove(core->queue, admission->task);
        if (result == -EEXIST)
            recover_entry(core, &admission->id);
        else
            log_warning(&core->log, "cur/%s cannot be written: %s", name, strerror(-result));
        admission_end(admission, DROP_LATER);
        return;
    }
    stamp_written(admission, name);
    attach_confirm(core, admission->job);
    if (met_again(core, &admission->id)) {
        accept_undo(admission, name);
        admission_end(admission, DROP_ANSWERED);
        return;
    }
    accepted(admission, DROP_ANSWERED);
}

/* The job is written anew (completed, foreign, a line, with attachments or something to remember): durable in cur/
 * before the drop leaves. memory is taken over, or NULL. */
static void accept_anew(struct admission *admission, struct state *memory)
{
    struct core *core = admission->core;
    struct task *task = accept_task(admission);
    struct publication *publication = publication_new(accept_written, admission);
    struct buffer text = {0};
    char name[ENTRY_NAME_SIZE];

    task->memory = memory;
    if (memory != NULL)
        task_publish_memory(core, task, publication);
    attach_use(core, admission->job, publication);
    job_write(admission->job, &text);
    entry_write(ENTRY_JOB, &admission->id, 0, name);
    publication_file(publication, FOLDER_CUR, name, core->spool->job_mode, &text, false, FOLDER_TMP,
                     NULL);
    publication_reader(publication, visible_reader(core->spool, admission->job->user));
    publish_add(core->publish, publication);
}

static void admit_new(struct admission *admission)
{
    struct state *memory;

    if (again_remembered(admission->core, &admission->id, admission->drop->submitted, &memory,
                         &admission->failed_before) < 0)
        admission_end(admission, DROP_LATER);
    else if (memory == NULL && admission->drop->movable && !admission->job->rewritten &&
             admission->job->attachments == 0)
        accept_as_is(admission);
    else
        accept_anew(admission, memory);
}

static void admit_look(struct admission *admission);

/* --- dropped, unknown, but archived ------------------------------------------------------------ */

static void from_archive(void *context, enum archived_end end)
{
    struct admission *admission = context;

    admission->damaged = end == ARCHIVED_DAMAGED;
    if (end == ARCHIVED_LATER)
        admission_end(admission, DROP_LATER);
    else
        admit_look(admission);
}

/* A job that was done and is archived comes back into done/, and is answered from there. */
static void admit_unknown(struct admission *admission)
{
    struct core *core = admission->core;
    unsigned version;

    if (archived_version(core->archived, &admission->id, &version) < 0)
        admission_end(admission, DROP_LATER);
    else if (core->config->answer_from_archive && !admission->damaged && version > 0)
        archived_restore(core->archived, &admission->id, from_archive, admission);
    else
        admit_new(admission);
}

static void admit_look(struct admission *admission)
{
    struct core *core = admission->core;
    struct task *task = queue_find(core->queue, &admission->id);
    int result;

    if (task != NULL) {
        admit_known(admission, task);
        return;
    }
    result = again_find(core, &admission->id, &admission->unit);
    if (result == -ENOENT) {
        admit_unknown(admission);
        return;
    }
    admission->locked = result == 0;
    if (result == 0 && admission->unit.folder == FOLDER_FAILED &&
        flows_unresolved(core, &admission->id)) {
        unit_unlock(&admission->unit); /* what lies there was never asked, and this job is no step */
        admission->locked = false;
        if (flows_forget_unresolved(core, &admission->id) == 0)
            admit_unknown(admission);
        else
            admission_end(admission, DROP_LATER);
    } else if (result < 0)
        admission_end(admission, DROP_LATER);
    else if (admission->unit.folder == FOLDER_FAILED)
        admit_failed(admission);
    else
        admit_done(admission);
}

void admit(struct core *core, struct job *job, struct drop *drop)
{
    if (job->after != NULL)
        flows_take_job(core->flows, job, drop);
    else
        admit_look(admission_new(core, job, drop));
}
