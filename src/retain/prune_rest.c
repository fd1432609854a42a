/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prune_rest: what is pruned beside finished jobs: refused files, given-up notifications, old files
 * of tmp/, days of events, runs whose jobs are gone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "retain/eventlog.h"
#include "retain/flow_record.h"
#include "retain/members.h"
#include "retain/prune_parts.h"
#include "retain/run_notice.h"
#include "spool/file.h"

static const int64_t tmp_age_ms = INT64_C(36) * 3600 * 1000; /* as maildir readers do */
/* A run is there before its jobs are, however short outputs are kept. */
static const int64_t run_age_ms = INT64_C(3600) * 1000;

#define ERROR_END   ".error.json"
#define GIVEN_UP    "failed" /* in outbox/ */
#define MANIFEST    "manifest.jsonl"

/* Whether a file is so old, by the later of its times: one that was moved there is as young as its
 * moving. *bytes receives its size. */
static bool is_old(const struct pruning *pruning, int dir, const char *name, int64_t age_ms,
                   mode_t *type, uint64_t *bytes)
{
    struct stat status;
    int64_t changed;

    if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return false;
    }
    changed = status.st_mtim.tv_sec > status.st_ctim.tv_sec ? status.st_mtim.tv_sec
                                                            : status.st_ctim.tv_sec;
    *type = status.st_mode & S_IFMT;
    *bytes = (uint64_t)status.st_blocks * 512;
    return pruning->now.ms - changed * 1000 >= age_ms;
}

