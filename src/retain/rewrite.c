/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rewrite: volumes without some of their jobs. */
#include "retain/rewrite.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/xalloc.h"
#include "retain/ids_file.h"
#include "retain/ids_write.h"
#include "retain/remains.h"
#include "retain/take_up.h"
#include "retain/verify.h"
#include "retain/volume.h"
#include "retain/volume_write.h"
#include "spool/file.h"

enum { LEVEL = 3 /* zstd's own */, RELAX_ROWS = 1 << 16 };

/* What becomes of a volume. */
struct part {
    uint64_t units; /* that archive/ids has of it */
    uint64_t going;
    bool made; /* the new one is published: */
    struct store_name name;
};

struct work {
    const struct spool *spool;
    const struct ids *ids;
    const struct idset *jobs;
    void (*complain)(void *context, const char *sentence);
    void *context;
    struct rewrite_counts *counts;
    struct error *error;
    struct part *parts; /* by the numbers of the volumes */
    size_t count;
    struct press *press;
    struct ids_write *write;
};

/* --- one volume ------------------------------------------------------------------------------------- */

static void told(void *context, const char *sentence)
{
    error_set(context, ERROR_SYSTEM,
              "an archive was rewritten and is not whole when it is read back (%.400s): the old one "
              "stays",
              sentence);
}

static int nothing(void *context, const struct archived *archived, struct error *error)
{
    (void)context;
    (void)archived;
    (void)error;
    return 0;
}

/* Copies what stays. Returns 0, or -1 with an error. */
static int copy(const struct work *work, const struct volume *volume, struct index *index,
                struct volume_write *write, struct error *error)
{
    struct index_unit unit = {0};
    struct bundle_cache cache = {0};
    struct gathered gathered = {0};
    int result;

    while ((result = index_next(index, &unit, error)) == 1) {
        struct bundle bundle;

        if (idset_has(work->jobs, &unit.id)) {
            continue;
        }
        result = volume_unit(volume, &unit, &cache, &bundle, error);
        if (result == 0) {
            result = gather_bundle(&bundle, &gathered, error);
            if (result == 0) {
                result = volume_write_unit(write, &gathered, error);
            }
            bundle_clear(&bundle);
        }
        if (result < 0) {
            break;
        }
    }
    index_unit_clear(&unit);
    buffer_free(&cache.content);
    gathered_free(&gathered);
    return result;
}

/* Writes the new volume into tmp/. */
static int make(const struct work *work, const struct volume *volume, struct part *part,
                struct volume_made *made, struct error *error)
{
    struct index *index = volume_index(volume, error);
    struct volume_write *write =
        index != NULL ? volume_write_begin(work->spool, work->press, error) : NULL;
    int result = write != NULL ? copy(work, volume, index, write, error) : -1;

    index_close(index);
    if (result < 0) {
        volume_write_abandon(write);
        return -1;
    }
    remains_next(&part->name);
    return volume_write_finish(write, part->name.host, part->name.number, nothing, NULL, made,
                               error);
}

/* Judges what was written, and puts it beside the old one. */
static int publish(const struct work *work, struct part *part, struct volume_made *made,
                   struct error *error)
{
    char name[STORE_NAME_SIZE];
    int result = volume_write_seal(work->spool, made);

    store_name_write(&made->name, STORE_VOLUME, name);
    if (result < 0) {
        error_system(error, -result, "cannot sync %s", name);
    } else if (made->units != part->units - part->going) {
        error_set(error, ERROR_DATA, "its index and archive/ids do not have the same jobs");
    } else if (volume_verify(work->spool->dir[FOLDER_TMP], made->stem, name, VERIFY_BYTES, told,
                             error) == 0) {
        result = store_publish(work->spool, made->stem, &made->name);
        if (result == 0) {
            part->name = made->name;
            part->made = true;
            return 0;
        }
        error_system(error, -result, "cannot publish %s", name);
    }
    volume_write_discard(work->spool, made);
    return -1;
}

static int rewrite(const struct work *work, size_t number, struct error *error)
{
    const char *path = ids_volume(work->ids, number)->path;
    struct part *part = &work->parts[number];
    char *stem = xstrndup(path, strlen(path) - strlen(VOLUME_SUFFIX));
    struct volume *volume = volume_open(work->spool->dir[FOLDER_ARCHIVE], stem, NULL, error);
    struct volume_made made;
    int result = volume != NULL ? 0 : -1;

    if (result == 0 && !store_name_read(volume->name, &part->name)) {
        error_set(error, ERROR_DATA, "its name is none of a volume");
        result = -1;
    }
    if (result == 0) {
        result = make(work, volume, part, &made, error);
    }
    if (result == 0) {
        result = publish(work, part, &made, error);
    }
    volume_close(volume);
    free(stem);
    return result;
}

/* --- all of them ------------------------------------------------------------------------------------ */

