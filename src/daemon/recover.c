/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recover: see recover.h.
 */
#include "daemon/recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/again.h"
#include "daemon/attach.h"
#include "daemon/crash.h"
#include "daemon/debt.h"
#include "daemon/finish.h"
#include "daemon/mark.h"
#include "daemon/runs.h"
#include "spool/file.h"
#include "spool/move.h"

enum {
    STATE_LIMIT = 64 * 1024 * 1024,
    LONGEST_WAIT_MS = 24 * 60 * 60 * 1000, /* no server's wish to wait is obeyed for longer */
};

/* A file beside the jobs, looked at when all jobs are known. */
struct beside {
    struct entry entry;
    struct beside *next;
};

static void remove_entry(struct core *core, enum folder folder, enum entry_kind kind,
                         const struct id *id, unsigned version)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(kind, id, version, name);
    if (unlinkat(core->spool->dir[folder], name, 0) < 0 && errno != ENOENT)
        log_warning(&core->log, "%s/%s cannot be removed: %s", folder_name(folder), name,
                    strerror(errno));
}

static bool entry_stat(struct core *core, enum folder folder, enum entry_kind kind,
                       const struct id *id, unsigned version, struct stat *status)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(kind, id, version, name);
    return fstatat(core->spool->dir[folder], name, status, AT_SYMLINK_NOFOLLOW) == 0;
}

static int read_entry(struct core *core, enum folder folder, enum entry_kind kind,
                      const struct id *id, unsigned version, struct buffer *text)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(kind, id, version, name);
    return file_read_at(core->spool->dir[folder], name, STATE_LIMIT, text, NULL);
}

/* --- one job ------------------------------------------------------------------------------------------ */

/* What was remembered of it. A state file that cannot be read is told and left to llmspool-check. */
static void load_memory(struct core *core, struct task *task)
{
    struct buffer text = {0};
    struct error error;
    int64_t latest = clock_wall(core->clock).ms + LONGEST_WAIT_MS;

    if (read_entry(core, FOLDER_CUR, ENTRY_STATE, &task->id, 0, &text) == 0) {
        task->has_state_file = true;
        task->memory = state_read(text.bytes, text.length, &task->id, &error);
        if (task->memory == NULL)
            log_error(&core->log, "cur/: a state file is ignored: %s", error.text);
        else if (task->memory->next_try > latest) /* the clock was set back meanwhile */
            task->memory->next_try = latest;
    }
    buffer_free(&text);
}

/* Sends the file in cur/ through the door again. */
static void send_back(struct core *core, const struct id *id, const char *why)
{
    char name[ENTRY_NAME_SIZE];
    int result;

    entry_write(ENTRY_JOB, id, 0, name);
    log_warning(&core->log, "cur/%s goes back to new/: %s", name, why);
    result = move_back_to_new(core->spool, FOLDER_CUR, name);
    if (result < 0)
        log_error(&core->log, "cur/%s cannot go back to new/: %s", name, strerror(-result));
    else
        core_event_id(core, "sent_back", id, json_pack("{s:s}", "reason", why));
}

/* A name in cur/ whose job is in done/ or failed/ too: the same inode was moved by link and unlink, cut
 * short between; another one came some other way. Returns whether the name is dealt with. */
static bool is_elsewhere(struct core *core, const struct id *id, ino_t inode)
{
    static const enum folder later[] = {FOLDER_DONE, FOLDER_FAILED};
    struct stat status;

    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (!entry_stat(core, later[i], ENTRY_JOB, id, 0, &status))
            continue;
        if (status.st_ino == inode)
            remove_entry(core, FOLDER_CUR, ENTRY_JOB, id, 0);
        else
            send_back(core, id, "its job is finished already");
        return true;
    }
    return false;
}

