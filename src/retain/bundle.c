/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bundle: the files of one job, read from a volume and judged. */
#include "retain/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "job/job.h"
#include "job/record.h"
#include "retain/walk.h"

enum { CACHE_LIMIT = 8 << 20 }; /* bytes of the largest frame that is kept */

const char *bundle_flaw(const struct entry *entry, const json_t *document)
{
    struct id found;

    if (document == NULL) {
        return "is no JSON object";
    }
    switch (entry->kind) {
    case ENTRY_JOB:
        job_identity(document, &found);
        return id_equal(&found, &entry->id) ? NULL : "has the content of another job";
    case ENTRY_OUTPUT:
        return record_output_is(document, &entry->id, entry->version)
                   ? NULL
                   : "is not the output that its name says, or was changed";
    default:
        return id_read(jsontext_get_text(document, "id", ""), &found) &&
                       id_equal(&found, &entry->id)
                   ? NULL
                   : "is the error file of another job";
    }
}

/* --- reading ------------------------------------------------------------------------------------------- */

static int wrong(const struct walk_entry *entry, const char *what, struct error *error)
{
    error_set(error, ERROR_DATA, "%s %s", entry->name, what);
    return -1;
}

/* Whether an entry may follow those that the bundle has. */
static bool belongs(const struct bundle *bundle, const struct walk_entry *entry)
{
    const struct bundle_file *last = bundle->count > 0 ? &bundle->files[bundle->count - 1] : NULL;

    if (entry->manifest) {
        return false;
    }
    if (last == NULL) {
        return entry->entry.kind == ENTRY_JOB;
    }
    if (entry->folder != bundle->folder || !id_equal(&entry->entry.id, &bundle->id)) {
        return false;
    }
    return entry->entry.kind == ENTRY_OUTPUT ? entry->entry.version > last->entry.version
                                             : entry->entry.kind == ENTRY_ERROR && bundle->count == 1;
}

static int read_content(struct walk *walk, struct bundle *bundle, struct error *error)
{
    const void *bytes;
    ssize_t count;

    while ((count = walk_data(walk, &bytes, error)) > 0) {
        buffer_append(&bundle->content, bytes, (size_t)count);
    }
    return (int)count;
}

static int read_entry(struct walk *walk, const struct walk_entry *entry, struct bundle *bundle,
                      struct error *error)
{
    struct bundle_file *file;
    const char *flaw;

    if (!belongs(bundle, entry)) {
        return wrong(entry, "is not what should be there", error);
    }
    bundle->id = entry->entry.id;
    bundle->folder = entry->folder;
    bundle->highest = entry->entry.version;
    bundle->files = xrealloc(bundle->files, (bundle->count + 1) * sizeof *bundle->files);
    file = &bundle->files[bundle->count++];
    *file = (struct bundle_file){
        .entry = entry->entry, .offset = bundle->content.length, .length = (size_t)entry->size};
    if (read_content(walk, bundle, error) < 0) {
        return -1;
    }
    if (file->length > 0) {
        file->document =
            jsontext_read_object(bundle->content.bytes + file->offset, file->length, NULL);
    }
    flaw = bundle_flaw(&file->entry, file->document);
    return flaw == NULL ? 0 : wrong(entry, flaw, error);
}

static int read_entries(struct walk *walk, struct bundle *bundle, struct error *error)
{
    struct walk_entry entry;
    int result;

    while ((result = walk_next(walk, &entry, error)) == 1) {
        if (read_entry(walk, &entry, bundle, error) < 0) {
            return -1;
        }
    }
    if (result == 0 && bundle->count < 2) {
        error_set(error, ERROR_DATA, "there is no whole job");
        return -1;
    }
    return result == 0 ? walk_finish(walk, error) : -1;
}

/* Reads a frame into the cache. Returns 1; 0 when it is too large for that; -1. */
static int fill_cache(int fd, uint64_t frame, struct bundle_cache *cache, struct error *error)
{
    struct frames *frames = frames_open(fd, frame, 0, FRAMES_ALL, true);
    struct frames_place place;
    const void *bytes;
    ssize_t count = frames_next(frames, &bytes, error);
    uint64_t size = count > 0 && frames_find(frames, 0, &place) ? place.left : 0;

    cache->filled = false;
    cache->frame = frame;
    buffer_clear(&cache->content);
    while (count > 0 && size <= CACHE_LIMIT) {
        buffer_append(&cache->content, bytes, (size_t)count);
        if (cache->content.length >= size) {
            count = frames_finish(frames, error);
            cache->filled = count == 0;
            break;
        }
        count = frames_next(frames, &bytes, error);
    }
    frames_close(frames);
    return count < 0 ? -1 : cache->filled;
}