/* Deletes a name; that it is gone already is what was wanted. */
static int erase(const struct pruning *pruning, int dir, const char *name)
{
    if (pruning->plan->dry_run || unlinkat(dir, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    return prune_fail(pruning, -errno, name);
}

static void count(struct prune_tally *tally, uint64_t bytes)
{
    tally->count++;
    tally->bytes += bytes;
}

/* Calls visit for each entry of a folder until it returns not 0. */
static int each(struct pruning *pruning, int dir, const char *what,
                int (*visit)(struct pruning *pruning, int dir, const char *name))
{
    DIR *list = file_list(dir);
    const struct dirent *found;
    int listed = list != NULL ? 0 : -errno, result = 0;

    while (listed == 0 && result == 0 && (listed = file_list_next(list, &found)) == 0 &&
           found != NULL) {
        result = visit(pruning, dir, found->d_name);
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    return listed < 0 ? prune_fail(pruning, listed, what) : result;
}

/* --- failed/: NAME and NAME.error.json of a refused file ------------------------------------------ */

/* The refused file goes first: while its error file is there, somebody knows of it. */
static int visit_refused(struct pruning *pruning, int dir, const char *name)
{
    size_t length = strlen(name), end = strlen(ERROR_END);
    char refused[NAME_LIMIT];
    struct stat status;
    uint64_t bytes;
    mode_t type;

    if (length <= end || strcmp(name + length - end, ERROR_END) != 0 ||
        entry_read(name).kind != ENTRY_OTHER ||
        !is_old(pruning, dir, name, pruning->plan->policy->failed_ms, &type, &bytes)) {
        return 0;
    }
    snprintf(refused, sizeof refused, "%.*s", (int)(length - end), name);
    if (fstatat(dir, refused, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode)) {
        return 0; /* a folder that somebody dropped: for a person to look at */
    }
    count(&pruning->report->refused, bytes + prune_size(dir, refused));
    return erase(pruning, dir, refused) < 0 ? -1 : erase(pruning, dir, name);
}

/* --- outbox/failed/ and tmp/ ---------------------------------------------------------------------- */

static int visit_notice(struct pruning *pruning, int dir, const char *name)
{
    uint64_t bytes;
    mode_t type;

    if (!is_old(pruning, dir, name, pruning->plan->policy->failed_ms, &type, &bytes) ||
        type != S_IFREG) {
        return 0;
    }
    count(&pruning->report->notices, bytes);
    return erase(pruning, dir, name);
}

static int prune_notices(struct pruning *pruning)
{
    int dir = openat(pruning->spool->dir[FOLDER_OUTBOX], GIVEN_UP,
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int result;

    if (dir < 0) {
        return errno == ENOENT ? 0 : prune_fail(pruning, -errno, "outbox/" GIVEN_UP);
    }
    result = each(pruning, dir, "outbox/" GIVEN_UP, visit_notice);
    (void)close(dir);
    return result;
}

static int visit_dropping(struct pruning *pruning, int dir, const char *name)
{
    uint64_t bytes;
    mode_t type;

    if (!is_old(pruning, dir, name, tmp_age_ms, &type, &bytes) || type == S_IFDIR) {
        return 0;
    }
    count(&pruning->report->droppings, bytes);
    return erase(pruning, dir, name);
}

/* --- runs/ ---------------------------------------------------------------------------------------- */

/* Whether a job is somewhere: in the spool or archived. */
static bool is_there(const struct pruning *pruning, const struct id *id)
{
    static const enum folder folders[] = {FOLDER_CUR, FOLDER_FAILED, FOLDER_DONE};
    struct archived archived;
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, id, 0, name);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (faccessat(pruning->spool->dir[folders[i]], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
            return true;
        }
    }
    return ids_find(pruning->ids, id, 0, &archived);
}

/* Whether a run has jobs, as long as which it is kept. Returns 1, 0, or -1. */
static int has_jobs(const struct pruning *pruning, const char *run)
{
    size_t count;
    struct member *members = members_read(pruning->spool, run, &count, pruning->error);
    int result = 0;

    if (members == NULL) { /* another prune may have deleted it just now */
        return pruning->error->kind == ERROR_ABSENT ? 0 : -1;
    }
    for (size_t i = 0; i < count && result == 0; i++) {
        result = !members[i].refused && is_there(pruning, &members[i].id);
    }
    free(members);
    return result;
}

static bool is_old_manifest(const struct pruning *pruning, int dir, const char *path, uint64_t *bytes)
{
    int64_t outputs_ms = pruning->plan->policy->outputs_ms;
    mode_t type;

    return is_old(pruning, dir, path, outputs_ms > run_age_ms ? outputs_ms : run_age_ms, &type,
                  bytes);
}

/* Deletes the files of a run, the manifest last. */
static int delete_files(int dir)
{
    static const char *const files[] = {"input.jsonl", "output.jsonl", "errors.jsonl", "batch.json",
                                        RUN_NOTICE, MANIFEST};

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (unlinkat(dir, files[i], 0) < 0 && errno != ENOENT) {
            return -errno;
        }
    }
    return 0;
}

/* Under the manifest's lock, as llmspoold may be about to take the run's name for new jobs: then the
 * manifest is young by now. The folder goes when it holds nothing else. */
static int delete_run(struct pruning *pruning, int runs, const char *run)
{
    int dir = openat(runs, run, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int fd = dir >= 0 ? members_lock(dir, 0, 0) : -errno;
    int result = fd >= 0 ? 0 : fd;
    uint64_t bytes;

    if (fd >= 0 && is_old_manifest(pruning, dir, MANIFEST, &bytes)) {
        result = delete_files(dir);
        if (result == 0 && unlinkat(runs, run, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY) {
            result = -errno;
        }
        count(&pruning->report->runs, bytes);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (dir >= 0) {
        (void)close(dir);
    }
    return result < 0 && result != -ENOENT ? prune_fail(pruning, result, "runs") : 0;
}

/* A kill between the last two steps of delete_run leaves an empty folder. */
static int delete_empty(struct pruning *pruning, int runs, const char *run)
{
    uint64_t bytes;
    mode_t type;

    if (pruning->plan->dry_run || !is_old(pruning, runs, run, tmp_age_ms, &type, &bytes) ||
        unlinkat(runs, run, AT_REMOVEDIR) == 0 || errno == ENOTEMPTY || errno == ENOTDIR ||
        errno == ENOENT) {
        return 0;
    }
    return prune_fail(pruning, -errno, "runs");
}

static int visit_run(struct pruning *pruning, int dir, const char *name)
{
    char path[NAME_LIMIT + sizeof MANIFEST];
    uint64_t bytes;
    int there;

    if (!layout_name_ok(name)) {
        return 0;
    }
    snprintf(path, sizeof path, "%s/" MANIFEST, name);
    if (!is_old_manifest(pruning, dir, path, &bytes)) {
        return delete_empty(pruning, dir, name);
    }
    there = has_jobs(pruning, name);
    if (there != 0) {
        return there < 0 ? -1 : 0;
    }
    if (pruning->plan->dry_run) {
        count(&pruning->report->runs, bytes);
        return 0;
    }
    return delete_run(pruning, dir, name);
}

/* --- flows/ --------------------------------------------------------------------------------------- */

/* The record of a flow goes when it ended as long ago as outputs are kept; the daemon may be about to take
 * its name for a new one, which the record's lock tells. */
static int visit_flow(struct pruning *pruning, int dir, const char *name)
{
    int64_t outputs_ms = pruning->plan->policy->outputs_ms;
    char path[NAME_LIMIT + sizeof FLOW_PROGRESS_FILE];
    struct flow_record *record;
    uint64_t bytes;
    mode_t type;
    int result;
    bool ended;

    snprintf(path, sizeof path, "%s/" FLOW_PROGRESS_FILE, name);
    if (!layout_name_ok(name) ||
        !is_old(pruning, dir, path, outputs_ms > run_age_ms ? outputs_ms : run_age_ms, &type,
                &bytes)) {
        return 0;
    }
    record = flow_record_read(pruning->spool, name, NULL);
    ended = record != NULL && record->ended != 0;
    flow_record_free(record);
    if (!ended) {
        return 0;
    }
    result = pruning->plan->dry_run ? 0 : flow_record_remove(pruning->spool, name, true);
    if (result == -EAGAIN || result == -EBUSY || result == -ESTALE || result == -ENOENT) {
        return 0;
    }
    if (result < 0) {
        return prune_fail(pruning, result, "flows");
    }
    count(&pruning->report->flows, bytes);
    return 0;
}

/* --- events/ -------------------------------------------------------------------------------------- */

/* Today and yesterday stay at all events: somebody appends to them. */
static int prune_events(struct pruning *pruning)
{
    static const int64_t least_ms = INT64_C(24) * 3600 * 1000;
    const struct prune_plan *plan = pruning->plan;
    int64_t age_ms = plan->policy->events_ms > least_ms ? plan->policy->events_ms : least_ms;
    struct eventlog_count expired = {0}, compressed = {0};
    int result = eventlog_expire(pruning->spool, pruning->now, age_ms, plan->dry_run, &expired,
                                 pruning->error);

    if (result == 0) {
        result = eventlog_compress(pruning->spool, pruning->now, plan->dry_run, &compressed,
                                   pruning->error);
    }
    pruning->report->events = (struct prune_tally){expired.days, expired.bytes};
    pruning->report->compressed = (struct prune_tally){compressed.days, compressed.bytes};
    return result;
}

int prune_rest(struct pruning *pruning)
{
    const int *dir = pruning->spool->dir;

    if (each(pruning, dir[FOLDER_FAILED], "failed", visit_refused) < 0 ||
        prune_notices(pruning) < 0 ||
        each(pruning, dir[FOLDER_TMP], "tmp", visit_dropping) < 0 || prune_events(pruning) < 0) {
        return -1;
    }
    if (each(pruning, dir[FOLDER_FLOWS], "flows", visit_flow) < 0) {
        return -1;
    }
    return each(pruning, dir[FOLDER_RUNS], "runs", visit_run);
}
