/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_ends: see run_ends.h.
 *
 * A run that is at work belongs to the pool's thread until the loop gets it back. One works at a time.
 */
#include "daemon/run_ends.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/debt_hook.h"
#include "daemon/intake.h"
#include "daemon/run_report.h"
#include "job/mail.h"
#include "retain/batch.h"
#include "retain/members.h"
#include "retain/run_notice.h"

enum {
    LOOKS_A_TURN = 4096,
    LATER_MS = 1000, /* until what could not be done is tried again */
};

enum stage {
    STAGE_SETTLING, /* another list of it may lie in new/: until `scan` has been taken */
    STAGE_LOADING,  /* its jobs are to be read from the manifest */
    STAGE_LOOKING,  /* for a job that has not ended */
    STAGE_WATCHING, /* one such job */
    STAGE_REPORTING, /* all have ended */
    STAGE_OWING,    /* what is owed is being made durable */
    STAGE_REMOVING, /* it is: notice.json is to go */
    STAGE_LATER,    /* until the timer fires, then `next` */
};

struct open_run {
    TAILQ_ENTRY(open_run) link;
    struct run_ends *ends;
    char *run;
    enum stage stage, next;
    struct id *ids;
    size_t count;
    size_t at;        /* all before it have ended, or did when they were looked at */
    json_t *notice;   /* as it was when the jobs were read */
    json_t *report;
    bool batch;       /* batches tells the event */
    bool anew;        /* another list of it left new/ while it was at work */
    bool settled;     /* `scan` was asked for; its jobs are read once more when it has been taken */
    bool unsure;      /* a job was nowhere: sure when `scan` of new/ has been taken */
    unsigned long scan;
};

/* What the pool's thread does. */
enum work_kind { WORK_NONE, WORK_FIND, WORK_LOAD, WORK_REPORT, WORK_REMOVE };

struct run_ends {
    struct core *core;
    TAILQ_HEAD(, open_run) open;
    uv_timer_t later;
    uv_work_t work;
    enum work_kind working;
    struct open_run *run; /* at work */
    int result;           /* of WORK_FIND, _LOAD and _REMOVE */
    enum run_report_end end;
    bool sure;
    struct error error;
    atomic_bool stop;
    unsigned long scan; /* of the start */
    char **found;
    size_t found_count;
};

/* --- runs that are open -------------------------------------------------------------------------------------- */

static struct open_run *find_open(const struct run_ends *ends, const char *name)
{
    struct open_run *run;

    TAILQ_FOREACH(run, &ends->open, link)
        if (strcmp(run->run, name) == 0)
            return run;
    return NULL;
}

static struct open_run *open_new(struct run_ends *ends, const char *name, enum stage stage)
{
    struct open_run *run = xcalloc(1, sizeof *run);

    run->ends = ends;
    run->run = xstrdup(name);
    run->stage = stage;
    TAILQ_INSERT_TAIL(&ends->open, run, link);
    return run;
}

static bool is_busy(const struct run_ends *ends, const struct open_run *run)
{
    return (ends->working != WORK_NONE && ends->run == run) || run->stage == STAGE_OWING;
}

void run_ends_add(struct run_ends *ends, const char *name)
{
    struct open_run *run = find_open(ends, name);

    if (run == NULL)
        run = open_new(ends, name, STAGE_LOADING);
    else if (is_busy(ends, run))
        run->anew = true;
    else
        run->stage = STAGE_LOADING;
    run->settled = run->unsure = false;
    core_touch(ends->core);
}

static void forget_jobs(struct open_run *run)
{
    free(run->ids);
    run->ids = NULL;
    run->count = run->at = 0;
    json_decref(run->notice);
    json_decref(run->report);
    run->notice = run->report = NULL;
}

static void open_free(struct run_ends *ends, struct open_run *run)
{
    TAILQ_REMOVE(&ends->open, run, link);
    forget_jobs(run);
    free(run->run);
    free(run);
}

static void later_fired(uv_timer_t *timer)
{
    struct run_ends *ends = timer->data;
    struct open_run *run;

    TAILQ_FOREACH(run, &ends->open, link)
        if (run->stage == STAGE_LATER)
            run->stage = run->next;
    core_touch(ends->core);
}