/* Begins to walk through the entries of a job, in the cache when its frame fits into that. NULL with an
 * error. */
static struct walk *begin(int fd, uint64_t frame, uint64_t at, uint64_t length,
                          struct bundle_cache *cache, struct error *error)
{
    int cached = cache != NULL && cache->filled && cache->frame == frame;

    if (cache != NULL && !cached) {
        cached = fill_cache(fd, frame, cache, error);
    }
    if (cached < 0) {
        return NULL;
    }
    if (cached == 0) {
        return walk_open(fd, frame, at, length);
    }
    if (at > cache->content.length || length > cache->content.length - at) {
        error_set(error, ERROR_DATA, "its frame is shorter than the index says");
        return NULL;
    }
    return walk_open_bytes(cache->content.bytes + at, (size_t)length);
}

int bundle_read(int fd, uint64_t frame, uint64_t at, uint64_t length, struct bundle_cache *cache,
                struct bundle *bundle, struct error *error)
{
    struct walk *walk;
    int result;

    *bundle = (struct bundle){0};
    if (length > INDEX_UNIT_LIMIT || length < 2 * INDEX_BLOCK) {
        error_set(error, ERROR_DATA, "no job has %llu bytes in an archive",
                  (unsigned long long)length);
        return -1;
    }
    walk = begin(fd, frame, at, length, cache, error);
    result = walk != NULL ? read_entries(walk, bundle, error) : -1;
    walk_close(walk);
    if (result < 0) {
        bundle_clear(bundle);
    }
    return result;
}

/* --- judging ------------------------------------------------------------------------------------------- */

const char *bundle_bytes(const struct bundle *bundle, size_t number)
{
    return bundle->content.bytes + bundle->files[number].offset;
}

static int differs(const char *from, struct error *error)
{
    error_set(error, ERROR_DATA, "it is not what %s says", from);
    return -1;
}

int bundle_fits_unit(const struct bundle *bundle, const struct index_unit *unit,
                     struct error *error)
{
    unsigned char digest[SHA256_SIZE];

    if (bundle->folder != unit->folder || bundle->count != unit->count ||
        !id_equal(&bundle->id, &unit->id)) {
        return differs("the index", error);
    }
    for (size_t i = 0; i < bundle->count; i++) {
        const struct bundle_file *file = &bundle->files[i];

        sha256_digest(bundle_bytes(bundle, i), file->length, digest);
        if (file->entry.kind != unit->files[i].entry.kind ||
            file->entry.version != unit->files[i].entry.version ||
            memcmp(digest, unit->files[i].sha256, sizeof digest) != 0) {
            return differs("the index", error);
        }
    }
    return 0;
}

int bundle_fits_ids(const struct bundle *bundle, const struct archived *archived,
                    struct error *error)
{
    unsigned char digest[SHA256_SIZE];
    size_t last = bundle->count - 1;

    sha256_digest(bundle_bytes(bundle, last), bundle->files[last].length, digest);
    return id_equal(&bundle->id, &archived->id) && bundle->highest == archived->highest &&
                   (bundle->folder == FOLDER_FAILED) == archived->failed &&
                   memcmp(digest, archived->digest, sizeof archived->digest) == 0
               ? 0
               : differs("archive/ids", error);
}

const struct bundle_file *bundle_record(const struct bundle *bundle, unsigned version)
{
    for (size_t i = bundle->count; i-- > 1;) {
        const struct bundle_file *file = &bundle->files[i];
        bool good = strcmp(jsontext_get_text(file->document, "status", ""), "completed") == 0;

        if (file->entry.kind == ENTRY_ERROR ||
            (version == 0 ? good : file->entry.version == version)) {
            return file;
        }
    }
    return version == 0 && bundle->count > 1 ? &bundle->files[bundle->count - 1] : NULL;
}

struct wall bundle_finished(const struct bundle *bundle)
{
    const json_t *newest = bundle->files[bundle->count - 1].document;
    struct wall finished = {0};

    (void)timetext_read(jsontext_get_text(json_object_get(newest, "times"), "finished", ""),
                        &finished);
    return finished;
}

void bundle_clear(struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->count; i++) {
        json_decref(bundle->files[i].document);
    }
    free(bundle->files);
    buffer_free(&bundle->content);
    *bundle = (struct bundle){0};
}
