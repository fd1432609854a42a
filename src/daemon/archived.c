/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * archived: see archived.h.
 *
 * The wishes of one group belong to the pool thread from the moment that it is queued until its end, when
 * the loop gets them back; new ones gather meanwhile.
 */
#include "daemon/archived.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/xalloc.h"
#include "retain/ids.h"
#include "retain/restore.h"
#include "retain/store.h"
#include "retain/tombstone.h"
#include "retain/units.h"

enum {
    GROUP_MAX = 256,
    LOOKS_MAX = 512, /* look-ups, of some pages each, before their memory is given back */
    AGAIN_MS = 500,  /* between two tries to open what could not be opened */
};

/* A job that is to be brought back. */
struct wish {
    STAILQ_ENTRY(wish) link;
    struct archived archived; /* its volume is a copy */
    char *volume;
    void (*ended)(void *context, enum archived_end end);
    void *context;
    enum archived_end end;
    bool restored;      /* by us: an event tells */
    bool forgotten;     /* a person had it removed, and its last copy is about to go */
    struct error error; /* why it is not there */
};

STAILQ_HEAD(wishes, wish);

struct archived_jobs {
    struct core *core;
    struct ids *ids;      /* NULL: not to be had, or not opened yet */
    struct error trouble; /* why, once that was tried */
    struct mono tried;    /* when that was */
    unsigned looks;       /* since the memory of its pages was given back */
    struct wishes waiting;
    struct wishes group;  /* at work */
    bool working;
    uv_work_t work;
};

struct archived_jobs *archived_open(struct core *core)
{
    struct archived_jobs *jobs = xcalloc(1, sizeof *jobs);

    jobs->core = core;
    jobs->work.data = jobs;
    STAILQ_INIT(&jobs->waiting);
    STAILQ_INIT(&jobs->group);
    return jobs;
}

void archived_close(struct archived_jobs *jobs)
{
    if (jobs != NULL) {
        ids_close(jobs->ids);
        free(jobs);
    }
}

bool archived_idle(const struct archived_jobs *jobs)
{
    return !jobs->working;
}

/* --- looking up ----------------------------------------------------------------------------------------- */

/* Archive/ids as it is now; one that knows no volume, where some are, was lost. */
static struct ids *open_ids(const struct spool *spool, struct error *error)
{
    struct ids *ids = ids_open(spool, error);
    struct store_volume *volumes;
    ssize_t count;

    if (ids == NULL || ids_volume(ids, 0) != NULL)
        return ids;
    count = store_list(spool, &volumes);
    if (count == 0) {
        free(volumes);
        return ids;
    }
    if (count > 0) {
        free(volumes);
        error_set(error, ERROR_DATA,
                  "%s/archive/ids is not there, and archives are: llmspool-archive reindex makes it",
                  spool->path);
    } else {
        error_system(error, (int)-count, "%s/archive cannot be listed", spool->path);
    }
    ids_close(ids);
    return NULL;
}

/* Maps archive/ids anew where it was replaced. Returns whether it is to be had. */
static bool renew(struct archived_jobs *jobs)
{
    struct core *core = jobs->core;
    struct mono now = clock_mono(core->clock);
    bool told = jobs->trouble.kind != ERROR_NONE;

    if (jobs->ids != NULL && ids_current(jobs->ids))
        return true;
    if (told && now.ms - jobs->tried.ms < AGAIN_MS)
        return false;
    ids_close(jobs->ids);
    jobs->trouble.kind = ERROR_NONE;
    jobs->tried = now;
    jobs->ids = open_ids(core->spool, &jobs->trouble);
    if (jobs->ids == NULL && !told)
        log_error(&core->log, "new jobs wait, as nobody knows whether they are archived: %s",
                  jobs->trouble.text);
    if (jobs->ids != NULL && told)
        log_info(&core->log, "archive/ids is there again");
    return jobs->ids != NULL;
}

/* The newest archived unit that was done. Returns 1, 0, or -EAGAIN. */
static int find(struct archived_jobs *jobs, const struct id *id, struct archived *archived)
{
    if (!renew(jobs))
        return -EAGAIN;
    if (++jobs->looks >= LOOKS_MAX) {
        ids_relax(jobs->ids);
        jobs->looks = 0;
    }
    for (size_t i = 0; ids_find(jobs->ids, id, i, archived); i++)
        if (!archived->failed)
            return 1;
    return 0;
}

int archived_version(struct archived_jobs *jobs, const struct id *id, unsigned *version)
{
    struct archived archived;
    int found = find(jobs, id, &archived);

    *version = found > 0 ? archived.highest : 0;
    return found < 0 ? found : 0;
}

const char *archived_trouble(const struct archived_jobs *jobs)
{
    return jobs->trouble.kind != ERROR_NONE ? jobs->trouble.text : NULL;
}

/* --- in the pool ---------------------------------------------------------------------------------------- */

static void on_restored(void *context, const struct restored *restored)
{
    struct archived_jobs *jobs = context;
    struct wish *wish;

    STAILQ_FOREACH(wish, &jobs->group, link)
    {
        if (id_equal(&wish->archived.id, restored->id) && wish->end != ARCHIVED_DAMAGED) {
            bool there = restored->end == RESTORE_DONE || restored->end == RESTORE_THERE ||
                         restored->end == RESTORE_ACTIVE;

            wish->restored = restored->end == RESTORE_DONE;
            wish->end = there ? ARCHIVED_THERE : ARCHIVED_LATER;
            if (restored->sentence != NULL)
                error_set(&wish->error, ERROR_SYSTEM, "%s", restored->sentence);
        }
    }
}