static void put_off(struct open_run *run, enum stage next)
{
    run->stage = STAGE_LATER;
    run->next = next;
    if (!uv_is_active((uv_handle_t *)&run->ends->later))
        uv_timer_start(&run->ends->later, later_fired, LATER_MS, 0);
}

void run_ends_ended(struct run_ends *ends)
{
    struct open_run *run;

    TAILQ_FOREACH(run, &ends->open, link)
        if (run->stage == STAGE_WATCHING)
            run->stage = STAGE_LOOKING;
}

/* --- in the pool --------------------------------------------------------------------------------------------- */

static int note_found(void *context, const char *name)
{
    struct run_ends *ends = context;

    if (!run_notice_is_there(ends->core->spool, name))
        return 0;
    ends->found = xrealloc(ends->found, (ends->found_count + 1) * sizeof *ends->found);
    ends->found[ends->found_count++] = xstrdup(name);
    return 0;
}

/* Opens a run's folder and takes its manifest's lock. Returns the lock's descriptor or -errno. */
static int lock_run(const struct run_ends *ends, const char *name, int *dir)
{
    int lock;

    *dir = batch_open_run(ends->core->spool, name);
    if (*dir < 0)
        return *dir;
    lock = members_lock(*dir, 0, 0);
    if (lock < 0)
        close(*dir);
    return lock;
}

/* The notice before the jobs: one that comes between is found by its since. -ENOENT: nobody is to be told. */
static int load(struct run_ends *ends, struct open_run *run)
{
    int dir, lock = lock_run(ends, run->run, &dir);
    struct member *members;
    struct batch batch;
    size_t count;

    if (lock < 0)
        return lock;
    forget_jobs(run);
    run->notice = run_notice_read(dir);
    run->batch = batch_read(dir, &batch) != -ENOENT;
    batch_clear(&batch);
    close(lock);
    close(dir);
    if (run->notice == NULL)
        return -ENOENT;
    members = members_read(ends->core->spool, run->run, &count, &ends->error);
    if (members == NULL)
        return ends->error.kind == ERROR_ABSENT ? -ENOENT : -EIO;
    run->ids = xmalloc((count + 1) * sizeof *run->ids);
    for (size_t i = 0; i < count; i++)
        if (!members[i].refused)
            run->ids[run->count++] = members[i].id;
    free(members);
    return 0;
}

static int remove_notice(const struct run_ends *ends, const struct open_run *run)
{
    int dir, lock = lock_run(ends, run->run, &dir);
    int result;

    if (lock < 0)
        return lock == -ENOENT ? 1 : lock;
    result = run_notice_remove(dir, jsontext_get_text(run->notice, "since", ""));
    close(lock);
    close(dir);
    return result;
}

static void work_run(uv_work_t *work)
{
    struct run_ends *ends = work->data;
    struct open_run *run = ends->run;

    ends->error = (struct error){0};
    if (ends->working == WORK_FIND)
        ends->result = members_runs(ends->core->spool, note_found, ends, &ends->error);
    else if (ends->working == WORK_LOAD)
        ends->result = load(ends, run);
    else if (ends->working == WORK_REMOVE)
        ends->result = remove_notice(ends, run);
    else
        ends->end = run_report_make(&(struct run_report_order){.spool = ends->core->spool,
                                                               .clock = ends->core->clock,
                                                               .run = run->run,
                                                               .sure = ends->sure,
                                                               .stop = &ends->stop},
                                    &run->report, &ends->error);
}

/* --- what is owed -------------------------------------------------------------------------------------------- */

static void tell_event(const struct open_run *run)
{
    struct core *core = run->ends->core;
    json_int_t completed = jsontext_get_int(run->report, "completed", 0);
    json_int_t failed = jsontext_get_int(run->report, "jobs", 0) - completed;

    if (run->batch)
        return;
    events_add(core->events, "run_finished",
               json_pack("{s:s, s:s, s:I, s:I}", "in_run", run->run, "state", "completed",
                         "completed", completed, "failed", failed));
    log_info(&core->log, "run %s has ended: %lld jobs completed, %lld did not", run->run,
             (long long)completed, (long long)failed);
}

