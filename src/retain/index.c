/* SPDX-License-Identifier: GPL-2.0-or-later */
/* index: the index of a volume, read line by line. */
#include "retain/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "retain/lines.h"

struct index {
    int fd;
    struct lines lines;
    struct index_head head;
    uint64_t units; /* read so far */
    uint64_t files;
    struct id last;
};

uint64_t index_entry_size(uint64_t size)
{
    return INDEX_BLOCK + (size + INDEX_BLOCK - 1) / INDEX_BLOCK * INDEX_BLOCK;
}

/* --- names ---------------------------------------------------------------------------------------- */

void index_name_write(enum folder folder, const struct entry *entry, char out[INDEX_NAME_SIZE])
{
    char name[ENTRY_NAME_SIZE];

    entry_write(entry->kind, &entry->id, entry->version, name);
    snprintf(out, INDEX_NAME_SIZE, "%s/%s", folder_name(folder), name);
}

bool index_name_read(const char *name, enum folder *folder, struct entry *entry)
{
    static const enum folder folders[] = {FOLDER_DONE, FOLDER_FAILED};

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        size_t length = strlen(folder_name(folders[i]));

        if (strncmp(name, folder_name(folders[i]), length) == 0 && name[length] == '/') {
            *folder = folders[i];
            *entry = entry_read(name + length + 1);
            return entry->kind == ENTRY_JOB ||
                   entry->kind == (folders[i] == FOLDER_DONE ? ENTRY_OUTPUT : ENTRY_ERROR);
        }
    }
    return false;
}

/* --- values ----------------------------------------------------------------------------------------- */

static int bad(const char *key, struct error *error)
{
    error_set(error, ERROR_DATA, "its %s is missing or wrong", key);
    return -1;
}

static int read_number(const json_t *line, const char *key, uint64_t limit, uint64_t *number,
                       struct error *error)
{
    const json_t *value = json_object_get(line, key);
    json_int_t integer = json_is_integer(value) ? json_integer_value(value) : -1;

    if (integer < 0 || (uint64_t)integer > limit) {
        return bad(key, error);
    }
    *number = (uint64_t)integer;
    return 0;
}

static int read_digest(const json_t *line, unsigned char digest[SHA256_SIZE], struct error *error)
{
    const char *text = jsontext_get_text(line, "sha256", "");

    return strlen(text) == SHA256_HEX_SIZE - 1 && hex_read(text, digest, SHA256_SIZE)
               ? 0
               : bad("sha256", error);
}

static int read_time(const json_t *line, const char *key, int64_t *ms, struct error *error)
{
    const char *text = jsontext_get_text(line, key, "");
    struct wall time;

    if (timetext_read(text, &time) < 0) {
        return bad(key, error);
    }
    *ms = time.ms;
    return 0;
}

/* --- the head ---------------------------------------------------------------------------------------- */

static int read_head(struct index *index, struct error *error)
{
    struct index_head *head = &index->head;
    json_t *line = NULL;
    int result = lines_object(&index->lines, &line, error);

    if (result == 0) {
        error_set(error, ERROR_DATA, "it is empty");
    } else if (result == 1 && jsontext_get_int(line, "llmspool_archive", 0) != 1) {
        result = -1;
        error_set(error, ERROR_DATA, "it is not the index of an archive of version 1");
    } else if (result == 1) {
        head->volume = xstrdup(jsontext_get_text(line, "volume", ""));
        result = read_number(line, "size", INT64_MAX, &head->size, error) == 0 &&
                         read_number(line, "units", UINT32_MAX, &head->units, error) == 0 &&
                         read_number(line, "files", UINT32_MAX, &head->files, error) == 0 &&
                         read_digest(line, head->sha256, error) == 0 &&
                         read_time(line, "first", &head->first_ms, error) == 0 &&
                         read_time(line, "last", &head->last_ms, error) == 0
                     ? 1
                     : -1;
    }
    json_decref(line);
    return result == 1 ? 0 : -1;
}

struct index *index_open(int fd, struct error *error)
{
    struct index *index = xcalloc(1, sizeof *index);

    index->fd = fd;
    lines_begin(&index->lines, frames_open(fd, 0, 0, FRAMES_ALL, false));
    if (read_head(index, error) < 0) {
        index_close(index);
        return NULL;
    }
    return index;
}

const struct index_head *index_head(const struct index *index)
{
    return &index->head;
}

void index_close(struct index *index)
{
    if (index != NULL) {
        lines_end(&index->lines);
        close(index->fd);
        free(index->head.volume);
        free(index);
    }
}

/* --- a job --------------------------------------------------------------------------------------------- */

