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

/* --- reading ------------------------------------------------------------------------------------------- */

static void begin(struct gathered *gathered, enum folder folder, const struct id *id)
{
    gathered->folder = folder;
    gathered->id = *id;
    gathered->highest = 0;
    gathered->count = 0;
    gathered->record = 0;
    gathered->finished_ms = 0;
    gathered->state = NULL;
    buffer_clear(&gathered->content);
    buffer_clear(&gathered->type);
}

struct jsonspan gathered_text(const struct gathered *gathered, size_t number)
{
    const struct gathered_file *file = &gathered->files[number];

    return (struct jsonspan){file->length > 0 ? gathered->content.bytes + file->offset : "",
                             file->length};
}

static void add_file(struct gathered *gathered, const struct entry *entry, size_t offset)
{
    struct gathered_file *file;
    struct jsonspan text;

    if (gathered->count == gathered->capacity) {
        gathered->capacity = 2 * gathered->capacity + 8;
        gathered->files =
            xrealloc(gathered->files, gathered->capacity * sizeof *gathered->files);
    }
    file = &gathered->files[gathered->count++];
    *file = (struct gathered_file){
        .entry = *entry, .offset = offset, .length = gathered->content.length - offset};
    index_name_write(gathered->folder, entry, file->name);
    text = gathered_text(gathered, gathered->count - 1);
    sha256_digest(text.text, text.length, file->digest);
}

/* Reads one file behind what is there. Returns 0 or -errno. */
static int read_file(int dir, enum entry_kind kind, unsigned version, struct gathered *gathered,
                     struct stat *status)
{
    struct entry entry = {.kind = kind, .id = gathered->id, .version = version};
    char name[ENTRY_NAME_SIZE];
    size_t offset = gathered->content.length;
    int result;

    entry_write(kind, &gathered->id, version, name);
    result = file_read_at(dir, name, INDEX_FILE_LIMIT, &gathered->content, status);
    if (result == 0) {
        add_file(gathered, &entry, offset);
    }
    return result;
}

/* Reads the outputs from a version on: to the first that is not there, or up to `last`, where a number
 * that is missing is none. */
static int read_from(const struct spool *spool, struct gathered *gathered, unsigned version,
                     unsigned last)
{
    int result = 0;

    for (; result == 0 && (last == 0 || version <= last); version++) {
        result = read_file(spool->dir[FOLDER_DONE], ENTRY_OUTPUT, version, gathered, NULL);
        if (result == -ENOENT) {
            if (last == 0) {
                return 0;
            }
            result = 0;
        }
        if (gathered->content.length > INDEX_UNIT_LIMIT / 2) {
            result = -EFBIG;
        }
    }
    return result;
}

/* Most begin with version 1, and that there is a next one is seen by opening it. */
static int read_outputs(const struct spool *spool, struct gathered *gathered)
{
    unsigned lowest, highest;
    int result = read_from(spool, gathered, 1, 0);

    if (result < 0 || gathered->count > 1) {
        return result;
    }
    result = unit_versions(spool, &gathered->id, &lowest, &highest);
    return result == 0 && lowest > 0 ? read_from(spool, gathered, lowest, highest) : result;
}

/* Reads all. What was there before and after as the same inode had not been deleted between, since
 * that begins with renaming it. Returns 0 or -errno. */
static int read_all(const struct spool *spool, enum folder folder, const struct id *id,
                    struct gathered *gathered)
{
    int dir = spool->dir[folder];
    char name[ENTRY_NAME_SIZE];
    struct stat before, after;
    int result;

    begin(gathered, folder, id);
    result = read_file(dir, ENTRY_JOB, 0, gathered, &before);
    if (result == 0) {
        result = folder == FOLDER_DONE ? read_outputs(spool, gathered)
                                       : read_file(dir, ENTRY_ERROR, 0, gathered, NULL);
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
        gathered->highest = gathered->files[gathered->count - 1].entry.version;
    }
    return result;
}

/* --- judging ------------------------------------------------------------------------------------------- */

static int refuse(const struct gathered *gathered, const struct entry *entry, const char *why,
                  struct error *error)
{
    char name[INDEX_NAME_SIZE];

    index_name_write(gathered->folder, entry, name);
    error_set(error, ERROR_DATA, "%s %s: it is not archived (llmspool-check tells more)", name, why);
    return -1;
}

/* A string; "" when it is none. Valid until the next. */
static const char *say(struct gathered *gathered, struct jsonspan value)
{
    buffer_byte(&gathered->said, '\0'); /* so that there is memory */
    buffer_clear(&gathered->said);
    return jsonspan_string(value, &gathered->said) ? gathered->said.bytes : "";
}

