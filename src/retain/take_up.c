/* SPDX-License-Identifier: GPL-2.0-or-later */
/* take_up: entering volumes that lie in archive/ in archive/ids. */
#include "retain/take_up.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "retain/index.h"
#include "retain/remains.h"
#include "retain/verify.h"
#include "retain/volume.h"
#include "spool/file.h"

struct telling {
    const struct take_up *take;
    const char *path;
};

static void tell(void *context, const char *sentence)
{
    const struct telling *telling = context;
    char *text = xasprintf("%s: %s", telling->path, sentence);

    telling->take->complain(telling->take->context, text);
    free(text);
}

/* The path without the ending of a volume. */
static char *stem_of(const char *path)
{
    return xstrndup(path, strlen(path) - strlen(VOLUME_SUFFIX));
}

bool take_up_verify(const struct take_up *take, const char *path)
{
    struct telling telling = {.take = take, .path = path};
    char *stem = stem_of(path);
    size_t findings = volume_verify(take->spool->dir[FOLDER_ARCHIVE], stem, NULL, VERIFY_BYTES,
                                    tell, &telling);

    free(stem);
    return findings == 0;
}

/* The digest of an index, which is not in its volume. */
static int digest_index(const struct volume *volume, unsigned char digest[SHA256_SIZE],
                        struct error *error)
{
    int fd = volume_beside(volume, VOLUME_INDEX_SUFFIX, error);
    int result;

    if (fd < 0) {
        return -1;
    }
    result = file_digest(fd, digest);
    if (result < 0) {
        error_system(error, -result, "cannot read the index of %s", volume->name);
    }
    close(fd);
    return result < 0 ? -1 : 0;
}

static int enter_units(struct index *index, struct ids_write *write, struct error *error)
{
    struct index_unit unit = {0};
    int result;

    while ((result = index_next(index, &unit, error)) == 1) {
        struct archived archived = {.id = unit.id,
                                    .failed = unit.folder == FOLDER_FAILED,
                                    .highest = unit.version,
                                    .frame = unit.frame,
                                    .at = (uint32_t)unit.at,
                                    .length = (uint32_t)unit.length};

        memcpy(archived.digest, unit.files[unit.count - 1].sha256, sizeof archived.digest);
        if (ids_write_unit(write, &archived, error) < 0) {
            result = -1;
            break;
        }
    }
    index_unit_clear(&unit);
    return result;
}

int take_up_enter(const struct spool *spool, const char *path, size_t instead,
                  struct ids_write *write, struct error *error)
{
    char *stem = stem_of(path);
    struct volume *volume = volume_open(spool->dir[FOLDER_ARCHIVE], stem, NULL, error);
    struct index *index = volume != NULL ? volume_index(volume, error) : NULL;
    struct ids_volume entry = {0};
    int result = -1;

    if (index != NULL && digest_index(volume, entry.index_sha256, error) == 0) {
        entry.path = xstrdup(path);
        entry.size = volume->size;
        memcpy(entry.sha256, index_head(index)->sha256, sizeof entry.sha256);
        if (instead == SIZE_MAX) {
            ids_write_volume(write, &entry);
        } else {
            ids_write_instead(write, &entry, instead);
        }
        result = enter_units(index, write, error);
    }
    free(entry.path);
    index_close(index);
    volume_close(volume);
    free(stem);
    return result;
}

/* Enters those of the list that are not known and are whole. */
static int enter_new(struct take_up *take, const struct ids *ids, struct store_volume *volumes,
                     size_t count, struct error *error)
{
    struct ids_write *write = NULL;

    for (size_t i = 0; i < count; i++) {
        const char *path = volumes[i].path;

        if (ids != NULL && ids_volume_find(ids, path) != SIZE_MAX) {
            continue;
        }
        if (!take_up_verify(take, path)) {
            take->left_out++;
            continue;
        }
        write = write != NULL ? write : ids_write_begin(take->spool, ids, error);
        if (write == NULL || take_up_enter(take->spool, path, SIZE_MAX, write, error) < 0) {
            ids_write_abandon(write);
            return -1;
        }
        take->entered++;
    }
    if (write == NULL && ids == NULL) {
        write = ids_write_begin(take->spool, NULL, error);
        if (write == NULL) {
            return -1;
        }
    }
    return write != NULL ? ids_write_commit(write, error) : 0;
}

/* Numbers go on above those of volumes that are kept elsewhere now, too. */
static void note_numbers(struct take_up *take, const struct ids *ids,
                         const struct store_volume *volumes, size_t count)
{
    const struct ids_volume *known;
    struct store_name name;

    take->highest = count > 0 ? volumes[count - 1].name.number : 0;
    for (size_t i = 0; ids != NULL && (known = ids_volume(ids, i)) != NULL; i++) {
        const char *slash = strrchr(known->path, '/');

        if (slash != NULL && store_name_read(slash + 1, &name) && name.number > take->highest) {
            take->highest = name.number;
        }
    }
}

int take_up_volumes(struct take_up *take, const struct ids *ids, struct error *error)
{
    struct store_volume *volumes;
    ssize_t count;
    int result;

    if (remains_clear(take->spool, ids, error) < 0) {
        return -1;
    }
    count = store_list(take->spool, &volumes);
    if (count < 0) {
        error_system(error, (int)-count, "cannot list %s/archive", take->spool->path);
        return -1;
    }
    note_numbers(take, ids, volumes, (size_t)count);
    result = enter_new(take, ids, volumes, (size_t)count, error);
    free(volumes);
    return result;
}