/* The first file is the job's; then come outputs, each newer than the one before, or one error file. */
static bool fits(const struct index_unit *unit, size_t number, enum folder folder)
{
    const struct entry *entry = &unit->files[number].entry;
    const struct entry *before = number > 0 ? &unit->files[number - 1].entry : NULL;

    if (!id_equal(&entry->id, &unit->id) || (number > 0 && folder != unit->folder)) {
        return false;
    }
    if (number == 0) {
        return entry->kind == ENTRY_JOB;
    }
    return folder == FOLDER_FAILED ? entry->kind == ENTRY_ERROR && number == 1
                                   : entry->kind == ENTRY_OUTPUT && entry->version > before->version;
}

static int read_file(const json_t *value, struct index_unit *unit, size_t number,
                     struct error *error)
{
    struct index_file *file = &unit->files[number];
    enum folder folder;

    if (!index_name_read(jsontext_get_text(value, "name", ""), &folder, &file->entry)) {
        return bad("name of a file", error);
    }
    if (number == 0) {
        unit->folder = folder;
    }
    if (!fits(unit, number, folder)) {
        return bad("list of files", error);
    }
    return read_number(value, "size", INDEX_FILE_LIMIT, &file->size, error) == 0
               ? read_digest(value, file->sha256, error)
               : -1;
}

static int read_files(struct index_unit *unit, struct error *error)
{
    const json_t *list = json_object_get(unit->line, "files");
    uint64_t length = 0;

    unit->count = json_array_size(list);
    if (unit->count < 2) { /* a job and what became of it */
        return bad("list of files", error);
    }
    unit->files = xcalloc(unit->count, sizeof *unit->files);
    for (size_t i = 0; i < unit->count; i++) {
        if (read_file(json_array_get(list, i), unit, i, error) < 0) {
            return -1;
        }
        length += index_entry_size(unit->files[i].size);
    }
    return length == unit->length ? 0 : bad("length", error);
}

/* The word of the state, the folder and the newest version belong together. */
static int read_state(struct index_unit *unit, struct error *error)
{
    static const char *const words[] = {"failed", "cancelled", "expired"};
    uint64_t version = 0;
    bool known = false;

    unit->state = jsontext_get_text(unit->line, "state", "");
    if (unit->folder == FOLDER_DONE) {
        known = strcmp(unit->state, "completed") == 0;
        if (read_number(unit->line, "version", UINT32_MAX, &version, error) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0] && unit->folder == FOLDER_FAILED; i++) {
        known = known || strcmp(unit->state, words[i]) == 0;
    }
    unit->version = (unsigned)version;
    if (!known) {
        return bad("state", error);
    }
    return unit->files[unit->count - 1].entry.version == version ? 0 : bad("version", error);
}

int index_unit_read(json_t *line, struct index_unit *unit, struct error *error)
{
    index_unit_clear(unit);
    unit->line = json_incref(line);
    if (!id_read(jsontext_get_text(line, "id", ""), &unit->id)) {
        return bad("id", error);
    }
    if (read_number(line, "frame", INT64_MAX, &unit->frame, error) < 0 ||
        read_number(line, "at", FRAMES_LIMIT, &unit->at, error) < 0 ||
        read_number(line, "length", INDEX_UNIT_LIMIT, &unit->length, error) < 0 ||
        read_time(line, "finished", &unit->finished_ms, error) < 0 || read_files(unit, error) < 0) {
        return -1;
    }
    return read_state(unit, error);
}

/* At the end of the lines. */
static int ended(const struct index *index, struct error *error)
{
    if (index->units != index->head.units || index->files != index->head.files) {
        error_set(error, ERROR_DATA, "it lists %llu jobs of %llu files, and should %llu of %llu",
                  (unsigned long long)index->units, (unsigned long long)index->files,
                  (unsigned long long)index->head.units, (unsigned long long)index->head.files);
        return -1;
    }
    return 0;
}

int index_next(struct index *index, struct index_unit *unit, struct error *error)
{
    json_t *line = NULL;
    int result = lines_object(&index->lines, &line, error);

    if (result <= 0) {
        return result == 0 ? ended(index, error) : -1;
    }
    result = index_unit_read(line, unit, error);
    json_decref(line);
    if (result == 0 && index->units > 0 &&
        memcmp(index->last.bytes, unit->id.bytes, ID_SIZE) >= 0) {
        error_set(error, ERROR_DATA, "it is not in the order of the IDs");
        result = -1;
    }
    if (result < 0) {
        error_prefix(error, "line %lu", index->lines.number);
        return -1;
    }
    index->last = unit->id;
    index->units++;
    index->files += unit->count;
    return 1;
}

struct facts index_facts(const struct index_unit *unit)
{
    return (struct facts){.id = &unit->id,
                          .state = unit->state,
                          .finished_ms = unit->finished_ms,
                          .record = unit->line};
}

void index_unit_clear(struct index_unit *unit)
{
    json_decref(unit->line);
    free(unit->files);
    *unit = (struct index_unit){0};
}
