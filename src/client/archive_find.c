/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_find: one job of the archive. */
#include "client/archive.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/locate.h"

/* --- what a person typed --------------------------------------------------------------------------------- */

struct search {
    const char *word;
    size_t length;
    bool prefix; /* the word may be the beginning of an ID; else it is a name */
    struct id found;
    size_t count; /* of different IDs; of a name's jobs the newest is taken */
    int64_t finished_ms;
};

/* Whether a job was known by a name: as its line in the index tells or, where that is damaged, its record. */
static bool has_name(const struct archive_job *job, const char *name)
{
    const json_t *told = job->unit->line != NULL ? job->unit->line
                                                 : bundle_record(job->bundle, 0)->document;
    const json_t *value;
    size_t i;

    json_array_foreach(json_object_get(told, "names"), i, value)
    {
        if (json_is_string(value) && strcmp(json_string_value(value), name) == 0) {
            return true;
        }
    }
    return false;
}

static int compare_id(void *context, const struct archive_job *job)
{
    struct search *search = context;
    char id[ID_TEXT_SIZE];

    id_write(&job->unit->id, id);
    if (strncmp(id, search->word, search->length) == 0 &&
        (search->count == 0 || !id_equal(&search->found, &job->unit->id))) {
        search->count++;
        search->found = job->unit->id;
    }
    return search->count > 1;
}

static int compare_name(void *context, const struct archive_job *job)
{
    struct search *search = context;
    int64_t finished_ms = job->unit->line != NULL ? job->unit->finished_ms
                                                  : bundle_finished(job->bundle).ms;

    if ((search->count == 0 || finished_ms > search->finished_ms) && has_name(job, search->word)) {
        search->count = 1;
        search->found = job->unit->id;
        search->finished_ms = finished_ms;
    }
    return 0;
}

/* The newest volume that has a name tells whom it means. */
static int was_found(void *context)
{
    const struct search *search = context;

    return search->count > 0;
}

static int search_indexes(struct archive *archive, const char *word, struct id *id,
                          struct error *error)
{
    struct archive_wish all = {0};
    struct search search = {
        .word = word, .length = strlen(word), .prefix = locate_is_prefix(word)};

    if (!search.prefix && !layout_name_ok(word)) {
        error_set(error, ERROR_USAGE, "%s is no ID, no beginning of one and no name", word);
        return -1;
    }
    (void)archive_each(archive, &all, false, false, search.prefix ? compare_id : compare_name,
                       search.prefix ? NULL : was_found, &search);
    if (search.count == 0) {
        error_set(error, ERROR_ABSENT, "there is no job %s in the archive of %s", word,
                  archive->spool->path);
    } else if (search.count > 1) {
        error_set(error, ERROR_DATA, "%s is the beginning of several IDs: give more digits", word);
    }
    *id = search.found;
    return search.count == 1 ? 0 : -1;
}

int archive_find(struct archive *archive, const char *word, struct id *id, unsigned *version,
                 struct error *error)
{
    char *text = xstrdup(word);
    int result = 0;

    if (!locate_cut_version(text, version)) {
        error_set(error, ERROR_USAGE, "%s: a version is written @v1", word);
        result = -1;
    } else if (!id_read(text, id)) {
        result = search_indexes(archive, text, id, error);
    }
    free(text);
    return result;
}

/* --- reading it ---------------------------------------------------------------------------------------- */

struct fetching {
    struct archive *archive;
    const struct id *id;
    unsigned version;
    struct bundle *bundle;
    struct error *error;
    bool found;  /* the bundle is read */
    bool failed; /* it was there and is damaged */
};

static bool has_version(const struct bundle *bundle, unsigned version)
{
    const struct bundle_file *file = version != 0 ? bundle_record(bundle, version) : bundle->files;

    return file != NULL && (version == 0 || file->entry.kind == ENTRY_OUTPUT);
}

