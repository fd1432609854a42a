/* SPDX-License-Identifier: GPL-2.0-or-later */
/* remains: volumes that a killed forgetting left. */
#include "retain/remains.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "retain/tombstone.h"
#include "retain/units.h"
#include "spool/file.h"

static const char mark[] = ".r"; /* before the generation */

struct search {
    const struct spool *spool;
    const struct ids *ids;
    struct tombstones stones;
    struct store_volume *volumes;
    size_t count;
};

/* --- names ---------------------------------------------------------------------------------------- */

unsigned remains_generation(const struct store_name *name, size_t *length)
{
    size_t end = strlen(name->host), digits = end;
    unsigned generation = 0;

    while (digits > 0 && strchr("0123456789", name->host[digits - 1]) != NULL) {
        digits--;
    }
    if (end - digits >= 1 && end - digits <= 6 && name->host[digits] != '0' &&
        digits > sizeof mark - 1 &&
        strncmp(name->host + digits - (sizeof mark - 1), mark, sizeof mark - 1) == 0) {
        generation = (unsigned)strtoul(name->host + digits, NULL, 10);
        end = digits - (sizeof mark - 1);
    }
    if (length != NULL) {
        *length = end;
    }
    return generation;
}

void remains_next(struct store_name *name)
{
    char ending[16];
    size_t length;
    unsigned generation = remains_generation(name, &length) + 1;
    int size = snprintf(ending, sizeof ending, "%s%u", mark, generation);

    if (length + (size_t)size >= sizeof name->host) {
        length = sizeof name->host - (size_t)size - 1;
    }
    strcpy(name->host + length, ending);
}

/* Whether one may have been rewritten to the other. */
static bool are_akin(const struct store_name *a, const struct store_name *b)
{
    size_t first, second;
    bool differ = remains_generation(a, &first) != remains_generation(b, &second);

    /* The host may have been cut to make room. */
    first = first < second ? first : second;
    return differ && a->number == b->number && first > 0 &&
           strncmp(a->host, b->host, first) == 0;
}

/* --- what is in them ------------------------------------------------------------------------------ */

/* The jobs of one volume, in the order of their IDs. */
struct reading {
    struct volume *volume;
    struct units *units;
    struct index_unit unit;
    int more; /* 1: unit is one; 0: the end; -1: it cannot be read */
};

static void reading_next(struct reading *reading)
{
    struct error trouble;

    reading->more = reading->units != NULL
                        ? units_next(reading->units, &reading->unit, &trouble)
                        : -1;
}

static void reading_begin(struct reading *reading, const struct spool *spool, const char *path)
{
    struct error trouble;
    char *stem = xstrndup(path, strlen(path) - strlen(VOLUME_SUFFIX));

    *reading = (struct reading){.volume =
                                    volume_open(spool->dir[FOLDER_ARCHIVE], stem, NULL, &trouble)};
    free(stem);
    if (reading->volume != NULL) {
        reading->units = units_open(reading->volume, &trouble);
    }
    reading_next(reading);
}

static void reading_end(struct reading *reading)
{
    index_unit_clear(&reading->unit);
    units_close(reading->units);
    volume_close(reading->volume);
}

/* Whether a job of a volume was forgotten since it was archived. */
static bool is_forgotten(const struct search *search, const struct index_unit *unit)
{
    const struct tombstone *stone = tombstones_find(&search->stones, &unit->id);

    return stone != NULL && unit->finished_ms <= stone->ms;
}

static bool all_forgotten(const struct search *search, const char *path)
{
    struct reading reading;
    bool all = true;

    if (search->stones.count == 0) {
        return false;
    }
    reading_begin(&reading, search->spool, path);
    for (; all && reading.more == 1; reading_next(&reading)) {
        all = is_forgotten(search, &reading.unit);
    }
    all = all && reading.more == 0;
    reading_end(&reading);
    return all;
}

/* Whether after has the jobs that before has, but for some that were forgotten. */
static bool is_rewriting(const struct search *search, const char *before, const char *after)
{
    struct reading all, rest;
    bool fits = true;

    reading_begin(&all, search->spool, before);
    reading_begin(&rest, search->spool, after);
    while (fits && all.more == 1) {
        if (rest.more == 1 && id_equal(&all.unit.id, &rest.unit.id)) {
            reading_next(&rest);
        } else {
            fits = is_forgotten(search, &all.unit);
        }
        reading_next(&all);
    }
    fits = fits && all.more == 0 && rest.more == 0;
    reading_end(&all);
    reading_end(&rest);
    return fits;
}

/* --- which are remains ----------------------------------------------------------------------------- */

static bool is_known(const struct search *search, size_t number)
{
    return search->ids != NULL &&
           ids_volume_find(search->ids, search->volumes[number].path) != SIZE_MAX;
}

/* Whether the other one is there in its stead. */
static bool is_replaced(const struct search *search, size_t number, size_t other)
{
    const struct store_volume *volume = &search->volumes[number];
    const struct store_volume *stays = &search->volumes[other];
    bool newer = remains_generation(&volume->name, NULL) > remains_generation(&stays->name, NULL);

    if (!are_akin(&volume->name, &stays->name) || (!is_known(search, other) && newer)) {
        return false;
    }
    return newer ? is_rewriting(search, stays->path, volume->path)
                 : is_rewriting(search, volume->path, stays->path);
}

static bool is_remains(const struct search *search, size_t number)
{
    if (is_known(search, number)) {
        return false;
    }
    for (size_t i = 0; i < search->count; i++) {
        if (i != number && is_replaced(search, number, i)) {
            return true;
        }
    }
    return all_forgotten(search, search->volumes[number].path);
}

static int unlink_file(int dir, const char *path, enum store_kind kind)
{
    char other[STORE_PATH_SIZE];

    store_sibling(path, kind, other);
    return unlinkat(dir, other, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

int remains_remove(const struct spool *spool, const char *path)
{
    int archive = spool->dir[FOLDER_ARCHIVE];
    char *folder = xstrndup(path, strcspn(path, "/") + 3);
    int result = unlink_file(archive, path, STORE_INDEX), dir;

    result = result == 0 ? unlink_file(archive, path, STORE_DIGESTS) : result;
    result = result == 0 ? unlink_file(archive, path, STORE_VOLUME) : result;
    if (result == 0) {
        dir = openat(archive, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        result = dir >= 0 ? file_sync_dir(dir) : -errno;
        if (dir >= 0) {
            close(dir);
        }
    }
    free(folder);
    return result;
}

int remains_clear(const struct spool *spool, const struct ids *ids, struct error *error)
{
    struct search search = {.spool = spool, .ids = ids};
    ssize_t count = store_list(spool, &search.volumes);
    int result = count < 0 ? (int)count : 0;

    if (result == 0 && tombstones_read(spool, &search.stones, error) < 0) {
        free(search.volumes);
        return -1;
    }
    search.count = result == 0 ? (size_t)count : 0;
    /* Without tombstones nobody has forgotten anything. */
    for (size_t i = 0; result == 0 && search.stones.count > 0 && i < search.count; i++) {
        result = is_remains(&search, i) ? remains_remove(spool, search.volumes[i].path) : 0;
    }
    tombstones_free(&search.stones);
    free(search.volumes);
    if (result < 0) {
        error_system(error, -result, "cannot clear %s/archive of what a forgetting left",
                     spool->path);
    }
    return result < 0 ? -1 : 0;
}