static void owed(void *context, int result, int failed_file)
{
    struct open_run *run = context;

    (void)failed_file;
    if (result == 0) {
        tell_event(run);
        run->stage = STAGE_REMOVING;
    } else {
        log_warning(&run->ends->core->log, "run %s: what is owed at its end cannot be written, trying "
                                           "again: %s", run->run, strerror(-result));
        json_decref(run->report);
        run->report = NULL; /* it is made anew */
        put_off(run, STAGE_REPORTING);
    }
    core_touch(run->ends->core);
}

static void owe_mails(struct open_run *run, struct publication *publication, const char *what,
                      json_t *told)
{
    struct core *core = run->ends->core;
    bool failures = jsontext_get_int(run->report, "completed", 0) <
                    jsontext_get_int(run->report, "jobs", 0);
    json_t *mail;
    size_t i;

    json_array_foreach(json_object_get(run->notice, "mails"), i, mail)
        if (mail_to(mail) != NULL && mail_wants_run(mail, failures))
            debt_mail(core, publication, mail_to(mail), HOOK_RUN_FINISHED, what, told);
}

static void owe(struct open_run *run)
{
    struct core *core = run->ends->core;
    struct publication *publication = publication_new(owed, run);
    char *what = xasprintf("%s\n%s", run->run, jsontext_get_text(run->notice, "since", ""));
    json_t *told = json_pack("{s:O}", "run", run->report);

    run->stage = STAGE_OWING;
    debt_hook(core, publication, HOOK_RUN_FINISHED, what, told);
    owe_mails(run, publication, what, told);
    publication_folder(publication, FOLDER_OUTBOX);
    publish_add(core->publish, publication);
    json_decref(told);
    free(what);
}

/* --- back on the loop ---------------------------------------------------------------------------------------- */

static void find_done(struct run_ends *ends)
{
    for (size_t i = 0; i < ends->found_count; i++) {
        if (find_open(ends, ends->found[i]) == NULL)
            open_new(ends, ends->found[i], STAGE_SETTLING)->scan = ends->scan;
        free(ends->found[i]);
    }
    free(ends->found);
    ends->found = NULL;
    ends->found_count = 0;
    if (ends->result < 0)
        log_warning(&ends->core->log, "%s; runs that ended may not be told of before the next start",
                    ends->error.text);
}

static void load_done(struct run_ends *ends, struct open_run *run)
{
    run->stage = STAGE_LOOKING;
    if (ends->result == -ENOENT) {
        open_free(ends, run);
    } else if (ends->result < 0) {
        log_warning(&ends->core->log, "run %s cannot be read, trying again: %s", run->run,
                    ends->error.text[0] != '\0' ? ends->error.text : strerror(-ends->result));
        put_off(run, STAGE_LOADING);
    }
}

static void report_done(struct run_ends *ends, struct open_run *run)
{
    switch (ends->end) {
    case RUN_REPORT_MADE:
        owe(run);
        break;
    case RUN_REPORT_OPEN:
        run->at = 0;
        run->stage = STAGE_LOOKING;
        break;
    case RUN_REPORT_UNSURE:
        if (!run->unsure)
            run->scan = intake_scan(ends->core->intake);
        run->unsure = true;
        put_off(run, STAGE_LOADING);
        break;
    case RUN_REPORT_GIVEN_UP:
        run->stage = STAGE_WATCHING; /* the daemon is leaving */
        break;
    case RUN_REPORT_GONE:
        open_free(ends, run);
        break;
    case RUN_REPORT_FAILED:
        log_warning(&ends->core->log, "run %s: its end cannot be told, trying again: %s", run->run,
                    ends->error.text);
        put_off(run, STAGE_REPORTING);
        break;
    }
}

static void remove_done(struct run_ends *ends, struct open_run *run)
{
    if (ends->result == 1) {
        open_free(ends, run);
    } else if (ends->result == 0) {
        run->stage = STAGE_WATCHING; /* its next list is being taken, and adds it then */
    } else {
        log_warning(&ends->core->log, "runs/%s/" RUN_NOTICE " cannot be removed: %s", run->run,
                    strerror(-ends->result));
        put_off(run, STAGE_REMOVING);
    }
}