static const char *record_status(struct core *core, enum folder folder, enum entry_kind kind,
                                 const struct task *task, unsigned version, char out[16])
{
    struct buffer text = {0};
    json_t *record = NULL;

    if (read_entry(core, folder, kind, &task->id, version, &text) == 0)
        record = jsontext_read_object(text.bytes, text.length, NULL);
    strncpy(out, jsontext_get_text(record, "status", "failed"), 15);
    out[15] = '\0';
    json_decref(record);
    buffer_free(&text);
    return out;
}

/* Whether its end is under way: the record is there, only the rest is missing. */
static bool resume_end(struct core *core, struct task *task, struct job *job)
{
    struct failure failure;
    struct stat status;
    unsigned tries = task->memory != NULL ? task->memory->tries : 0;
    bool same;
    char word[16];

    if (entry_stat(core, FOLDER_DONE, ENTRY_OUTPUT, &task->id, task_run(task), &status)) {
        remove_entry(core, FOLDER_FAILED, ENTRY_ERROR, &task->id, 0);
        record_status(core, FOLDER_DONE, ENTRY_OUTPUT, task, task_run(task), word);
        finish_resume(core, task, job, FOLDER_DONE, word, false);
        return true;
    }
    if (again_failure(core, &task->id, &failure) < 0)
        return false;
    same = failure.run == task_run(task) && failure.tries == tries;
    json_decref(failure.record);
    if (!same) { /* of a try before this one */
        remove_entry(core, FOLDER_FAILED, ENTRY_ERROR, &task->id, 0);
        return false;
    }
    record_status(core, FOLDER_FAILED, ENTRY_ERROR, task, 0, word);
    finish_resume(core, task, job, FOLDER_FAILED, word, false);
    return true;
}

/* A task that is neither ending nor finished: its mark decides. */
static void resume_waiting(struct core *core, struct task *task, int fd, mode_t mode)
{
    if (!mark_is(mode)) {
        queue_phase(core->queue, task, TASK_WAITING);
    } else if (mark_recorded(mode, task->memory)) {
        if (fchmod(fd, core->spool->job_mode) < 0)
            log_error(&core->log, "cur/: a mark cannot be cleared: %s", strerror(errno));
        queue_phase(core->queue, task, TASK_WAITING);
    } else {
        crash_marked(core->crash, task);
    }
}

static void recover_read(struct core *core, struct task *task, struct job *job, int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0 || is_elsewhere(core, &task->id, status.st_ino)) {
        queue_remove(core->queue, task);
        job_free(job);
        return;
    }
    task->submitted = clock_ms(status.st_mtim);
    load_memory(core, task);
    task_apply(core, task, job);
    debt_names_mend(core, &task->id, task->submitted, job, task->memory);
    if (resume_end(core, task, job))
        return;
    resume_waiting(core, task, fd, status.st_mode);
    job_free(job);
}

static void recover_job(struct core *core, const struct id *id)
{
    struct task *task = queue_add(core->queue, id);
    struct error error;
    int fd = -1;
    struct job *job = task_read_job(core, task, &fd, &error);

    if (job != NULL && job->after == NULL) {
        attach_confirm(core, job);
        recover_read(core, task, job, fd);
        close(fd);
        return;
    }
    queue_remove(core->queue, task);
    if (job != NULL) { /* somebody put it there: it waits for others first */
        close(fd);
        job_free(job);
        send_back(core, id, "it is after others");
        return;
    }
    if (error.kind == ERROR_DATA)
        send_back(core, id, error.text);
    else
        log_error(&core->log, "%s", error.text);
}

void recover_entry(struct core *core, const struct id *id)
{
    if (queue_find(core->queue, id) != NULL)
        return;
    recover_job(core, id);
    crash_judge(core->crash);
}

/* --- what lies beside the jobs ---------------------------------------------------------------------- */

/* An answer that was being written: a whole one of the current run was paid for and is published, a
 * torn one goes. */
