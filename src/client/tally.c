/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tally: see tally.h.
 */
#include "client/tally.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/records.h"
#include "spool/file.h"

/* A mark costs a look at the file, and only as many as a daemon may have in flight can have one. */
enum { MARKS_READ = 20000 };

/* --- counting ------------------------------------------------------------------------------------
 */

typedef void count_function(const struct spool *spool, const char *name, struct tally *tally);

static void count_new(const struct spool *spool, const char *name, struct tally *tally)
{
    enum drop_kind kind = drop_read(name);

    (void)spool;
    tally->dropped += kind == DROP_JOB || kind == DROP_LIST;
}

static void count_cur(const struct spool *spool, const char *name, struct tally *tally)
{
    struct stat status;

    if (entry_read(name).kind != ENTRY_JOB) {
        return;
    }
    tally->active++;
    if (tally->active <= MARKS_READ &&
        fstatat(spool->dir[FOLDER_CUR], name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        (status.st_mode & S_IXUSR) != 0) {
        tally->running++;
    }
}

static void count_done(const struct spool *spool, const char *name, struct tally *tally)
{
    (void)spool;
    tally->done += entry_read(name).kind == ENTRY_JOB;
}

static bool ends_in(const char *name, const char *end)
{
    size_t length = strlen(name);

    return length > strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

/* NAME.json.error.json stands for one refused file, ID.json for one job. */
static void count_failed(const struct spool *spool, const char *name, struct tally *tally)
{
    enum entry_kind kind = entry_read(name).kind;

    (void)spool;
    tally->failed += kind == ENTRY_JOB;
    tally->refused += kind == ENTRY_OTHER && ends_in(name, ".error.json");
}

static void count_ctl(const struct spool *spool, const char *name, struct tally *tally)
{
    static const char *const orders[] = {"cancel.",  "retry.", "rerun.",
                                         "release.", "flush.", "redeliver."};

    (void)spool;
    tally->pause = tally->pause || strcmp(name, "pause") == 0;
    tally->drain = tally->drain || strcmp(name, "drain") == 0;
    tally->holds += strncmp(name, "hold.", 5) == 0;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        tally->orders += strncmp(name, orders[i], strlen(orders[i])) == 0;
    }
}

static int count_folder(const struct spool *spool, enum folder folder, count_function *count,
                        size_t limit, struct tally *tally, struct error *error)
{
    DIR *list = file_list(spool->dir[folder]);
    const struct dirent *entry;
    int result = list != NULL ? 0 : -errno;
    size_t seen = 0;

    while (list != NULL && (result = file_list_next(list, &entry)) == 0 && entry != NULL) {
        if (++seen > limit) {
            tally->cut = true;
            break;
        }
        count(spool, entry->d_name, tally);
    }
    if (list != NULL) {
        closedir(list);
    }
    /* In a shared spool the group adds to new/ and ctl/ and lists them; in any other folder, too.
     */
    if (result < 0) {
        error_system(error, -result, "%s/%s cannot be read", spool->path, folder_name(folder));
    }
    return result < 0 ? -1 : 0;
}

/* The daemon knows cur/ by heart. */
static void take_counts(const json_t *counts, struct tally *tally)
{
    static const char *const states[] = {"waiting", "delayed", "held", "running", "publishing"};

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        tally->active += (size_t)jsontext_get_int(counts, states[i], 0);
    }
    tally->running = (size_t)jsontext_get_int(counts, "running", 0);
}

int tally_read(const struct spool *spool, const json_t *counts, struct tally *tally,
               struct error *error)
{
    static const struct {
        enum folder folder;
        count_function *count;
    } folders[] = {
        {FOLDER_NEW, count_new},       {FOLDER_CUR, count_cur}, {FOLDER_DONE, count_done},
        {FOLDER_FAILED, count_failed}, {FOLDER_CTL, count_ctl},
    };
    size_t limit = counts != NULL ? TALLY_LIMIT : SIZE_MAX;

    *tally = (struct tally){0};
    if (counts != NULL) {
        take_counts(counts, tally);
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if ((counts == NULL || folders[i].folder != FOLDER_CUR) &&
            count_folder(spool, folders[i].folder, folders[i].count, limit, tally, error) < 0) {
            return -1;
        }
    }
    return 0;
}

