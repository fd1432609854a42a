/* SPDX-License-Identifier: GPL-2.0-or-later */
/* survey: see survey.h. */
#include "httpd/survey.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "client/overview.h"
#include "client/records.h"
#include "client/shape.h"
#include "client/tally.h"
#include "spool/file.h"

enum { MINUTE_MS = 60 * 1000, FIRST_MINUTES = 5, OUTBOX_LIMIT = 10000 };

static json_t *count_json(uint64_t count)
{
    return json_integer((json_int_t)count);
}

/* --- states --- */

/* Without a daemon nobody knows which of them are delayed or held. */
static json_t *states_json(const json_t *overview)
{
    static const char *const told[] = {"waiting", "delayed", "held", "running", "publishing"};
    const json_t *folders = json_object_get(overview, "folders");
    const json_t *counts = json_object_get(overview, "counts");
    json_int_t running = jsontext_get_int(folders, "running", 0);
    json_t *states = json_object();

    json_object_set(states, "dropped", json_object_get(folders, "new"));
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        json_object_set_new(states, told[i],
                            counts != NULL ? json_integer(jsontext_get_int(counts, told[i], 0))
                                           : json_null());
    if (counts == NULL) {
        json_object_set_new(states, "waiting",
                            json_integer(jsontext_get_int(folders, "cur", 0) - running));
        json_object_set_new(states, "running", json_integer(running));
    }
    json_object_set(states, "done", json_object_get(folders, "done"));
    json_object_set(states, "failed", json_object_get(folders, "failed"));
    json_object_set(states, "refused", json_object_get(folders, "refused"));
    json_object_set(states, "at_least", json_object_get(folders, "at_least"));
    return states;
}

/* --- ages --- */

/* As the daemon counted them. */
static void ages_told(const json_t *overview, uint64_t jobs[SHAPE_COLUMNS])
{
    const json_t *model, *cell;
    size_t i, column;

    json_array_foreach (json_object_get(overview, "models"), i, model) {
        json_array_foreach (json_object_get(model, "ages"), column, cell) {
            if (column < SHAPE_COLUMNS && json_integer_value(cell) > 0)
                jobs[column] += (uint64_t)json_integer_value(cell);
        }
    }
}

/* A job's file of cur/ has the time of its submission, and a mark while it is running. Returns
 * whether there are more than were counted. */
static bool ages_count(const struct spool *spool, struct wall now, uint64_t jobs[SHAPE_COLUMNS])
{
    DIR *list = file_list(spool->dir[FOLDER_CUR]);
    const struct dirent *entry;
    struct stat status;
    size_t seen = 0;

    if (list == NULL)
        return false;
    while (seen < TALLY_LIMIT && file_list_next(list, &entry) == 0 && entry != NULL) {
        seen++;
        if (entry_read(entry->d_name).kind == ENTRY_JOB &&
            fstatat(spool->dir[FOLDER_CUR], entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            (status.st_mode & S_IXUSR) == 0) {
            jobs[shape_column(now.ms - clock_ms(status.st_mtim))]++;
        }
    }
    closedir(list);
    return seen == TALLY_LIMIT;
}

/* The daemon writes nothing while nothing changes, but jobs grow older all the same. */
static json_t *ages_json(const struct spool *spool, const json_t *overview, struct wall now)
{
    bool fresh = json_object_get(overview, "models") != NULL &&
                 now.ms - records_time(overview, "time") < MINUTE_MS;
    uint64_t jobs[SHAPE_COLUMNS] = {0};
    json_t *minutes = json_array(), *cells = json_array();
    bool cut = false;

    if (fresh)
        ages_told(overview, jobs);
    else
        cut = ages_count(spool, now, jobs);
    for (size_t i = 0; i < SHAPE_COLUMNS; i++) {
        json_array_append_new(cells, count_json(jobs[i]));
        json_array_append_new(minutes, i + 1 < SHAPE_COLUMNS ? json_integer(FIRST_MINUTES << i)
                                                             : json_null());
    }
    return json_pack("{s:o, s:o, s:b}", "minutes", minutes, "jobs", cells, "at_least", cut);
}

/* --- disk, webhooks --- */

static json_t *disk_json(const struct spool *spool)
{
    struct statvfs room;

    if (fstatvfs(spool->root, &room) != 0)
        return json_null();
    return json_pack("{s:o, s:o}", "free_bytes",
                     count_json((uint64_t)room.f_bavail * room.f_frsize), "free_inodes",
                     room.f_files > 0 ? count_json(room.f_favail) : json_null());
}

static size_t count_debts(int dir)
{
    DIR *list = file_list(dir);
    const struct dirent *entry;
    size_t count = 0, seen = 0;

    while (list != NULL && seen++ < OUTBOX_LIMIT && file_list_next(list, &entry) == 0 &&
           entry != NULL)
        count += entry->d_name[0] != '.' && strstr(entry->d_name, ".json") != NULL;
    if (list != NULL)
        closedir(list);
    return count;
}

static json_t *webhooks_json(const struct spool *spool)
{
    int failed = openat(spool->dir[FOLDER_OUTBOX], "failed",
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    json_t *webhooks =
        json_pack("{s:o, s:o}", "owed", count_json(count_debts(spool->dir[FOLDER_OUTBOX])),
                  "failed", count_json(failed >= 0 ? count_debts(failed) : 0));

    if (failed >= 0)
        (void)close(failed);
    return webhooks;
}

/* --- all --- */

json_t *survey_read(const struct spool *spool, struct wall now, struct error *error)
{
    json_t *survey = overview_read(spool, error);
    char text[TIMETEXT_SIZE];
    int64_t written_ms;
    bool up;

    if (survey == NULL)
        return NULL;
    up = jsontext_get_bool(survey, "daemon_up", false);
    written_ms = records_time(survey, "time");
    timetext_write(now, text);
    json_object_set_new(survey, "now", json_string(text));
    json_object_set_new(survey, "status_age_ms",
                        written_ms > 0 ? json_integer(now.ms - written_ms) : json_null());
    json_object_set_new(survey, "states", states_json(survey));
    json_object_set_new(survey, "ages", ages_json(spool, survey, now));
    if (!up || json_object_get(survey, "disk") == NULL)
        json_object_set_new(survey, "disk", disk_json(spool));
    if (!up || json_object_get(survey, "webhooks") == NULL)
        json_object_set_new(survey, "webhooks", webhooks_json(spool));
    return survey;
}

/* Names of users and runs, and what they spent. */
static void restrict_budgets(json_t *budgets)
{
    for (size_t i = json_array_size(budgets); i-- > 0;) {
        const char *scope = jsontext_get_text(json_array_get(budgets, i), "scope", "");

        if (strncmp(scope, "user ", 5) == 0 || strncmp(scope, "run ", 4) == 0)
            json_array_remove(budgets, i);
    }
}

void survey_restrict(json_t *survey)
{
    static const char *const samples[] = {"id", "name", "message", "finished"};
    json_t *group;
    size_t i;

    json_array_foreach (json_object_get(survey, "failures"), i, group) {
        for (size_t k = 0; k < sizeof samples / sizeof samples[0]; k++)
            json_object_del(group, samples[k]);
    }
    restrict_budgets(json_object_get(json_object_get(survey, "money"), "budgets"));
    json_object_del(survey, "users");
    json_object_del(survey, "spool");
    json_object_del(survey, "webhook");
}
