/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_find: see batch_find.h.
 */
#include "daemon/batch_find.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "retain/finished.h"
#include "retain/ids.h"
#include "retain/volume.h"
#include "spool/file.h"

struct batch_finder {
    const struct spool *spool;
    struct ids *ids; /* opened when the first job is in no folder */
    struct volume *volume;
    char *volume_path; /* of volume */
    json_t *archived_job; /* of the last one that was found in the archive */
};

struct batch_finder *batch_finder_new(const struct spool *spool)
{
    struct batch_finder *finder = xcalloc(1, sizeof *finder);

    finder->spool = spool;
    return finder;
}

void batch_finder_free(struct batch_finder *finder)
{
    ids_close(finder->ids);
    volume_close(finder->volume);
    free(finder->volume_path);
    json_decref(finder->archived_job);
    free(finder);
}

static bool is_open(const struct batch_finder *finder, const struct id *id)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, id, 0, name);
    return faccessat(finder->spool->dir[FOLDER_CUR], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Of a unit of done/ or failed/. */
static enum batch_found find_in(const struct batch_finder *finder, enum folder folder,
                                const struct id *id, json_t **record, struct error *error)
{
    struct finished finished;
    char shown[ID_SHORT_SIZE];
    int result = finished_read(finder->spool, folder, id, false, &finished);

    if (result == -ENOENT)
        return BATCH_FOUND_NONE;
    id_write_short(id, shown);
    if (result < 0) {
        error_system(error, -result, "%s/%s cannot be read", folder_name(folder), shown);
        return BATCH_FOUND_ERROR;
    }
    *record = json_incref(finished.record);
    finished_clear(&finished);
    if (*record != NULL)
        return folder == FOLDER_DONE ? BATCH_FOUND_DONE : BATCH_FOUND_FAILED;
    error_set(error, ERROR_DATA, "the record of %s in %s/ cannot be read; llmspool-check tells more",
              shown, folder_name(folder));
    return BATCH_FOUND_ERROR;
}

static enum batch_found find_in_folders(const struct batch_finder *finder, const struct id *id,
                                        json_t **record, struct error *error)
{
    enum batch_found found = BATCH_FOUND_OPEN;

    if (is_open(finder, id))
        return found;
    found = find_in(finder, FOLDER_FAILED, id, record, error);
    if (found == BATCH_FOUND_NONE)
        found = find_in(finder, FOLDER_DONE, id, record, error);
    return found;
}

/* The volume at a path below archive/; the last one stays open. */
static struct volume *open_volume(struct batch_finder *finder, const char *path,
                                  struct error *error)
{
    size_t length = strlen(path);
    size_t end = sizeof VOLUME_SUFFIX - 1;
    char *stem;

    if (finder->volume_path != NULL && strcmp(finder->volume_path, path) == 0)
        return finder->volume;
    volume_close(finder->volume);
    free(finder->volume_path);
    finder->volume_path = xstrdup(path);
    stem = xstrndup(path, length > end ? length - end : length);
    finder->volume = volume_open(finder->spool->dir[FOLDER_ARCHIVE], stem, NULL, error);
    free(stem);
    if (finder->volume == NULL) {
        free(finder->volume_path);
        finder->volume_path = NULL;
    }
    return finder->volume;
}

static enum batch_found find_in_archive(struct batch_finder *finder, const struct id *id,
                                        json_t **record, struct error *error)
{
    struct archived archived;
    struct bundle bundle = {0};
    const struct bundle_file *file;
    struct volume *volume;

    if (finder->ids == NULL)
        finder->ids = ids_open(finder->spool, error);
    if (finder->ids == NULL)
        return BATCH_FOUND_ERROR;
    if (!ids_find(finder->ids, id, 0, &archived))
        return BATCH_FOUND_NONE;
    volume = open_volume(finder, archived.volume, error);
    if (volume == NULL || volume_archived(volume, &archived, &bundle, error) < 0)
        return BATCH_FOUND_ERROR;
    file = bundle_record(&bundle, 0);
    *record = json_incref(file != NULL ? file->document : NULL);
    finder->archived_job = json_incref(bundle.files[0].document);
    bundle_clear(&bundle);
    return *record == NULL   ? BATCH_FOUND_NONE
           : archived.failed ? BATCH_FOUND_FAILED
                             : BATCH_FOUND_DONE;
}

/* A job may move while it is looked for: once more before it is said to be nowhere. */
enum batch_found batch_find(struct batch_finder *finder, const struct id *id, json_t **record,
                            struct error *error)
{
    enum batch_found found = BATCH_FOUND_NONE;

    *record = NULL;
    json_decref(finder->archived_job);
    finder->archived_job = NULL;
    for (int look = 0; look < 2 && found == BATCH_FOUND_NONE; look++)
        found = find_in_folders(finder, id, record, error);
    if (found == BATCH_FOUND_NONE)
        found = find_in_archive(finder, id, record, error);
    return found;
}

json_t *batch_find_job(struct batch_finder *finder, const struct id *id)
{
    struct buffer text = {0};
    char name[ENTRY_NAME_SIZE];
    json_t *job = NULL;

    if (finder->archived_job != NULL)
        return json_incref(finder->archived_job);
    entry_write(ENTRY_JOB, id, 0, name);
    if (file_read_at(finder->spool->dir[FOLDER_DONE], name, SIZE_MAX, &text, NULL) == 0)
        job = jsontext_read_object(text.bytes, text.length, NULL);
    buffer_free(&text);
    return job;
}