/* Which volumes have how much of it. */
static void count_parts(struct work *work)
{
    const struct ids_row *rows = ids_rows(work->ids);
    size_t count = ids_count(work->ids);

    for (size_t i = 0; i < count; i++) {
        uint32_t number = le32toh(rows[i].volume);

        if (number < work->count) {
            work->parts[number].units++;
            work->parts[number].going += idset_has(work->jobs, &rows[i].id);
        }
        if (i % RELAX_ROWS == 0) {
            ids_relax(work->ids);
        }
    }
}

/* Tells that a volume stays as it is. */
static void complain(const struct work *work, size_t number, const struct error *error)
{
    char *text = xasprintf("archive/%s still has %llu of the jobs: %s",
                           ids_volume(work->ids, number)->path,
                           (unsigned long long)work->parts[number].going, error->text);

    work->complain(work->context, text);
    free(text);
    work->parts[number].going = 0;
}

/* One that is kept elsewhere, and of which archive/ids is to know nothing more. */
static void tell_of_absence(const struct work *work, size_t number)
{
    const char *path = ids_volume(work->ids, number)->path;
    struct stat status;
    char *text;

    if (fstatat(work->spool->dir[FOLDER_ARCHIVE], path, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return;
    }
    text = xasprintf("archive/%s is not there: if you keep it elsewhere, delete it there, as all "
                     "of its jobs are forgotten",
                     path);
    work->complain(work->context, text);
    free(text);
}

/* A volume that cannot be read or verified is told; only that nothing can be written ends it all. */
static int rewrite_all(struct work *work)
{
    for (size_t i = 0; i < work->count; i++) {
        const struct part *part = &work->parts[i];
        struct error trouble = {0};

        if (part->going > 0 && part->going == part->units) {
            tell_of_absence(work, i);
            continue;
        }
        if (part->going == 0 || rewrite(work, i, &trouble) == 0) {
            continue;
        }
        if (trouble.kind != ERROR_DATA && trouble.kind != ERROR_ABSENT) {
            *work->error = trouble;
            return -1;
        }
        complain(work, i, &trouble);
    }
    return 0;
}

static int enter(const struct work *work, size_t number)
{
    const struct part *part = &work->parts[number];
    char path[STORE_PATH_SIZE];

    if (part->going == part->units) {
        ids_write_leave(work->write, number);
        return 0;
    }
    store_path_write(&part->name, STORE_VOLUME, path);
    return take_up_enter(work->spool, path, number, work->write, work->error);
}

/* Turns archive/ids to the new volumes. Returns 1, 0 when there is nothing to turn, or -1. */
static int turn(struct work *work)
{
    size_t changed = 0;

    for (size_t i = 0; i < work->count; i++) {
        if (work->parts[i].going == 0) {
            continue;
        }
        if (changed++ == 0) {
            work->write = ids_write_begin(work->spool, work->ids, work->error);
        }
        if (work->write == NULL || enter(work, i) < 0) {
            ids_write_abandon(work->write);
            return -1;
        }
    }
    if (changed == 0) {
        return 0;
    }
    return ids_write_commit(work->write, work->error) == 0 ? 1 : -1;
}

/* Removes what is not wanted: the old ones after archive/ids was turned, or the new ones. */
static int remove_all(const struct work *work, bool old)
{
    char path[STORE_PATH_SIZE];
    int result = 0;

    for (size_t i = 0; i < work->count; i++) {
        const struct part *part = &work->parts[i];
        int one = 0;

        if (old && part->going > 0) {
            one = remains_remove(work->spool, ids_volume(work->ids, i)->path);
            work->counts->copies += part->going;
            work->counts->rewritten += part->made;
            work->counts->removed += !part->made;
        } else if (!old && part->made) {
            store_path_write(&part->name, STORE_VOLUME, path);
            one = remains_remove(work->spool, path);
        }
        result = result == 0 ? one : result;
    }
    return result;
}

static int run(struct work *work)
{
    int result = rewrite_all(work), problem;

    result = result == 0 ? turn(work) : result;
    if (result < 0) {
        /* What cannot be removed now, remains_clear removes. */
        (void)remove_all(work, false);
        return -1;
    }
    problem = remove_all(work, true);
    if (problem < 0 && problem != -ENOENT) {
        error_system(work->error, -problem, "cannot remove volumes from %s/archive",
                     work->spool->path);
        return -1;
    }
    return result;
}

int rewrite_without(const struct spool *spool, const struct ids *ids, const struct idset *jobs,
                    void (*tell)(void *context, const char *sentence), void *context,
                    struct rewrite_counts *counts, struct error *error)
{
    struct work work = {.spool = spool,
                        .ids = ids,
                        .jobs = jobs,
                        .complain = tell,
                        .context = context,
                        .counts = counts,
                        .error = error};
    int result = -1;

    while (ids_volume(ids, work.count) != NULL) {
        work.count++;
    }
    work.parts = xcalloc(work.count + 1, sizeof *work.parts);
    count_parts(&work);
    work.press = press_open(LEVEL);
    if (work.press == NULL) {
        error_system(error, errno, "cannot start a thread");
    } else {
        result = run(&work);
    }
    press_close(work.press);
    free(work.parts);
    return result;
}
