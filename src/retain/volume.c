/* SPDX-License-Identifier: GPL-2.0-or-later */
/* volume: an archive of finished jobs. */
#include "retain/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "retain/frames.h"

/* Opens a regular file; fstat is the caller's wish. Returns a descriptor, or -1 with an error. */
static int open_file(int dir, const char *path, struct stat *status, struct error *error)
{
    int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        error_set(error, ERROR_ABSENT, "%s is not there", path);
    } else if (fd < 0 || fstat(fd, status) < 0) {
        error_system(error, errno, "cannot read %s", path);
    } else if (!S_ISREG(status->st_mode)) {
        error_set(error, ERROR_DATA, "%s is no regular file", path);
    } else {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

struct volume *volume_open(int dir, const char *stem, const char *name, struct error *error)
{
    char *path = xasprintf("%s%s", stem, VOLUME_SUFFIX);
    struct volume *volume = NULL;
    struct stat status;
    int fd = open_file(dir, path, &status, error);

    if (fd >= 0) {
        const char *slash = strrchr(path, '/');

        volume = xcalloc(1, sizeof *volume);
        volume->dir = dir;
        volume->stem = xstrdup(stem);
        volume->name = xstrdup(name != NULL ? name : slash != NULL ? slash + 1 : path);
        volume->fd = fd;
        volume->size = (uint64_t)status.st_size;
    }
    free(path);
    return volume;
}

int volume_beside(const struct volume *volume, const char *suffix, struct error *error)
{
    char *path = xasprintf("%s%s", volume->stem, suffix);
    struct stat status;
    int fd = open_file(volume->dir, path, &status, error);

    free(path);
    return fd;
}

static int judge_head(const struct volume *volume, const struct index *index, struct error *error)
{
    const struct index_head *head = index_head(index);

    if (strcmp(head->volume, volume->name) != 0 || head->size != volume->size) {
        error_set(error, ERROR_DATA, "it is the index of %.200s with %llu bytes, and not of this volume "
                  "with %llu",
                  head->volume, (unsigned long long)head->size, (unsigned long long)volume->size);
        return -1;
    }
    return 0;
}

struct index *volume_index(const struct volume *volume, struct error *error)
{
    int fd = volume_beside(volume, VOLUME_INDEX_SUFFIX, error);
    struct index *index = NULL;

    if (fd < 0) {
        return NULL;
    }
    if (frames_pass(fd, FRAMES_ALL, false, error) < 0) {
        close(fd);
    } else {
        index = index_open(fd, error);
    }
    if (index != NULL && judge_head(volume, index, error) < 0) {
        index_close(index);
        index = NULL;
    }
    if (index == NULL) {
        error_prefix(error, "the index %s%s", volume->stem, VOLUME_INDEX_SUFFIX);
    }
    return index;
}

/* Ends a reading: what did not fit is nobody's. */
static int ended(const struct volume *volume, const struct id *id, int result,
                 struct bundle *bundle, struct error *error)
{
    char shown[ID_SHORT_SIZE];

    if (result < 0) {
        bundle_clear(bundle);
        id_write_short(id, shown);
        error_prefix(error, "%s in %s is damaged", shown, volume->name);
    }
    return result;
}

int volume_unit(const struct volume *volume, const struct index_unit *unit,
                struct bundle_cache *cache, struct bundle *bundle, struct error *error)
{
    int result =
        bundle_read(volume->fd, unit->frame, unit->at, unit->length, cache, bundle, error);

    if (result == 0) {
        result = bundle_fits_unit(bundle, unit, error);
    }
    return ended(volume, &unit->id, result, bundle, error);
}

int volume_archived(const struct volume *volume, const struct archived *archived,
                    struct bundle *bundle, struct error *error)
{
    int result =
        bundle_read(volume->fd, archived->frame, archived->at, archived->length, NULL, bundle, error);

    if (result == 0) {
        result = bundle_fits_ids(bundle, archived, error);
    }
    return ended(volume, &archived->id, result, bundle, error);
}

void volume_close(struct volume *volume)
{
    if (volume != NULL) {
        close(volume->fd);
        free(volume->stem);
        free(volume->name);
        free(volume);
    }
}
