/* SPDX-License-Identifier: GPL-2.0-or-later */
/* units: the jobs of a volume one after the other. */
#include "retain/units.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "retain/walk.h"

struct units {
    const struct volume *volume;
    struct index *index; /* or: */
    struct walk *walk;
    struct walk_entry next; /* read already, when there is one */
    bool has_next;
    bool ended; /* of the walk, behind which nothing may be asked for */
    struct bundle_cache cache;
};

struct units *units_open(const struct volume *volume, struct error *error)
{
    struct units *units = xcalloc(1, sizeof *units);

    units->volume = volume;
    *error = (struct error){.kind = ERROR_NONE};
    units->index = volume_index(volume, error);
    if (units->index == NULL) {
        units->walk = walk_open(volume->fd, 0, 0, FRAMES_ALL);
    }
    return units;
}

void units_close(struct units *units)
{
    if (units != NULL) {
        index_close(units->index);
        walk_close(units->walk);
        buffer_free(&units->cache.content);
        free(units);
    }
}

/* The next entry of a job, read ahead. Returns as walk_next. */
static int look(struct units *units, struct error *error)
{
    int result = units->has_next;

    if (units->has_next || units->ended) {
        return result;
    }
    do {
        result = walk_next(units->walk, &units->next, error);
    } while (result == 1 && units->next.manifest);
    units->has_next = result == 1;
    units->ended = result == 0;
    return result;
}

/* A job and all entries behind it that are of the same ID. */
static int gather(struct units *units, struct index_unit *unit, struct error *error)
{
    int result = look(units, error);

    index_unit_clear(unit);
    if (result <= 0) {
        return result;
    }
    unit->id = units->next.entry.id;
    unit->folder = units->next.folder;
    unit->frame = units->next.place.frame;
    unit->at = units->next.place.at;
    while (result == 1 && id_equal(&units->next.entry.id, &unit->id) &&
           units->next.folder == unit->folder) {
        unit->length += index_entry_size(units->next.size);
        unit->version = units->next.entry.version;
        units->has_next = false;
        result = look(units, error);
    }
    return result < 0 ? -1 : 1;
}

int units_next(struct units *units, struct index_unit *unit, struct error *error)
{
    int result = units->index != NULL ? index_next(units->index, unit, error)
                                      : gather(units, unit, error);

    if (result < 0) {
        error_prefix(error, "%s", units->volume->name);
    }
    return result;
}

int units_read(struct units *units, const struct index_unit *unit, struct bundle *bundle,
               struct error *error)
{
    if (units->index != NULL) {
        return volume_unit(units->volume, unit, &units->cache, bundle, error);
    }
    if (bundle_read(units->volume->fd, unit->frame, unit->at, unit->length, &units->cache,
                    bundle, error) < 0) {
        error_prefix(error, "%s is damaged", units->volume->name);
        return -1;
    }
    return 0;
}
