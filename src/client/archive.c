/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive: the volumes of a spool, for the commands. */
#include "client/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsonpath.h"
#include "base/jsontext.h"
#include "base/xalloc.h"

int archive_open(struct archive *archive, const char *spool, struct error *error)
{
    struct error trouble;
    ssize_t count;

    *archive = (struct archive){.result = EXIT_DONE};
    archive->spool = cli_spool(spool, error);
    if (archive->spool == NULL) {
        return -1;
    }
    archive->ids = ids_open(archive->spool, &trouble);
    if (archive->ids == NULL) {
        error_prefix(&trouble, "the indexes are read instead, which takes longer");
        (void)cli_fail(ARCHIVE_PROGRAM, &trouble);
    }
    count = store_list(archive->spool, &archive->volumes);
    if (count < 0) {
        error_system(error, (int)-count, "cannot list %s/archive", archive->spool->path);
        archive_close(archive);
        return -1;
    }
    archive->count = (size_t)count;
    for (size_t i = 0; i < archive->count && archive->ids != NULL; i++) {
        archive->unknown += ids_volume_find(archive->ids, archive->volumes[i].path) == SIZE_MAX;
    }
    return 0;
}

void archive_close(struct archive *archive)
{
    ids_close(archive->ids);
    free(archive->volumes);
    spool_close(archive->spool);
}

void archive_complain(struct archive *archive, const struct error *error)
{
    fflush(stdout);
    (void)cli_fail(ARCHIVE_PROGRAM, error);
    archive->result = EXIT_SOME_FAILED;
}

static char *stem_of(const char *path)
{
    size_t length = strlen(path), suffix = strlen(VOLUME_SUFFIX);

    if (length > suffix && strcmp(path + length - suffix, VOLUME_SUFFIX) == 0) {
        length -= suffix;
    }
    return xstrndup(path, length);
}

struct volume *archive_volume(const struct archive *archive, size_t number, struct error *error)
{
    char *stem = stem_of(archive->volumes[number].path);
    struct volume *volume =
        volume_open(archive->spool->dir[FOLDER_ARCHIVE], stem, NULL, error);

    free(stem);
    return volume;
}

/* A volume that lies anywhere. */
static struct volume *open_elsewhere(const char *path, int *dir, struct error *error)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? xstrdup(".") : xstrndup(path, (size_t)(slash - path) + 1);
    char *stem = stem_of(slash == NULL ? path : slash + 1);
    struct volume *volume = NULL;

    *dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*dir < 0) {
        error_set(error, ERROR_ABSENT, "there is no volume %s in the archive, and no such file",
                  path);
    } else {
        volume = volume_open(*dir, stem, NULL, error);
    }
    free(folder);
    free(stem);
    return volume;
}

struct volume *archive_named(const struct archive *archive, const char *name, int *dir,
                             struct error *error)
{
    char *wanted = stem_of(name);
    size_t found = SIZE_MAX;

    *dir = -1;
    for (size_t i = 0; i < archive->count; i++) {
        char *stem = stem_of(archive->volumes[i].path);
        const char *slash = strrchr(stem, '/');

        if (strcmp(stem, wanted) == 0 || (slash != NULL && strcmp(slash + 1, wanted) == 0)) {
            found = i;
        }
        free(stem);
    }
    free(wanted);
    return found != SIZE_MAX ? archive_volume(archive, found, error)
                             : open_elsewhere(name, dir, error);
}

/* --- the jobs ------------------------------------------------------------------------------------------ */

struct walk_state {
    struct archive *archive;
    const struct archive_wish *wish;
    const char *path; /* of the volume below archive/, or NULL for one that was named */
    bool newest;
    bool read;
    int (*visit)(void *context, const struct archive_job *job);
    int (*after)(void *context);
    void *context;
    struct wall now;
};

/* Whether a newer volume has the job as well. */
static bool is_old(const struct walk_state *state, const struct index_unit *unit)
{
    struct archived archived;

    return state->newest && state->path != NULL && state->archive->ids != NULL &&
           ids_find(state->archive->ids, &unit->id, 0, &archived) &&
           strcmp(archived.volume, state->path) != 0 &&
           ids_volume_find(state->archive->ids, state->path) != SIZE_MAX;
}

/* Whether the line of the index says all that the selection asks for. */
static bool line_tells(const struct selection *selection, const struct index_unit *unit)
{
    if (unit->line == NULL) {
        return false;
    }
    for (size_t i = 0; i < selection->where_count; i++) {
        if (jsonpath_find(unit->line, selection->where[i].path) == NULL) {
            return false;
        }
    }
    return true;
}

