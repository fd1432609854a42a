/* SPDX-License-Identifier: GPL-2.0-or-later */
/* manifest: MANIFEST.jsonl, the first entry of a volume. */
#include "retain/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "retain/lines.h"
#include "retain/walk.h"

struct manifest {
    struct lines lines;
    json_t *line; /* read and not asked for yet, or NULL */
};

/* Finds out how long it is. */
static int measure(int fd, uint64_t *size, struct error *error)
{
    struct walk *walk = walk_open(fd, 0, 0, FRAMES_ALL);
    struct walk_entry entry;
    int result = walk_next(walk, &entry, error);

    if (result == 1 && entry.manifest) {
        *size = entry.size;
    } else if (result >= 0) {
        error_set(error, ERROR_DATA, "the volume does not begin with its manifest");
        result = -1;
    }
    walk_close(walk);
    return result;
}

struct manifest *manifest_open(int fd, struct error *error)
{
    struct manifest *manifest;
    uint64_t size;

    if (measure(fd, &size, error) < 0 ||
        frames_pass(fd, INDEX_BLOCK + size, true, error) < 0) {
        return NULL;
    }
    manifest = xcalloc(1, sizeof *manifest);
    lines_begin(&manifest->lines, frames_open(fd, 0, INDEX_BLOCK, size, true));
    return manifest;
}

void manifest_close(struct manifest *manifest)
{
    if (manifest != NULL) {
        json_decref(manifest->line);
        lines_end(&manifest->lines);
        free(manifest);
    }
}

/* Sees to it that there is a line. Returns 1, 0 at the end, -1. */
static int look(struct manifest *manifest, struct error *error)
{
    int result = manifest->line != NULL
                     ? 1
                     : lines_object(&manifest->lines, &manifest->line, error);

    if (result < 0) {
        error_prefix(error, "the manifest");
    }
    return result;
}

static void pass(struct manifest *manifest)
{
    json_decref(manifest->line);
    manifest->line = NULL;
}

/* A text of the manifest, or of the index, where the model may be an object. */
static const char *text_of(const json_t *line, const char *key)
{
    const json_t *value = json_object_get(line, key);

    return json_is_object(value) ? jsontext_get_text(value, "asked", "")
                                 : jsontext_get_text(line, key, "");
}

static bool same_text(const json_t *line, const struct index_unit *unit, const char *key)
{
    return strcmp(text_of(line, key), text_of(unit->line, key)) == 0;
}

static bool line_fits(const json_t *line, const struct index_unit *unit, size_t number)
{
    const struct index_file *file = &unit->files[number];
    char name[INDEX_NAME_SIZE], id[ID_TEXT_SIZE], hex[SHA256_HEX_SIZE];
    struct wall finished;

    index_name_write(unit->folder, &file->entry, name);
    id_write(&unit->id, id);
    hex_write(file->sha256, SHA256_SIZE, hex);
    return strcmp(jsontext_get_text(line, "name", ""), name) == 0 &&
           jsontext_get_int(line, "size", -1) == (json_int_t)file->size &&
           strcmp(jsontext_get_text(line, "sha256", ""), hex) == 0 &&
           strcmp(jsontext_get_text(line, "id", ""), id) == 0 && same_text(line, unit, "model") &&
           same_text(line, unit, "user") &&
           timetext_read(jsontext_get_text(line, "finished", ""), &finished) == 0 &&
           finished.ms == unit->finished_ms;
}

int manifest_file(struct manifest *manifest, const struct index_unit *unit, size_t number,
                  struct error *error)
{
    int result = look(manifest, error);
    char name[INDEX_NAME_SIZE];

    if (result < 0) {
        return -1;
    }
    if (result == 0 || !line_fits(manifest->line, unit, number)) {
        index_name_write(unit->folder, &unit->files[number].entry, name);
        error_set(error, ERROR_DATA, "%s is not what the manifest says", name);
        return -1;
    }
    pass(manifest);
    return 0;
}

int manifest_unit(struct manifest *manifest, const struct index_unit *unit, struct error *error)
{
    char id[ID_TEXT_SIZE];
    int result;

    id_write(&unit->id, id);
    while ((result = look(manifest, error)) == 1 &&
           strcmp(jsontext_get_text(manifest->line, "id", ""), id) < 0) {
        pass(manifest);
    }
    for (size_t i = 0; i < unit->count && result >= 0; i++) {
        result = manifest_file(manifest, unit, i, error);
    }
    return result < 0 ? -1 : 0;
}

int manifest_end(struct manifest *manifest, struct error *error)
{
    int result = look(manifest, error);

    if (result == 1) {
        error_set(error, ERROR_DATA, "the manifest has more files than the volume");
    }
    return result == 0 ? 0 : -1;
}