static bool says_id(struct gathered *gathered, struct jsonspan value)
{
    struct id id;

    return id_read(say(gathered, value), &id) && id_equal(&id, &gathered->id);
}

/* Whether a string has the digest that is told beside it. */
static bool digest_fits(struct gathered *gathered, struct jsonspan output, struct jsonspan told)
{
    char hex[SHA256_HEX_SIZE];

    (void)say(gathered, output);
    sha256_hex(gathered->said.bytes, gathered->said.length, hex);
    return strcmp(say(gathered, told), hex) == 0;
}

enum { KEY_ID, KEY_VERSION, KEY_STATUS, KEY_TIMES, KEY_OUTPUT, KEY_SHA256, KEY_MODEL, KEY_USER, KEYS };

static const struct jsonspan record_keys[KEYS] = {
    JSONSPAN("id"),     JSONSPAN("version"), JSONSPAN("status"), JSONSPAN("times"),
    JSONSPAN("output"), JSONSPAN("sha256"),  JSONSPAN("model"),  JSONSPAN("user")};

static int64_t finished_of(struct gathered *gathered, struct jsonspan times)
{
    static const struct jsonspan keys[] = {JSONSPAN("finished")};
    struct jsonspan finished;
    struct wall time;

    if (times.text == NULL || !jsonscan_find(times, keys, &finished, 1) ||
        timetext_read(say(gathered, finished), &time) < 0) {
        return 0;
    }
    return time.ms;
}

/* An output that is no string is built, and judged in its canonical form. */
static const char *output_flaw(struct gathered *gathered, size_t number,
                               const struct jsonspan *values)
{
    const struct gathered_file *file = &gathered->files[number];
    struct jsonspan text = gathered_text(gathered, number);
    json_t *document;
    const char *flaw;

    if (values[KEY_VERSION].text == NULL || !says_id(gathered, values[KEY_ID]) ||
        strtoul(values[KEY_VERSION].text, NULL, 10) != file->entry.version) {
        return "is not the output that its name says";
    }
    if (values[KEY_OUTPUT].text != NULL && values[KEY_OUTPUT].text[0] == '"') {
        return digest_fits(gathered, values[KEY_OUTPUT], values[KEY_SHA256]) ? NULL
                                                                             : "was changed";
    }
    document = jsontext_read_object(text.text, text.length, NULL);
    flaw = bundle_flaw(&file->entry, document);
    json_decref(document);
    return flaw;
}

static const char *record_flaw(struct gathered *gathered, size_t number)
{
    const struct gathered_file *file = &gathered->files[number];
    struct jsonspan values[KEYS];
    const char *flaw;
    bool good;

    if (!jsonscan_find(gathered_text(gathered, number), record_keys, values, KEYS)) {
        return "is no JSON object of ours";
    }
    flaw = file->entry.kind == ENTRY_OUTPUT ? output_flaw(gathered, number, values)
           : says_id(gathered, values[KEY_ID]) ? NULL
                                               : "is the error file of another job";
    good = jsonspan_is(values[KEY_STATUS], "\"completed\"");
    if (good || gathered->record == 0 || !gathered->state) {
        gathered->record = number;
        gathered->model = values[KEY_MODEL];
        gathered->user = values[KEY_USER];
    }
    /* state tells here whether a good one was seen; it is named when all are. */
    gathered->state = good ? "completed" : gathered->state;
    if (number == gathered->count - 1) {
        gathered->finished_ms = finished_of(gathered, values[KEY_TIMES]);
        if (file->entry.kind == ENTRY_ERROR) {
            const char *status = say(gathered, values[KEY_STATUS]);

            gathered->state = strcmp(status, "cancelled") == 0 ? "cancelled"
                              : strcmp(status, "expired") == 0 ? "expired"
                                                               : "failed";
        }
    }
    return flaw;
}

static const char *job_flaw(struct gathered *gathered)
{
    struct jsonspan text = gathered_text(gathered, 0);
    json_t *document = jsontext_read_object(text.text, text.length, NULL);
    const char *flaw = bundle_flaw(&gathered->files[0].entry, document);

    buffer_text(&gathered->type, jsontext_get_text(document, "type", "chat"));
    json_decref(document);
    return flaw;
}

static int judge(struct gathered *gathered, struct error *error)
{
    const char *flaw = gathered->count < 2 ? "has no output" : job_flaw(gathered);

    if (flaw != NULL) {
        return refuse(gathered, &gathered->files[0].entry, flaw, error);
    }
    for (size_t i = 1; i < gathered->count; i++) {
        flaw = record_flaw(gathered, i);
        if (flaw != NULL) {
            return refuse(gathered, &gathered->files[i].entry, flaw, error);
        }
    }
    if (gathered->folder == FOLDER_DONE) {
        gathered->state = "completed";
    }
    return gathered->finished_ms > 0
               ? 0
               : refuse(gathered, &gathered->files[gathered->count - 1].entry,
                        "does not say when it finished", error);
}

