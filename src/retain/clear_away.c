/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clear_away: deleting units that are archived. */
#include "retain/clear_away.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "retain/gather.h"
#include "retain/remove.h"
#include "retain/take_up.h"
#include "retain/volume.h"
#include "spool/events.h"
#include "spool/unit.h"

enum { EVENTS_EACH = 256 }; /* of units that are kept, between two writings */

/* The state of one clearing. */
struct clearing {
    struct clear_away *away;
    struct events *events;
    struct remove *remove;
    struct gathered room;
    const char *volume; /* its path */
    uint64_t done;
    uint64_t total;
    struct error *error;
};

/* Events that cannot be written are kept by events, and lose no unit. */
static int tell_all(void *context, struct error *error)
{
    (void)error;
    (void)events_flush(context);
    return 0;
}

static void tell(struct clearing *clearing, const struct id *id, bool kept)
{
    char text[ID_TEXT_SIZE];
    json_t *fields;

    id_write(id, text);
    fields = json_pack("{s:s, s:s}", "id", text, "volume", clearing->volume);
    if (kept) {
        json_object_set_new(fields, "kept", json_true());
    }
    events_add(clearing->events, "archived", fields);
}

static int complain(const struct clearing *clearing, const struct id *id, int problem)
{
    char text[ID_TEXT_SIZE];

    id_write(id, text);
    error_system(clearing->error, -problem, "cannot delete %s, which is archived in %s", text,
                 clearing->volume);
    return -1;
}

/* Whether the locked unit may go: 1 or 0, or -errno. */
static int may_go(const struct clearing *clearing, const struct unit *unit,
                  const struct index_unit *archived, struct gathered *room)
{
    int owed = owed_has(clearing->away->owed, &unit->id);

    if (owed != 0) {
        return owed < 0 ? owed : 0;
    }
    return unit->gone ? 1 : gather_contained(unit, archived, room);
}

/* One unit that is archived. One that is gone was deleted by another. */
static int delete_unit(struct clearing *clearing, const struct pick_item *item,
                       const struct index_unit *archived)
{
    struct unit unit;
    int result = unit_lock(clearing->away->spool, pick_folder(item), &item->id, &unit);

    if (result == -ENOENT) {
        return 0;
    }
    if (result == 0) {
        result = may_go(clearing, &unit, archived, &clearing->room);
        if (result != 1) {
            unit_unlock(&unit);
        }
    }
    if (result == 0 || result == -EAGAIN) {
        clearing->away->changed++;
        return 0;
    }
    if (result < 0) {
        return complain(clearing, &item->id, result);
    }
    tell(clearing, &item->id, false);
    return remove_unit(clearing->remove, &unit, clearing->error);
}

static void progress(struct clearing *clearing)
{
    struct clear_away *away = clearing->away;

    clearing->done++;
    away->progress(away->context, away->keep ? "noting" : "deleting", clearing->done,
                   clearing->total);
}

/* The units stay: it is only told that they are archived. */
static int tell_kept(struct clearing *clearing, const struct pick_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tell(clearing, &items[i].id, true);
        if (i % EVENTS_EACH == 0) {
            (void)events_flush(clearing->events);
        }
        progress(clearing);
    }
    return 0;
}

/* Goes through the index and the items, which have the same order. An item that the index does not have
 * stays. */
static int each_unit(struct clearing *clearing, struct index *index, const struct pick_item *items,
                     size_t count)
{
    struct index_unit unit = {0};
    size_t next = 0;
    int result = 1;

    while (next < count && (result = index_next(index, &unit, clearing->error)) == 1) {
        while (next < count && memcmp(&items[next].id, &unit.id, sizeof unit.id) < 0) {
            next++;
            clearing->away->changed++;
        }
        if (next == count || !id_equal(&items[next].id, &unit.id)) {
            continue;
        }
        result = delete_unit(clearing, &items[next], &unit);
        if (result < 0) {
            break;
        }
        next++;
        progress(clearing);
    }
    index_unit_clear(&unit);
    clearing->away->changed += result >= 0 ? count - next : 0;
    return result < 0 ? -1 : 0;
}

/* A volume that is to be relied on: whole, if it is not of this run. */
static bool is_whole(const struct clearing *clearing, size_t number)
{
    struct take_up take = {.spool = clearing->away->spool,
                           .complain = clearing->away->complain,
                           .context = clearing->away->context};

    return number >= clearing->away->fresh || take_up_verify(&take, clearing->volume);
}

static int each_of_volume(struct clearing *clearing, size_t number, const struct pick_item *items,
                          size_t count)
{
    char *stem;
    struct volume *volume;
    struct index *index;
    int result = -1;

    if (!is_whole(clearing, number)) {
        clearing->away->changed += count;
        return 0;
    }
    stem = xstrndup(clearing->volume, strlen(clearing->volume) - strlen(VOLUME_SUFFIX));
    volume = volume_open(clearing->away->spool->dir[FOLDER_ARCHIVE], stem, NULL, clearing->error);
    index = volume != NULL ? volume_index(volume, clearing->error) : NULL;
    if (index != NULL) {
        result = each_unit(clearing, index, items, count);
    }
    index_close(index);
    volume_close(volume);
    free(stem);
    return result;
}

static int each_volume(struct clearing *clearing, const struct pick *pick)
{
    int result = 0;

    for (size_t next = 0; result == 0 && next < pick->count;) {
        size_t count = pick_run(pick, next);
        size_t number = pick_group(&pick->items[next]);

        if (pick_is_archived(&pick->items[next])) {
            clearing->volume = ids_volume(clearing->away->ids, number)->path;
            result = clearing->away->keep
                         ? tell_kept(clearing, &pick->items[next], count)
                         : each_of_volume(clearing, number, &pick->items[next], count);
        }
        next += count;
    }
    return result;
}

int clear_away(struct clear_away *away, const struct pick *pick, struct error *error)
{
    struct clearing clearing = {.away = away, .error = error};
    struct error later;
    int result;

    clearing.events = events_open(away->spool, away->clock);
    clearing.remove = remove_begin(away->spool, tell_all, clearing.events);
    for (size_t i = 0; i < pick->count; i++) {
        clearing.total += pick_is_archived(&pick->items[i]) ? 1 : 0;
    }
    result = each_volume(&clearing, pick);
    if (remove_flush(clearing.remove, &later) < 0 && result == 0) {
        *error = later;
        result = -1;
    }
    away->deleted = remove_count(clearing.remove);
    if (result == 0 && !away->keep) {
        size_t finished = 0;

        result = remove_leftovers(clearing.remove, &finished, error);
        away->finished = finished;
    }
    (void)remove_end(clearing.remove, &later);
    events_close(clearing.events);
    gathered_free(&clearing.room);
    return result;
}
