/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gather: the files of a finished unit as they lie in the spool. */
#include "retain/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "spool/file.h"

static void add_file(struct bundle *bundle, const struct entry *entry, size_t offset)
{
    bundle->files = xrealloc(bundle->files, (bundle->count + 1) * sizeof *bundle->files);
    bundle->files[bundle->count++] = (struct bundle_file){
        .entry = *entry, .offset = offset, .length = bundle->content.length - offset};
}

/* Reads one file behind what the bundle has. Returns 0 or -errno. */
static int read_file(int dir, enum entry_kind kind, unsigned version, struct bundle *bundle,
                     struct stat *status)
{
    struct entry entry = {.kind = kind, .id = bundle->id, .version = version};
    char name[ENTRY_NAME_SIZE];
    size_t offset = bundle->content.length;
    int result;

    entry_write(kind, &bundle->id, version, name);
    result = file_read_at(dir, name, INDEX_FILE_LIMIT, &bundle->content, status);
    if (result == 0) {
        add_file(bundle, &entry, offset);
    }
    return result;
}

/* The outputs; a number that is missing between them is none. */
static int read_outputs(const struct spool *spool, struct bundle *bundle)
{
    unsigned version, highest;
    int result = unit_versions(spool, &bundle->id, &version, &highest);

    for (; result == 0 && version > 0 && version <= highest; version++) {
        result = read_file(spool->dir[FOLDER_DONE], ENTRY_OUTPUT, version, bundle, NULL);
        if (result == -ENOENT) {
            result = 0;
        }
        if (bundle->content.length > INDEX_UNIT_LIMIT / 2) {
            result = -EFBIG;
        }
    }
    return result;
}

/* Reads all. What was there before and after as the same inode had not been deleted between, since
 * that begins with renaming it. Returns 0 or -errno. */
static int read_all(const struct spool *spool, enum folder folder, const struct id *id,
                    struct bundle *bundle)
{
    int dir = spool->dir[folder];
    char name[ENTRY_NAME_SIZE];
    struct stat before, after;
    int result;

    *bundle = (struct bundle){.id = *id, .folder = folder};
    result = read_file(dir, ENTRY_JOB, 0, bundle, &before);
    if (result == 0) {
        result = folder == FOLDER_DONE ? read_outputs(spool, bundle)
                                       : read_file(dir, ENTRY_ERROR, 0, bundle, NULL);
    }
    entry_write(ENTRY_JOB, id, 0, name);
    if (fstatat(dir, name, &after, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    if (result == 0 && !file_same(&before, &after)) {
        return -ENOENT;
    }
    /* The job is there: what is missing beside it is damage. */
    result = result == -ENOENT ? -ENODATA : result;
    if (result == 0) {
        bundle->highest = bundle->files[bundle->count - 1].entry.version;
    }
    return result;
}

static int refuse(const struct bundle *bundle, const struct entry *entry, const char *why,
                  struct error *error)
{
    char name[INDEX_NAME_SIZE];

    index_name_write(bundle->folder, entry, name);
    error_set(error, ERROR_DATA, "%s %s: it is not archived (llmspool-check tells more)", name, why);
    return -1;
}

static int judge(struct bundle *bundle, struct error *error)
{
    if (bundle->count < 2) {
        return refuse(bundle, &bundle->files[0].entry, "has no output", error);
    }
    for (size_t i = 0; i < bundle->count; i++) {
        struct bundle_file *file = &bundle->files[i];
        const char *flaw;

        file->document = file->length > 0
                             ? jsontext_read_object(bundle_bytes(bundle, i), file->length, NULL)
                             : NULL;
        flaw = bundle_flaw(&file->entry, file->document);
        if (flaw != NULL) {
            return refuse(bundle, &file->entry, flaw, error);
        }
    }
    return gather_finished(bundle) > 0
               ? 0
               : refuse(bundle, &bundle->files[bundle->count - 1].entry,
                        "does not say when it finished", error);
}

static int complain(const struct bundle *bundle, int problem, struct error *error)
{
    struct entry job = {.kind = ENTRY_JOB, .id = bundle->id};
    char name[INDEX_NAME_SIZE];

    if (problem == -ENODATA) {
        return refuse(bundle, &job, "has no output or error file", error);
    }
    if (problem == -EFBIG) {
        return refuse(bundle, &job, "is larger than an archive takes", error);
    }
    index_name_write(bundle->folder, &job, name);
    error_system(error, -problem, "cannot read %s", name);
    return -1;
}

int gather_unit(const struct spool *spool, enum folder folder, const struct id *id,
                struct bundle *bundle, struct error *error)
{
    int result = read_all(spool, folder, id, bundle);

    if (result == -ENOENT) {
        result = 1;
    } else if (result < 0) {
        result = complain(bundle, result, error);
    } else {
        result = judge(bundle, error);
    }
    if (result != 0) {
        bundle_clear(bundle);
    }
    return result;
}

int64_t gather_finished(const struct bundle *bundle)
{
    const json_t *newest = bundle->files[bundle->count - 1].document;
    const char *text = jsontext_get_text(json_object_get(newest, "times"), "finished", "");
    struct wall time;

    return timetext_read(text, &time) == 0 ? time.ms : 0;
}

static bool is_in(const struct bundle *bundle, size_t number, const struct index_unit *archived)
{
    const struct bundle_file *file = &bundle->files[number];
    unsigned char digest[SHA256_SIZE];

    for (size_t i = 0; i < archived->count; i++) {
        const struct index_file *other = &archived->files[i];

        if (other->entry.kind == file->entry.kind && other->entry.version == file->entry.version) {
            sha256_digest(file->length > 0 ? bundle_bytes(bundle, number) : "", file->length,
                          digest);
            return other->size == file->length &&
                   memcmp(digest, other->sha256, sizeof digest) == 0;
        }
    }
    return false;
}

int gather_contained(const struct unit *unit, const struct index_unit *archived)
{
    struct bundle bundle;
    int result = read_all(unit->spool, unit->folder, &unit->id, &bundle);

    if (result == 0) {
        result = bundle.folder == archived->folder && bundle.highest == archived->version &&
                 id_equal(&bundle.id, &archived->id);
    }
    for (size_t i = 0; result == 1 && i < bundle.count; i++) {
        result = is_in(&bundle, i, archived);
    }
    bundle_clear(&bundle);
    return result == -ENOENT || result == -ENODATA ? 0 : result;
}