static int complain(const struct gathered *gathered, int problem, struct error *error)
{
    struct entry job = {.kind = ENTRY_JOB, .id = gathered->id};
    char name[INDEX_NAME_SIZE];

    if (problem == -ENODATA) {
        return refuse(gathered, &job, "has no output or error file", error);
    }
    if (problem == -EFBIG) {
        return refuse(gathered, &job, "is larger than an archive takes", error);
    }
    if (problem == -ELOOP || problem == -EISDIR || problem == -EINVAL) {
        return refuse(gathered, &job, "has something that is no file", error);
    }
    index_name_write(gathered->folder, &job, name);
    error_system(error, -problem, "cannot read %s", name);
    return -1;
}

int gather_unit(const struct spool *spool, enum folder folder, const struct id *id,
                struct gathered *gathered, struct error *error)
{
    int result = read_all(spool, folder, id, gathered);

    if (result == -ENOENT) {
        return 1;
    }
    return result < 0 ? complain(gathered, result, error) : judge(gathered, error);
}

int gather_bundle(const struct bundle *bundle, struct gathered *gathered, struct error *error)
{
    begin(gathered, bundle->folder, &bundle->id);
    for (size_t i = 0; i < bundle->count; i++) {
        size_t offset = gathered->content.length;

        buffer_append(&gathered->content, bundle_bytes(bundle, i), bundle->files[i].length);
        add_file(gathered, &bundle->files[i].entry, offset);
    }
    gathered->highest = bundle->highest;
    return judge(gathered, error);
}

/* --- looking without judging ------------------------------------------------------------------------------ */

/* The file that tells of the end: the newest output, or the error file. */
static int glance_file(const struct spool *spool, struct gathered *room, struct finished *finished)
{
    int result = 0;

    if (finished->folder == FOLDER_FAILED) {
        return read_file(spool->dir[FOLDER_FAILED], ENTRY_ERROR, 0, room, NULL);
    }
    result = unit_versions(spool, &finished->id, &finished->lowest, &finished->highest);
    if (result == 0 && finished->highest == 0) {
        result = -ENODATA;
    }
    finished->version = finished->highest;
    return result == 0 ? read_file(spool->dir[FOLDER_DONE], ENTRY_OUTPUT, finished->highest, room,
                                   NULL)
                       : result;
}

int gather_glance(const struct spool *spool, enum folder folder, const struct id *id,
                  struct gathered *room, struct finished *finished)
{
    struct jsonspan values[KEYS];
    int result;

    begin(room, folder, id);
    *finished = (struct finished){.folder = folder, .id = *id};
    result = glance_file(spool, room, finished);
    if (result < 0) {
        return result == -EMFILE || result == -ENFILE || result == -EIO ? result : 0;
    }
    if (!jsonscan_find(gathered_text(room, 0), record_keys, values, KEYS)) {
        return 0;
    }
    finished->state = "completed";
    if (folder == FOLDER_FAILED) {
        finished->state = jsonspan_is(values[KEY_STATUS], "\"cancelled\"") ? "cancelled"
                          : jsonspan_is(values[KEY_STATUS], "\"expired\"") ? "expired"
                                                                           : "failed";
    }
    finished->finished_ms = finished_of(room, values[KEY_TIMES]);
    memcpy(finished->digest, room->files[0].digest, sizeof finished->digest);
    return 1;
}

/* --- comparing ------------------------------------------------------------------------------------------ */

static bool is_in(const struct gathered_file *file, const struct index_unit *archived)
{
    for (size_t i = 0; i < archived->count; i++) {
        const struct index_file *other = &archived->files[i];

        if (other->entry.kind == file->entry.kind && other->entry.version == file->entry.version) {
            return other->size == file->length &&
                   memcmp(file->digest, other->sha256, sizeof file->digest) == 0;
        }
    }
    return false;
}

int gather_contained(const struct unit *unit, const struct index_unit *archived,
                     struct gathered *room)
{
    int result = read_all(unit->spool, unit->folder, &unit->id, room);

    if (result == 0) {
        result = room->count >= 2 && room->folder == archived->folder &&
                 room->highest == archived->version && id_equal(&room->id, &archived->id);
    }
    for (size_t i = 0; result == 1 && i < room->count; i++) {
        result = is_in(&room->files[i], archived);
    }
    return result == -ENOENT || result == -ENODATA ? 0 : result;
}

void gathered_free(struct gathered *gathered)
{
    free(gathered->files);
    buffer_free(&gathered->content);
    buffer_free(&gathered->type);
    buffer_free(&gathered->said);
    *gathered = (struct gathered){0};
}