static void beside_answer(struct core *core, struct task *task, const struct entry *entry)
{
    struct buffer text = {0};
    struct error error;
    struct job *job = NULL;
    char status[16];
    bool whole = task->phase == TASK_ACCEPTING && entry->version == task_run(task) &&
                 read_entry(core, FOLDER_CUR, ENTRY_ANSWER, &entry->id, entry->version, &text) == 0 &&
                 record_output_whole(text.bytes, text.length, &entry->id, entry->version);

    buffer_free(&text);
    if (whole)
        job = task_read_job(core, task, NULL, &error);
    if (job != NULL)
        finish_resume(core, task, job, FOLDER_DONE,
                      record_status(core, FOLDER_CUR, ENTRY_ANSWER, task, entry->version, status),
                      true);
    else
        remove_entry(core, FOLDER_CUR, ENTRY_ANSWER, &entry->id, entry->version);
}

/* A file without its job. An answer is never thrown away unless it is known to be published. */
static void beside_orphan(struct core *core, const struct entry *entry)
{
    struct stat status;
    char name[ENTRY_NAME_SIZE];

    if (entry->kind == ENTRY_ANSWER &&
        !entry_stat(core, FOLDER_DONE, ENTRY_OUTPUT, &entry->id, entry->version, &status)) {
        entry_write(entry->kind, &entry->id, entry->version, name);
        log_warning(&core->log, "cur/%s has no job and stays: llmspool-check tells more", name);
        return;
    }
    remove_entry(core, FOLDER_CUR, entry->kind, &entry->id, entry->version);
}

static void beside_look(struct core *core, const struct entry *entry)
{
    struct task *task = queue_find(core->queue, &entry->id);

    if (task == NULL)
        beside_orphan(core, entry);
    else if (entry->kind == ENTRY_ANSWER)
        beside_answer(core, task, entry);
    else if (entry->kind == ENTRY_PARTIAL)
        remove_entry(core, FOLDER_CUR, ENTRY_PARTIAL, &entry->id, 0);
}

static void beside_remember(struct beside **list, const struct entry *entry)
{
    struct beside *beside = xcalloc(1, sizeof *beside);

    beside->entry = *entry;
    beside->next = *list;
    *list = beside;
}

/* --- all of cur/ -------------------------------------------------------------------------------------- */

static struct beside *read_jobs(struct core *core, DIR *dir)
{
    struct beside *list = NULL;
    const struct dirent *found;

    while ((found = readdir(dir)) != NULL) {
        struct entry entry = entry_read(found->d_name);

        if (entry.kind == ENTRY_JOB && queue_find(core->queue, &entry.id) == NULL)
            recover_job(core, &entry.id);
        else if (entry.kind == ENTRY_STATE || entry.kind == ENTRY_ANSWER ||
                 entry.kind == ENTRY_PARTIAL)
            beside_remember(&list, &entry);
        else if (entry.kind != ENTRY_JOB && found->d_name[0] != '.')
            log_warning(&core->log, "cur/%s is none of ours and stays", found->d_name);
    }
    return list;
}

/* What a daemon that died was writing, or had taken out of new/ and was about to delete. */
static void sweep_temps(struct core *core)
{
    int tmp = core->spool->dir[FOLDER_TMP];
    DIR *dir = file_list(tmp);
    const struct dirent *found;

    while (dir != NULL && file_list_next(dir, &found) == 0 && found != NULL)
        if (temp_name_is(found->d_name) && unlinkat(tmp, found->d_name, 0) < 0)
            log_warning(&core->log, "tmp/%s cannot be removed: %s", found->d_name, strerror(errno));
    if (dir != NULL)
        closedir(dir);
}

int recover_all(struct core *core, struct error *error)
{
    int fd = openat(core->spool->dir[FOLDER_CUR], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct beside *list, *next;

    if (dir == NULL) {
        error_system(error, errno, "%s/cur cannot be read", core->spool->path);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    sweep_temps(core);
    list = read_jobs(core, dir);
    closedir(dir);
    for (; list != NULL; list = next) {
        next = list->next;
        beside_look(core, &list->entry);
        free(list);
    }
    runs_recall(core);
    crash_judge(core->crash);
    return 0;
}