/* A bundle was read, or could not be. Returns whether the search is over. */
static bool settle(struct fetching *fetching, int result)
{
    fetching->failed = result < 0;
    if (result == 0 && has_version(fetching->bundle, fetching->version)) {
        fetching->found = true;
    } else if (result == 0) {
        bundle_clear(fetching->bundle);
    }
    return fetching->found || fetching->failed;
}

/* Reads it as the index of its volume says. Returns whether the search is over; else, where the volume
 * could not be searched, *trouble tells why (ERROR_NONE: it was). */
static bool fetch_indexed(struct fetching *fetching, const struct volume *volume,
                          struct error *trouble)
{
    struct index_unit unit = {0};
    struct units *units = units_open(volume, trouble);
    bool over = false;

    while (!over && units_next(units, &unit, trouble) == 1) {
        if (id_equal(&unit.id, fetching->id)) {
            over = settle(fetching, units_read(units, &unit, fetching->bundle, fetching->error));
        }
    }
    index_unit_clear(&unit);
    units_close(units);
    return over;
}

static struct volume *open_path(const struct fetching *fetching, const char *path)
{
    for (size_t i = 0; i < fetching->archive->count; i++) {
        if (strcmp(fetching->archive->volumes[i].path, path) == 0) {
            return archive_volume(fetching->archive, i, fetching->error);
        }
    }
    error_set(fetching->error, ERROR_ABSENT,
              "the volume %s is not in the archive: put it back, or run " ARCHIVE_PROGRAM " reindex",
              path);
    return NULL;
}

static bool fetch_by_ids(struct fetching *fetching)
{
    const struct archive *archive = fetching->archive;
    struct archived archived;
    bool over = false;

    for (size_t i = 0; !over && ids_find(archive->ids, fetching->id, i, &archived); i++) {
        struct volume *volume = open_path(fetching, archived.volume);

        if (volume == NULL) {
            fetching->failed = true;
            return true;
        }
        over = settle(fetching,
                      volume_archived(volume, &archived, fetching->bundle, fetching->error));
        /* The volume may have been rewritten, and archive/ids not yet. */
        if (fetching->failed) {
            struct error trouble;

            over = fetch_indexed(fetching, volume, &trouble) || fetching->failed;
        }
        volume_close(volume);
    }
    return over;
}

/* Volumes that archive/ids does not know, or all when there is none. */
static void fetch_by_indexes(struct fetching *fetching)
{
    struct archive *archive = fetching->archive;
    bool over = false;

    fprintf(stderr, "%s: archive/ids does not know all volumes: looking into their indexes\n",
            ARCHIVE_PROGRAM);
    for (size_t i = archive->count; i-- > 0 && !over;) {
        struct error trouble;
        struct volume *volume;

        if (archive->ids != NULL &&
            ids_volume_find(archive->ids, archive->volumes[i].path) != SIZE_MAX) {
            continue;
        }
        volume = archive_volume(archive, i, &trouble);
        if (volume != NULL) {
            over = fetch_indexed(fetching, volume, &trouble);
            volume_close(volume);
        }
        if (!over && trouble.kind != ERROR_NONE) {
            archive_complain(archive, &trouble);
        }
    }
}

int archive_fetch(struct archive *archive, const struct id *id, unsigned version,
                  struct bundle *bundle, struct error *error)
{
    struct fetching fetching = {
        .archive = archive, .id = id, .version = version, .bundle = bundle, .error = error};
    char shown[ID_SHORT_SIZE];
    bool over = archive->ids != NULL && fetch_by_ids(&fetching);

    if (!over && archive->count > 0 && (archive->ids == NULL || archive->unknown > 0)) {
        fetch_by_indexes(&fetching);
    }
    if (!fetching.found && !fetching.failed) {
        id_write_short(id, shown);
        if (version != 0) {
            error_set(error, ERROR_ABSENT, "there is no version %u of %s in the archive", version,
                      shown);
        } else {
            error_set(error, ERROR_ABSENT, "there is no job %s in the archive of %s", shown,
                      archive->spool->path);
        }
    }
    return fetching.found ? 0 : -1;
}