size_t tally_before(const struct spool *spool, int64_t submitted_ms)
{
    DIR *list = file_list(spool->dir[FOLDER_CUR]);
    const struct dirent *entry;
    size_t count = 0;

    while (list != NULL && file_list_next(list, &entry) == 0 && entry != NULL) {
        struct stat status;

        if (entry_read(entry->d_name).kind == ENTRY_JOB &&
            fstatat(spool->dir[FOLDER_CUR], entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            (status.st_mode & S_IXUSR) == 0) {
            count += clock_ms(status.st_mtim) < submitted_ms;
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    return count;
}

/* --- failures ------------------------------------------------------------------------------------
 */

struct failure_file {
    char *name;
    struct timespec changed;
};

/* The newest error files seen so far, in no order. */
struct newest {
    struct failure_file *files;
    size_t count;
    size_t limit;
};

static bool is_later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static size_t oldest_of(const struct newest *newest)
{
    size_t oldest = 0;

    for (size_t i = 1; i < newest->count; i++) {
        if (is_later(&newest->files[oldest].changed, &newest->files[i].changed)) {
            oldest = i;
        }
    }
    return oldest;
}

static void newest_add(struct newest *newest, const char *name, struct timespec changed)
{
    size_t place = newest->count;

    if (newest->count == newest->limit) {
        place = oldest_of(newest);
        if (!is_later(&changed, &newest->files[place].changed)) {
            return;
        }
        free(newest->files[place].name);
    } else {
        newest->count++;
    }
    newest->files[place] = (struct failure_file){xstrdup(name), changed};
}

static int compare_later_first(const void *a, const void *b)
{
    const struct failure_file *left = a;
    const struct failure_file *right = b;

    return is_later(&left->changed, &right->changed)   ? -1
           : is_later(&right->changed, &left->changed) ? 1
                                                       : 0;
}

static struct newest newest_read(const struct spool *spool, size_t limit)
{
    struct newest newest = {.files = xcalloc(limit, sizeof *newest.files), .limit = limit};
    DIR *list = file_list(spool->dir[FOLDER_FAILED]);
    const struct dirent *entry;
    struct stat status;
    size_t seen = 0;

    while (list != NULL && seen++ < TALLY_LIMIT && file_list_next(list, &entry) == 0 &&
           entry != NULL) {
        if (ends_in(entry->d_name, ".error.json") &&
            fstatat(spool->dir[FOLDER_FAILED], entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
            newest_add(&newest, entry->d_name, status.st_mtim);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    qsort(newest.files, newest.count, sizeof *newest.files, compare_later_first);
    return newest;
}

static json_t *group_find(const json_t *groups, const char *status, const char *reason)
{
    json_t *group;
    size_t i;

    json_array_foreach(groups, i, group)
    {
        if (strcmp(jsontext_get_text(group, "status", ""), status) == 0 &&
            strcmp(jsontext_get_text(group, "reason", ""), reason) == 0) {
            return group;
        }
    }
    return NULL;
}

void tally_group(json_t *groups, const json_t *record)
{
    static const char *const kept[] = {"id", "name", "message", "advice"};
    const char *status = jsontext_get_text(record, "status", "failed");
    const char *reason = jsontext_get_text(record, "reason", "unknown");
    json_t *group = group_find(groups, status, reason);
    json_t *finished = json_object_get(json_object_get(record, "times"), "finished");

    if (group == NULL) {
        group = json_pack("{s:s, s:s, s:i}", "status", status, "reason", reason, "jobs", 0);
        json_array_append_new(groups, group);
        for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
            json_t *value = json_object_get(record, kept[i]);

            if (json_is_string(value)) {
                json_object_set(group, kept[i], value);
            }
        }
        if (json_is_string(finished)) {
            json_object_set(group, "finished", finished);
        }
    }
    json_object_set_new(group, "jobs", json_integer(jsontext_get_int(group, "jobs", 0) + 1));
}

static int compare_groups(const void *a, const void *b)
{
    json_int_t left = jsontext_get_int(*(json_t *const *)a, "jobs", 0);
    json_int_t right = jsontext_get_int(*(json_t *const *)b, "jobs", 0);

    return (left < right) - (left > right);
}

json_t *tally_sorted(json_t *groups)
{
    size_t count = json_array_size(groups);
    json_t **order = xcalloc(count + 1, sizeof *order);
    json_t *sorted = json_array();

    for (size_t i = 0; i < count; i++) {
        order[i] = json_array_get(groups, i);
    }
    qsort(order, count, sizeof *order, compare_groups);
    for (size_t i = 0; i < count; i++) {
        json_array_append(sorted, order[i]);
    }
    free(order);
    json_decref(groups);
    return sorted;
}

json_t *tally_failures(const struct spool *spool, size_t limit)
{
    struct newest newest = newest_read(spool, limit);
    json_t *groups = json_array();

    for (size_t i = 0; i < newest.count; i++) {
        json_t *record = records_load(spool, FOLDER_FAILED, newest.files[i].name, NULL);

        if (record != NULL) {
            tally_group(groups, record);
        }
        json_decref(record);
        free(newest.files[i].name);
    }
    free(newest.files);
    return tally_sorted(groups);
}
