/* SPDX-License-Identifier: GPL-2.0-or-later */
/* put_away_write: writing, verifying and publishing the volumes of a run. */
#include "retain/put_away_work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "retain/volume_made.h"

static int enter_unit(void *context, const struct archived *archived, struct error *error)
{
    struct work *work = context;

    return ids_write_unit(work->entering, archived, error);
}

static int filter(struct work *work, const struct volume_made *made)
{
    char *path;
    int result;

    if (work->plan->filter == NULL) {
        return 0;
    }
    path = xasprintf("%s/tmp/%s.tar.zst", work->spool->path, made->stem);
    result = work->plan->filter(work->plan->context, made, path, work->error);
    free(path);
    return result;
}

static int publish(struct work *work, const struct volume_made *made)
{
    char path[STORE_PATH_SIZE];
    int result = store_publish(work->spool, made->stem, &made->name);

    if (result < 0) {
        store_path_write(&made->name, STORE_VOLUME, path);
        error_system(work->error, -result, "cannot publish %s/archive/%s", work->spool->path, path);
        return -1;
    }
    work->counts->volumes++;
    work->counts->archived += made->units;
    work->counts->files += made->files;
    work->counts->content += made->content;
    work->counts->size += made->size;
    if (work->plan->published != NULL) {
        work->plan->published(work->plan->context, made);
    }
    return 0;
}

/* Tells archive/ids of a volume to come: its units follow. It is filled in when it is made. */
static int begin_entering(struct work *work)
{
    if (work->entering == NULL) {
        work->entering = ids_write_begin(work->spool, work->ids, work->error);
    }
    if (work->entering == NULL) {
        return -1;
    }
    ids_write_begin_volume(work->entering);
    return 0;
}

static void end_entering(struct work *work, const struct volume_made *made)
{
    char path[STORE_PATH_SIZE];
    struct ids_volume volume = {.path = path, .size = made->size};

    store_path_write(&made->name, STORE_VOLUME, path);
    memcpy(volume.sha256, made->sha256, sizeof volume.sha256);
    memcpy(volume.index_sha256, made->index_sha256, sizeof volume.index_sha256);
    ids_write_end_volume(work->entering, &volume);
}

/* In a thread of its own. */
static void *check(void *context)
{
    struct checking *checking = context;
    int result = volume_write_seal(checking->spool, &checking->made);

    if (result < 0) {
        error_system(&checking->error, -result, "cannot write an archive in %s/tmp",
                     checking->spool->path);
        checking->result = -1;
    } else {
        checking->result = volume_made_verify(checking->spool, &checking->made, &checking->error);
    }
    return NULL;
}

/* Waits for the volume that is being verified, and publishes it. */
static int settle(struct work *work)
{
    struct checking *checking = &work->checking;
    struct volume_made *made = &checking->made;
    int result;

    if (!checking->active) {
        return 0;
    }
    checking->active = false;
    pthread_join(checking->thread, NULL);
    result = checking->result;
    if (result < 0) {
        *work->error = checking->error;
    } else if (filter(work, made) < 0 || publish(work, made) < 0) {
        result = -1;
    }
    if (result == 0) {
        end_entering(work, made);
    } else {
        volume_write_discard(work->spool, made);
        ids_write_drop_volume(work->entering);
    }
    return result;
}

/* Puts together what was written, and has it verified while the next volume is written. */
static int finish_volume(struct work *work, struct volume_write *write)
{
    struct checking *checking = &work->checking;
    int result;

    if (settle(work) < 0 || begin_entering(work) < 0) {
        volume_write_abandon(write);
        return -1;
    }
    result = volume_write_finish(write, work->host, work->number, enter_unit, work,
                                 &checking->made, work->error);
    if (result == 0) {
        checking->spool = work->spool;
        result = pthread_create(&checking->thread, NULL, check, checking);
        checking->active = result == 0;
        if (result != 0) {
            error_system(work->error, result, "cannot start a thread");
            volume_write_discard(work->spool, &checking->made);
        }
    }
    if (result != 0) {
        ids_write_drop_volume(work->entering);
        return -1;
    }
    work->volumes++;
    work->number++;
    return 0;
}

/* Adds one unit. Returns 1 when it was added, 0 when it stays where it is, or -1. */
static int write_unit(struct work *work, struct volume_write *write, struct pick_item *item)
{
    struct error error;
    int result = gather_unit(work->spool, pick_folder(item), &item->id, &work->unit, &error);

    if (result != 0) {
        item->key = (uint32_t)PICK_NOTHING;
        if (result < 0 && error.kind != ERROR_DATA) {
            *work->error = error;
            return -1;
        }
        if (result < 0) {
            work->counts->damaged++;
            work_complain(work, error.text);
        }
        return 0;
    }
    result = volume_write_unit(write, &work->unit, work->error);
    item->key = pick_volume_key(work->volumes, pick_folder(item) == FOLDER_FAILED);
    return result == 0 ? 1 : -1;
}

/* Writes one volume of the items from *next up to end, which are of one month. */
static int write_volume(struct work *work, size_t *next, size_t end, size_t total)
{
    struct volume_write *write = volume_write_begin(work->spool, work->press, work->error);
    size_t added = 0;
    int result = write != NULL ? 0 : -1;

    while (result == 0 && *next < end &&
           (added == 0 || volume_write_size(write) < work->plan->volume_size)) {
        int one = write_unit(work, write, &work->pick.items[(*next)++]);

        result = one < 0 ? -1 : 0;
        added += one > 0 ? 1 : 0;
        work_progress(work, "archiving", *next, total);
    }
    if (result == 0 && added > 0) {
        result = finish_volume(work, write);
    } else {
        volume_write_abandon(write);
    }
    return result;
}

/* What is in no volume that was published stays. */
static void leave_rest(struct work *work)
{
    size_t published = work->known + work->counts->volumes;

    for (size_t i = 0; i < work->pick.count; i++) {
        struct pick_item *item = &work->pick.items[i];

        if (!pick_is_archived(item) || pick_group(item) >= published) {
            item->key = (uint32_t)PICK_NOTHING;
        }
    }
}

int work_write(struct work *work)
{
    size_t next = 0, total = 0;
    int result = 0;

    while (total < work->pick.count && !pick_is_archived(&work->pick.items[total])) {
        total++;
    }
    if (total == 0) {
        return 0;
    }
    work->press = press_open(work->plan->level);
    if (work->press == NULL) {
        error_system(work->error, errno, "cannot start a thread");
        result = -1;
    }
    while (result == 0 && next < total) {
        size_t end = next + pick_run(&work->pick, next);

        while (result == 0 && next < end) {
            result = write_volume(work, &next, end, total);
        }
    }
    press_close(work->press);
    if (work->checking.active) {
        struct error earlier = *work->error;
        int last = settle(work);

        if (result < 0) {
            *work->error = earlier;
        } else {
            result = last;
        }
    }
    leave_rest(work);
    return result;
}
