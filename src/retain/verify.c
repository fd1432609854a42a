/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verify: is a volume whole. */
#include "retain/verify.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "base/xalloc.h"
#include "retain/manifest.h"
#include "retain/volume.h"
#include "retain/walk.h"
#include "spool/file.h"

enum { DIGESTS_LIMIT = 4096 };

struct verification {
    struct volume *volume;
    struct index *index;
    enum verify_depth depth;
    void (*finding)(void *context, const char *sentence);
    void *context;
    size_t findings;
    unsigned char digest[SHA256_SIZE]; /* of the volume */
    struct manifest *manifest;
    struct index_unit unit; /* that the entries are of */
    size_t seen;            /* its entries so far */
    struct buffer content;  /* of the entry */
    json_t *record;         /* of the unit: its newest good output, or what is nearest to that */
    int64_t first_ms;
    int64_t last_ms;
};

static void find(struct verification *v, const char *where, const struct error *error)
{
    char *sentence = xasprintf("%s: %s", where, error->text);

    v->finding(v->context, sentence);
    v->findings++;
    free(sentence);
}

static int wrong(const struct walk_entry *entry, const char *what, struct error *error)
{
    error_set(error, ERROR_DATA, "%s %s", entry->name, what);
    return -1;
}

/* --- the digests --------------------------------------------------------------------------------------- */

static int digest_file(int fd, unsigned char digest[SHA256_SIZE], struct error *error)
{
    int result = file_digest(fd, digest);

    if (result < 0) {
        error_system(error, -result, "cannot be read");
    }
    return result < 0 ? -1 : 0;
}

/* A line of sha256sum(1). */
static void expect_line(struct buffer *text, const unsigned char *digest, const char *name,
                        const char *suffix)
{
    char hex[SHA256_HEX_SIZE];
    size_t stem = strlen(name) - strlen(VOLUME_SUFFIX);

    hex_write(digest, SHA256_SIZE, hex);
    buffer_printf(text, "%s  %.*s%s\n", hex, (int)stem, name, suffix);
}

/* Whether the text of STEM.sha256 is what the two files make it. */
static int judge_digests(const struct verification *v, const struct buffer *told, int index,
                         struct error *error)
{
    unsigned char digest[SHA256_SIZE];
    struct buffer due = {0};
    size_t half;
    int result = digest_file(index, digest, error);

    if (result == 0) {
        expect_line(&due, v->digest, v->volume->name, VOLUME_SUFFIX);
        half = due.length;
        expect_line(&due, digest, v->volume->name, VOLUME_INDEX_SUFFIX);
        if (told->length != due.length) {
            result = -1;
            error_set(error, ERROR_DATA, "it is not two lines for this volume and its index");
        } else if (memcmp(told->bytes, due.bytes, due.length) != 0) {
            result = -1;
            error_set(error, ERROR_DATA, "its line for the %s does not fit: one of them was changed",
                      memcmp(told->bytes, due.bytes, half) != 0 ? "volume" : "index");
        }
    }
    buffer_free(&due);
    return result;
}

static void verify_digests(struct verification *v)
{
    struct error error;
    struct buffer told = {0};
    int fd = volume_beside(v->volume, VOLUME_DIGESTS_SUFFIX, &error);
    int index = fd >= 0 ? volume_beside(v->volume, VOLUME_INDEX_SUFFIX, &error) : -1;
    int result = index >= 0 ? digest_file(v->volume->fd, v->digest, &error) : -1;

    if (result == 0) {
        int read = file_read(fd, DIGESTS_LIMIT, &told);

        if (read < 0) {
            error_system(&error, -read, "cannot be read");
            result = -1;
        } else {
            result = judge_digests(v, &told, index, &error);
        }
    }
    if (result < 0) {
        find(v, "the digests", &error);
    }
    buffer_free(&told);
    if (fd >= 0) {
        close(fd);
    }
    if (index >= 0) {
        close(index);
    }
}

/* --- the entries --------------------------------------------------------------------------------------- */