/* What is known of a job when it was read. */
static struct facts bundle_facts(const struct bundle *bundle)
{
    const struct bundle_file *record = bundle_record(bundle, 0);
    const char *word = bundle->folder == FOLDER_DONE
                           ? "completed"
                           : jsontext_get_text(record->document, "status", "failed");

    return (struct facts){.id = &bundle->id,
                          .state = word,
                          .finished_ms = bundle_finished(bundle).ms,
                          .record = record->document,
                          .job = bundle->files[0].document};
}

/* Whether a job is wished, as far as its line tells: what else is asked for is not looked at. */
static bool line_matches(const struct walk_state *state, const struct index_unit *unit)
{
    struct selection selection = state->wish->selection;
    struct facts facts = index_facts(unit);

    if (state->wish->only != NULL && !id_equal(&unit->id, state->wish->only)) {
        return false;
    }
    if (unit->line == NULL) {
        return true;
    }
    if (!line_tells(&selection, unit)) {
        selection.where_count = 0;
    }
    return selection_matches(&selection, &facts, state->now);
}

static int visit_unit(const struct walk_state *state, const struct volume *volume,
                      struct units *units, const struct index_unit *unit)
{
    bool known = line_tells(&state->wish->selection, unit);
    struct bundle bundle = {0};
    struct error error;
    int result = 0;

    if (is_old(state, unit) || !line_matches(state, unit)) {
        return 0;
    }
    if ((state->read || !known) && units_read(units, unit, &bundle, &error) < 0) {
        archive_complain(state->archive, &error);
        return 0;
    }
    if (!known) {
        struct facts facts = bundle_facts(&bundle);

        known = selection_matches(&state->wish->selection, &facts, state->now);
    }
    if (known) {
        result = state->visit(state->context,
                              &(struct archive_job){.volume = volume,
                                                    .unit = unit,
                                                    .bundle = bundle.count > 0 ? &bundle : NULL});
    }
    bundle_clear(&bundle);
    return result;
}

/* Visits the jobs of a volume. Returns what visit returned last, or 0. */
static int visit_volume(const struct walk_state *state, const struct volume *volume)
{
    struct error error;
    struct units *units = units_open(volume, &error);
    struct index_unit unit = {0};
    int result = 0, visited = 0;

    if (error.kind != ERROR_NONE) {
        archive_complain(state->archive, &error);
    }
    while (visited == 0 && (result = units_next(units, &unit, &error)) == 1) {
        visited = visit_unit(state, volume, units, &unit);
    }
    if (result < 0) {
        archive_complain(state->archive, &error);
    }
    index_unit_clear(&unit);
    units_close(units);
    return visited != 0 || state->after == NULL ? visited : state->after(state->context);
}

static int each_named(struct walk_state *state, struct error *error)
{
    const struct archive_wish *wish = state->wish;
    int visited = 0;

    for (size_t i = 0; visited == 0 && i < wish->volume_count; i++) {
        int dir;
        struct volume *volume = archive_named(state->archive, wish->volumes[i], &dir, error);

        if (volume != NULL) {
            visited = visit_volume(state, volume);
            volume_close(volume);
        }
        if (dir >= 0) {
            close(dir);
        }
        if (volume == NULL) {
            return -1;
        }
    }
    return 0;
}

int archive_each(struct archive *archive, const struct archive_wish *wish, bool newest, bool read,
                 int (*visit)(void *context, const struct archive_job *job),
                 int (*after)(void *context), void *context)
{
    struct walk_state state = {.archive = archive,
                               .wish = wish,
                               .newest = newest,
                               .read = read,
                               .visit = visit,
                               .after = after,
                               .context = context,
                               .now = clock_wall(&clock_system)};
    struct error error;
    int visited = 0;

    if (wish->volume_count > 0) {
        if (each_named(&state, &error) < 0) {
            archive->result = cli_fail(ARCHIVE_PROGRAM, &error);
            return -1;
        }
        return 0;
    }
    for (size_t i = archive->count; visited == 0 && i-- > 0;) {
        struct volume *volume = archive_volume(archive, i, &error);

        if (volume == NULL) {
            archive_complain(archive, &error);
            continue;
        }
        state.path = archive->volumes[i].path;
        visited = visit_volume(&state, volume);
        volume_close(volume);
    }
    return 0;
}