static void work_done(uv_work_t *work, int status)
{
    struct run_ends *ends = work->data;
    struct open_run *run = ends->run;
    enum work_kind kind = ends->working;
    bool anew = run != NULL && run->anew;
    char *name = anew ? xstrdup(run->run) : NULL;

    (void)status; /* never cancelled */
    ends->working = WORK_NONE;
    ends->run = NULL;
    if (anew)
        run->anew = false;
    if (kind == WORK_FIND)
        find_done(ends);
    else if (kind == WORK_LOAD)
        load_done(ends, run);
    else if (kind == WORK_REPORT && !anew)
        report_done(ends, run);
    else if (kind == WORK_REMOVE)
        remove_done(ends, run);
    if (anew)
        run_ends_add(ends, name);
    free(name);
    core_touch(ends->core);
}

static void work_begin(struct run_ends *ends, enum work_kind kind, struct open_run *run)
{
    ends->working = kind;
    ends->run = run;
    if (uv_queue_work(ends->core->loop, &ends->work, work_run, work_done) < 0) {
        ends->working = WORK_NONE;
        ends->run = NULL;
    }
}

void run_ends_start(struct run_ends *ends, unsigned long scan)
{
    ends->scan = scan;
    work_begin(ends, WORK_FIND, NULL);
}

/* --- work on the loop ---------------------------------------------------------------------------------------- */

/* Looks on for a job that has not ended. Returns whether there is more of it. */
static bool look_on(struct run_ends *ends, struct open_run *run)
{
    for (int i = 0; i < LOOKS_A_TURN && run->at < run->count; i++) {
        struct task *task = queue_find(ends->core->queue, &run->ids[run->at]);

        if (task != NULL) {
            task->watched = true;
            run->stage = STAGE_WATCHING;
            return false;
        }
        run->at++;
    }
    if (run->at < run->count)
        return true;
    run->stage = run->settled ? STAGE_REPORTING : STAGE_SETTLING;
    if (!run->settled)
        run->scan = intake_scan(ends->core->intake);
    return false;
}

static void settle(struct run_ends *ends)
{
    struct open_run *run;

    TAILQ_FOREACH(run, &ends->open, link)
        if (run->stage == STAGE_SETTLING && intake_taken(ends->core->intake, run->scan)) {
            run->settled = true;
            run->stage = STAGE_LOADING;
        }
}

static void begin_next(struct run_ends *ends)
{
    struct open_run *run;

    TAILQ_FOREACH(run, &ends->open, link) {
        if (run->stage == STAGE_LOADING)
            work_begin(ends, WORK_LOAD, run);
        else if (run->stage == STAGE_REMOVING)
            work_begin(ends, WORK_REMOVE, run);
        else if (run->stage == STAGE_REPORTING) {
            ends->sure = run->unsure && intake_taken(ends->core->intake, run->scan);
            work_begin(ends, WORK_REPORT, run);
        } else
            continue;
        return;
    }
}

bool run_ends_work(struct run_ends *ends)
{
    struct open_run *run;
    bool more = false;

    if (ends->core->stopping)
        return false;
    settle(ends);
    TAILQ_FOREACH(run, &ends->open, link)
        if (run->stage == STAGE_LOOKING && !is_busy(ends, run))
            more = look_on(ends, run) || more;
    if (ends->working == WORK_NONE)
        begin_next(ends);
    return more;
}

bool run_ends_idle(const struct run_ends *ends)
{
    const struct open_run *run;

    if (ends->working != WORK_NONE)
        return false;
    if (ends->core->stopping)
        return true;
    TAILQ_FOREACH(run, &ends->open, link)
        if (run->stage != STAGE_WATCHING)
            return false;
    return true;
}

void run_ends_stop(struct run_ends *ends)
{
    atomic_store(&ends->stop, true);
}

struct run_ends *run_ends_open(struct core *core)
{
    struct run_ends *ends = xcalloc(1, sizeof *ends);

    ends->core = core;
    ends->work.data = ends;
    TAILQ_INIT(&ends->open);
    uv_timer_init(core->loop, &ends->later);
    ends->later.data = ends;
    return ends;
}

static void ends_free(uv_handle_t *handle)
{
    struct run_ends *ends = handle->data;

    while (!TAILQ_EMPTY(&ends->open))
        open_free(ends, TAILQ_FIRST(&ends->open));
    free(ends);
}

void run_ends_close(struct run_ends *ends)
{
    if (ends != NULL)
        uv_close((uv_handle_t *)&ends->later, ends_free);
}