/* Begins the next job of the index. */
static int begin_unit(struct verification *v, const struct walk_entry *entry, struct error *error)
{
    int result = index_next(v->index, &v->unit, error);

    if (result < 0) {
        error_prefix(error, "the index");
        return -1;
    }
    if (result == 0) {
        return wrong(entry, "is not in the index", error);
    }
    if (v->unit.frame != entry->place.frame || v->unit.at != entry->place.at ||
        v->unit.length > entry->place.left) {
        return wrong(entry, "is not in the frame and at the place that the index says", error);
    }
    v->seen = 0;
    json_decref(v->record);
    v->record = NULL;
    if (v->first_ms == 0 || v->unit.finished_ms < v->first_ms) {
        v->first_ms = v->unit.finished_ms;
    }
    if (v->unit.finished_ms > v->last_ms) {
        v->last_ms = v->unit.finished_ms;
    }
    return 0;
}

static int verify_place(struct verification *v, const struct walk_entry *entry,
                        const unsigned char *digest, struct error *error)
{
    const struct index_file *file = &v->unit.files[v->seen];

    if (file->entry.kind != entry->entry.kind || file->entry.version != entry->entry.version ||
        !id_equal(&file->entry.id, &entry->entry.id) || v->unit.folder != entry->folder ||
        file->size != entry->size || memcmp(file->sha256, digest, SHA256_SIZE) != 0) {
        return wrong(entry, "is not what the index says", error);
    }
    if (entry->mtime != v->unit.finished_ms / 1000) {
        return wrong(entry, "has another time than the job's end", error);
    }
    return 0;
}

/* The record that a job's line in the index tells of: the newest good output, or the newest at all. */
static void keep_record(struct verification *v, json_t *document)
{
    bool good = strcmp(jsontext_get_text(document, "status", ""), "completed") == 0;
    bool had = strcmp(jsontext_get_text(v->record, "status", ""), "completed") == 0;

    if (good || !had) {
        json_decref(v->record);
        v->record = json_incref(document);
    }
}