/* Reads it as the index of its volume says: the volume may have been rewritten, and archive/ids not yet.
 * error stays that of archive/ids when it is not found so. */
static int read_indexed(const struct volume *volume, const struct id *id, struct bundle *bundle)
{
    struct index_unit unit = {0};
    struct error trouble;
    struct units *units = units_open(volume, &trouble);
    int result = -1;

    while (result < 0 && units_next(units, &unit, &trouble) == 1)
        if (id_equal(&unit.id, id))
            result = units_read(units, &unit, bundle, &trouble);
    index_unit_clear(&unit);
    units_close(units);
    return result;
}

static int read_wish(const struct archived_jobs *jobs, struct wish *wish, struct bundle *bundle)
{
    size_t length = strlen(wish->volume) - strlen(VOLUME_SUFFIX);
    char *stem = xstrndup(wish->volume, length);
    struct volume *volume =
        volume_open(jobs->core->spool->dir[FOLDER_ARCHIVE], stem, NULL, &wish->error);
    int result = -1;

    if (volume != NULL) {
        result = volume_archived(volume, &wish->archived, bundle, &wish->error);
        if (result < 0)
            result = read_indexed(volume, &wish->archived.id, bundle);
    }
    volume_close(volume);
    free(stem);
    return result;
}

static void restore_wish(const struct archived_jobs *jobs, struct wish *wish,
                         const struct tombstones *stones, struct restore *restore)
{
    const struct tombstone *stone = tombstones_find(stones, &wish->archived.id);
    struct bundle bundle = {0};

    if (read_wish(jobs, wish, &bundle) < 0) {
        wish->end = wish->error.kind == ERROR_SYSTEM ? ARCHIVED_LATER : ARCHIVED_DAMAGED;
    } else if (stone != NULL && bundle_finished(&bundle).ms <= stone->ms) {
        wish->end = ARCHIVED_DAMAGED;
        wish->forgotten = true;
    } else {
        restore_add(restore, &bundle);
    }
    bundle_clear(&bundle);
}

static void restore_group(uv_work_t *work)
{
    struct archived_jobs *jobs = work->data;
    struct restore *restore =
        restore_open(jobs->core->spool, temp_name_write, on_restored, jobs);
    struct tombstones stones = {0};
    struct error error;
    bool known = tombstones_read(jobs->core->spool, &stones, &error) == 0;
    struct wish *wish;

    STAILQ_FOREACH(wish, &jobs->group, link)
    {
        if (known)
            restore_wish(jobs, wish, &stones, restore);
        else
            wish->error = error;
    }
    restore_close(restore);
    tombstones_free(&stones);
}

/* --- on the loop ---------------------------------------------------------------------------------------- */

static void start(struct archived_jobs *jobs);

static void tell(struct core *core, const struct wish *wish)
{
    char id[ID_SHORT_SIZE];

    id_write_short(&wish->archived.id, id);
    if (wish->restored)
        core_event_id(core, "restored", &wish->archived.id,
                      json_pack("{s:s, s:s}", "state", "completed", "volume", wish->volume));
    if (wish->end == ARCHIVED_DAMAGED && !wish->forgotten) {
        log_error(&core->log,
                  "%s was archived and cannot be read, it is asked again; llmspool-archive verify "
                  "tells more: %s",
                  id, wish->error.text);
        core_event_id(core, "archive_damaged", &wish->archived.id,
                      json_pack("{s:s, s:s}", "volume", wish->volume, "message", wish->error.text));
    } else if (wish->end == ARCHIVED_LATER) {
        log_warning(&core->log, "%s cannot be brought back from %s now: %s", id, wish->volume,
                    wish->error.text[0] != '\0' ? wish->error.text : "another hand has it");
    }
}

static void group_ended(uv_work_t *work, int status)
{
    struct archived_jobs *jobs = work->data;
    struct wishes ended = STAILQ_HEAD_INITIALIZER(ended);
    struct wish *wish;

    (void)status;
    STAILQ_CONCAT(&ended, &jobs->group);
    jobs->working = false;
    while ((wish = STAILQ_FIRST(&ended)) != NULL) {
        STAILQ_REMOVE_HEAD(&ended, link);
        tell(jobs->core, wish);
        wish->ended(wish->context, wish->end);
        free(wish->volume);
        free(wish);
    }
    start(jobs);
    core_progress(jobs->core);
}

static void start(struct archived_jobs *jobs)
{
    struct wish *wish;

    if (jobs->working || STAILQ_EMPTY(&jobs->waiting))
        return;
    for (unsigned i = 0; i < GROUP_MAX && (wish = STAILQ_FIRST(&jobs->waiting)) != NULL; i++) {
        STAILQ_REMOVE_HEAD(&jobs->waiting, link);
        STAILQ_INSERT_TAIL(&jobs->group, wish, link);
    }
    jobs->working = true;
    if (uv_queue_work(jobs->core->loop, &jobs->work, restore_group, group_ended) != 0)
        group_ended(&jobs->work, 0); /* each is ARCHIVED_LATER */
}

void archived_restore(struct archived_jobs *jobs, const struct id *id,
                      void (*ended)(void *context, enum archived_end end), void *context)
{
    struct wish *wish = xcalloc(1, sizeof *wish);

    wish->ended = ended;
    wish->context = context;
    wish->end = ARCHIVED_LATER;
    if (find(jobs, id, &wish->archived) <= 0) {
        free(wish);
        ended(context, ARCHIVED_THERE); /* it went meanwhile: look again */
        return;
    }
    wish->volume = xstrdup(wish->archived.volume);
    STAILQ_INSERT_TAIL(&jobs->waiting, wish, link);
    start(jobs);
}
