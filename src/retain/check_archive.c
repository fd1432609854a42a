/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_archive: archive/: every volume against its checksums and its index, archive/ids against
 * the volumes. */
#include "retain/check_topic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "retain/check_mend_parts.h"
#include "retain/ids.h"
#include "retain/index.h"
#include "retain/store.h"
#include "retain/take_up.h"
#include "retain/verify.h"
#include "retain/volume.h"

#define ARCHIVE  "archive/"
#define IDS_NAME ARCHIVE "ids"

/* The name under which something below archive/ is told. */
struct told {
    char name[sizeof ARCHIVE + STORE_PATH_SIZE];
};

static struct told told_name(const char *path)
{
    struct told told;

    snprintf(told.name, sizeof told.name, ARCHIVE "%s", path);
    return told;
}

/* STEM of YYYY/MM/STEM.tar.zst. */
static struct told volume_stem(const char *path)
{
    struct told stem;

    snprintf(stem.name, sizeof stem.name, "%.*s", (int)(strlen(path) - strlen(VOLUME_SUFFIX)),
             path);
    return stem;
}

/* --- one volume --- */

struct volume_look {
    struct check *check;
    const char *path; /* below archive/ */
};

static void on_verified(void *context, const char *sentence)
{
    const struct volume_look *look = context;

    check_suspect_name(look->check, CHECK_ARCHIVE_VOLUME, told_name(look->path).name, "%s",
                       sentence);
}

/* Whether archive/ids knows the volume, and as it is. */
static void look_at_entered(struct check *check, const struct ids *ids, const char *path)
{
    size_t number = ids_volume_find(ids, path);
    struct stat status;

    if (number == SIZE_MAX) {
        check_suspect_name(check, CHECK_ARCHIVE_UNKNOWN, told_name(path).name,
                           "is not in " IDS_NAME);
    } else if (fstatat(check->spool->dir[FOLDER_ARCHIVE], path, &status, AT_SYMLINK_NOFOLLOW) ==
                   0 &&
               (uint64_t)status.st_size != ids_volume(ids, number)->size) {
        check_suspect_name(check, CHECK_ARCHIVE_VOLUME, told_name(path).name,
                           "has %lld bytes, and " IDS_NAME " says %llu", (long long)status.st_size,
                           (unsigned long long)ids_volume(ids, number)->size);
    }
}

static void look_at_volume(struct check *check, const struct ids *ids, const char *path)
{
    struct volume_look look = {check, path};

    if (ids != NULL) {
        look_at_entered(check, ids, path);
    }
    if (!check->options->quick && !check->quiet) { /* nothing is mended by reading it */
        (void)volume_verify(check->spool->dir[FOLDER_ARCHIVE], volume_stem(path).name, NULL,
                            VERIFY_CONTENT, on_verified, &look);
    }
}

/* --- archive/ids --- */

static struct ids *open_ids(struct check *check)
{
    struct error error;
    struct ids *ids = ids_open(check->spool, &error);

    if (ids == NULL) {
        check_suspect_name(check, CHECK_ARCHIVE_IDS, IDS_NAME, "%s", error.text);
    }
    return ids;
}

/* Units that the index of a volume has, or -1. */
static int64_t count_units(const struct check *check, const char *path)
{
    struct volume *volume =
        volume_open(check->spool->dir[FOLDER_ARCHIVE], volume_stem(path).name, NULL, NULL);
    struct index *index = volume != NULL ? volume_index(volume, NULL) : NULL;
    int64_t units = index != NULL ? (int64_t)index_head(index)->units : -1;

    index_close(index);
    volume_close(volume);
    return units;
}

/* As many units as the indexes have, where all can be read. */
static void look_at_counts(struct check *check, const struct ids *ids)
{
    uint64_t units = 0;

    for (size_t i = 0; ids_volume(ids, i) != NULL; i++) {
        int64_t more = count_units(check, ids_volume(ids, i)->path);

        if (more < 0) {
            return; /* told of the volume */
        }
        units += (uint64_t)more;
    }
    if (units != ids_count(ids)) {
        check_suspect_name(check, CHECK_ARCHIVE_IDS, IDS_NAME,
                           "has %zu jobs, and the indexes have %llu", ids_count(ids),
                           (unsigned long long)units);
    }
}

static void look_at_ids(struct check *check, const struct ids *ids)
{
    struct error error;

    for (size_t i = 0; ids_volume(ids, i) != NULL; i++) {
        const char *path = ids_volume(ids, i)->path;

        if (faccessat(check->spool->dir[FOLDER_ARCHIVE], path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
            errno == ENOENT) {
            check_suspect_name(check, CHECK_ARCHIVE_MISSING, told_name(path).name,
                               "is in " IDS_NAME " and is not there");
        }
    }
    if (check->options->quick) {
        return;
    }
    if (ids_verify(ids, &error) < 0) {
        check_suspect_name(check, CHECK_ARCHIVE_IDS, IDS_NAME, "%s", error.text);
    } else {
        look_at_counts(check, ids);
    }
}

/* --- all of it --- */

static void look_at_all(struct check *check, const struct ids *ids)
{
    struct store_volume *volumes = NULL;
    ssize_t count = store_list(check->spool, &volumes);

    if (count < 0) {
        check_suspect_name(check, CHECK_UNREADABLE, "archive", "cannot be listed: %s",
                           strerror((int)-count));
    }
    for (ssize_t i = 0; i < count; i++) {
        look_at_volume(check, ids, volumes[i].path);
    }
    free(volumes);
    if (ids != NULL) {
        look_at_ids(check, ids);
    }
}

/* The second look is at one volume, or at archive/ids, alone. */
void check_look_archive(struct check *check, const struct check_entry *entry)
{
    struct ids *ids = open_ids(check);
    const char *path = entry->name + strlen(ARCHIVE);
    struct store_name name;
    const char *base = strrchr(entry->name, '/');

    if (base == NULL) {
        look_at_all(check, ids);
    } else if (!store_name_read(base + 1, &name) ||
               faccessat(check->spool->dir[FOLDER_ARCHIVE], path, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        if (ids != NULL) {
            look_at_ids(check, ids);
        }
    } else {
        look_at_volume(check, ids, path);
    }
    ids_close(ids);
}

/* --- mending --- */

static void ignore(void *context, const char *sentence)
{
    (void)context;
    (void)sentence; /* damaged volumes are told by themselves */
}

/* Makes archive/ids again from the indexes, or enters what it lacks. */
int mend_archive_ids(struct mending *mending)
{
    bool anew = mending->suspicion->code == CHECK_ARCHIVE_IDS;
    struct take_up take = {.spool = mending->spool, .complain = ignore};
    struct ids *ids = anew ? NULL : ids_open(mending->spool, NULL);
    int lock = -1;
    int result = MEND_LEFT;

    if (anew || ids != NULL) {
        lock = store_lock(mending->spool, "llmspool-check", NULL);
    }
    if (lock >= 0 && take_up_volumes(&take, ids, NULL) == 0 && (anew || take.entered > 0)) {
        mend_done(mending, "%llu volumes entered into " IDS_NAME, (unsigned long long)take.entered);
        result = 0;
    }
    if (lock >= 0) {
        (void)close(lock);
    }
    ids_close(ids);
    return result;
}