static bool is_own_key(const char *key)
{
    static const char *const keys[] = {"id",    "state", "version", "frame",   "at",
                                       "files", "type",  "length",  "finished"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether what the index tells of a job is in its record. */
static int verify_told(const struct verification *v, const struct walk_entry *entry,
                       struct error *error)
{
    const char *key;
    json_t *value;

    json_object_foreach(v->unit.line, key, value)
    {
        if (!is_own_key(key) && !json_equal(value, json_object_get(v->record, key))) {
            error_set(error, ERROR_DATA, "%s: the index says another %s", entry->name, key);
            return -1;
        }
    }
    return 0;
}

static int verify_content(struct verification *v, const struct walk_entry *entry,
                          struct error *error)
{
    json_t *document = v->content.length > 0 ? jsontext_read_object(v->content.bytes,
                                                                    v->content.length, NULL)
                                             : NULL;
    const char *flaw = bundle_flaw(&entry->entry, document);
    const char *type = jsontext_get_text(v->unit.line, "type", "");
    int result = 0;

    if (flaw != NULL) {
        result = wrong(entry, flaw, error);
    } else if (entry->entry.kind != ENTRY_JOB) {
        keep_record(v, document);
    } else if (strcmp(type, jsontext_get_text(document, "type", "chat")) != 0) {
        result = wrong(entry, "has another type than the index says", error);
    }
    if (result == 0 && v->seen + 1 == v->unit.count) {
        result = verify_told(v, entry, error);
    }
    json_decref(document);
    return result;
}

static int read_content(struct verification *v, struct walk *walk, unsigned char *digest,
                        struct error *error)
{
    const void *bytes;
    ssize_t count;

    buffer_clear(&v->content);
    while ((count = walk_data(walk, &bytes, error)) > 0) {
        buffer_append(&v->content, bytes, (size_t)count);
    }
    sha256_digest(v->content.length > 0 ? v->content.bytes : "", v->content.length, digest);
    return (int)count;
}

static int verify_entry(struct verification *v, struct walk *walk, const struct walk_entry *entry,
                        struct error *error)
{
    unsigned char digest[SHA256_SIZE];

    if (v->seen == v->unit.count && begin_unit(v, entry, error) < 0) {
        return -1;
    }
    if (read_content(v, walk, digest, error) < 0 || verify_place(v, entry, digest, error) < 0) {
        return -1;
    }
    if (manifest_file(v->manifest, &v->unit, v->seen, error) < 0 ||
        (v->depth == VERIFY_CONTENT && verify_content(v, entry, error) < 0)) {
        return -1;
    }
    v->seen++;
    return 0;
}

/* --- the whole ----------------------------------------------------------------------------------------- */

/* Behind the last entry manifest and index have nothing left, and the head has told the truth. */
static int verify_end(struct verification *v, struct error *error)
{
    const struct index_head *head = index_head(v->index);

    if (v->seen != v->unit.count) {
        error_set(error, ERROR_DATA, "the last job is not whole");
        return -1;
    }
    switch (index_next(v->index, &v->unit, error)) {
    case 1:
        error_set(error, ERROR_DATA, "the index has more jobs than the volume");
        return -1;
    case 0:
        break;
    default:
        error_prefix(error, "the index");
        return -1;
    }
    if (manifest_end(v->manifest, error) < 0) {
        return -1;
    }
    if (head->first_ms != v->first_ms || head->last_ms != v->last_ms) {
        error_set(error, ERROR_DATA, "the index says other times of the first and the last job");
        return -1;
    }
    return 0;
}

static int verify_entries(struct verification *v, struct walk *walk, struct error *error)
{
    struct walk_entry entry;
    const void *bytes;
    ssize_t count;
    int result = walk_next(walk, &entry, error);
    bool first = true;

    v->manifest = result == 1 ? manifest_open(v->volume->fd, error) : NULL;
    if (v->manifest == NULL) {
        return result == 0 ? wrong(&(struct walk_entry){.name = "it"}, "is empty", error) : -1;
    }
    while ((count = walk_data(walk, &bytes, error)) > 0) {
    }
    if (count < 0) {
        return -1;
    }
    while ((result = walk_next(walk, &entry, error)) == 1) {
        if (entry.manifest || (first && entry.place.at != 0)) {
            return wrong(&entry, "is not the manifest, and alone in its frames", error);
        }
        first = false;
        if (verify_entry(v, walk, &entry, error) < 0) {
            return -1;
        }
    }
    return result == 0 ? verify_end(v, error) : -1;
}

static void verify_volume(struct verification *v)
{
    struct walk *walk = walk_open(v->volume->fd, 0, 0, FRAMES_ALL);
    struct error error;

    if (verify_entries(v, walk, &error) < 0) {
        find(v, "the volume", &error);
    }
    walk_close(walk);
    manifest_close(v->manifest);
    index_unit_clear(&v->unit);
    buffer_free(&v->content);
    json_decref(v->record);
}

static void verify_all(struct verification *v)
{
    struct error error;

    verify_digests(v);
    v->index = volume_index(v->volume, &error);
    if (v->index == NULL) {
        find(v, "the index", &error);
        return;
    }
    if (v->findings == 0 &&
        memcmp(index_head(v->index)->sha256, v->digest, sizeof v->digest) != 0) {
        error_set(&error, ERROR_DATA, "its first line says another SHA-256 of the volume");
        find(v, "the index", &error);
    }
    verify_volume(v);
    index_close(v->index);
}

size_t volume_verify(int dir, const char *stem, const char *name, enum verify_depth depth,
                     void (*finding)(void *context, const char *sentence), void *context)
{
    struct verification v = {.depth = depth, .finding = finding, .context = context};
    struct error error;

    v.volume = volume_open(dir, stem, name, &error);
    if (v.volume == NULL) {
        find(&v, "the volume", &error);
        return v.findings;
    }
    verify_all(&v);
    volume_close(v.volume);
    return v.findings;
}
