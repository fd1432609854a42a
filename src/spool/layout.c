/* SPDX-License-Identifier: GPL-2.0-or-later */
/* layout: every name in a spool. */
#include "spool/layout.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/random.h"
#include "base/sha256.h"

enum {
    ID_DIGITS = ID_TEXT_SIZE - 1,
    NAME_MAX_LENGTH = 100,
    VERSION_DIGITS_MAX = 9,
};

static const char *const folder_names[FOLDER_COUNT] = {
    [FOLDER_TMP] = "tmp",       [FOLDER_NEW] = "new",         [FOLDER_CUR] = "cur",
    [FOLDER_DONE] = "done",     [FOLDER_FAILED] = "failed",   [FOLDER_BY_NAME] = "by-name",
    [FOLDER_RUNS] = "runs",     [FOLDER_FLOWS] = "flows",     [FOLDER_TEMPLATES] = "templates",
    [FOLDER_BLOBS] = "blobs",   [FOLDER_OUTBOX] = "outbox",   [FOLDER_CTL] = "ctl",
    [FOLDER_EVENTS] = "events", [FOLDER_ARCHIVE] = "archive", [FOLDER_STATE] = "state",
};

/* What stands around an entry's ID and version: ID, before, version (where numbered), after. */
static const struct shape {
    const char *before;
    const char *after;
    bool numbered;
} shapes[] = {
    [ENTRY_JOB] = {".json", "", false},         [ENTRY_STATE] = {".state.json", "", false},
    [ENTRY_ANSWER] = {".out.v", "", true},      [ENTRY_PARTIAL] = {".partial", "", false},
    [ENTRY_GONE] = {".gone", "", false},        [ENTRY_OUTPUT] = {".v", ".json", true},
    [ENTRY_ERROR] = {".error.json", "", false},
};

enum { SHAPE_COUNT = sizeof shapes / sizeof shapes[0] };

const char *folder_name(enum folder folder)
{
    assert((unsigned)folder < FOLDER_COUNT);
    return folder_names[folder];
}

mode_t layout_folder_mode(enum folder folder, bool shared)
{
    enum {
        PRIVATE = 0700,
        SHARED = 02750,
        SHARED_DROP = 03770, /* setgid and sticky: everybody of the group adds, nobody takes */
    };

    if (!shared) {
        return PRIVATE;
    }
    bool dropped = folder == FOLDER_TMP || folder == FOLDER_NEW || folder == FOLDER_CTL;
    return dropped ? SHARED_DROP : SHARED;
}

bool id_read(const char *text, struct id *id)
{
    struct id read;
    if (!hex_read(text, read.bytes, ID_SIZE) || text[ID_DIGITS] != '\0') {
        return false;
    }
    *id = read;
    return true;
}

void id_write(const struct id *id, char out[ID_TEXT_SIZE])
{
    hex_write(id->bytes, ID_SIZE, out);
}

void id_write_short(const struct id *id, char out[ID_SHORT_SIZE])
{
    hex_write(id->bytes, (ID_SHORT_SIZE - 1) / 2, out);
}

bool id_equal(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, ID_SIZE) == 0;
}

void entry_write(enum entry_kind kind, const struct id *id, unsigned version,
                 char out[ENTRY_NAME_SIZE])
{
    assert(kind > ENTRY_OTHER && (size_t)kind < sizeof shapes / sizeof shapes[0]);
    const struct shape *shape = &shapes[kind];
    id_write(id, out);
    char *rest = out + ID_DIGITS;
    size_t room = ENTRY_NAME_SIZE - ID_DIGITS;
    int length = shape->numbered
                     ? snprintf(rest, room, "%s%u%s", shape->before, version, shape->after)
                     : snprintf(rest, room, "%s", shape->before);
    assert(length > 0 && (size_t)length < room);
}

/* Reads a version: 1 to 9 digits, the first not 0. Returns what follows it, or NULL. */
static const char *version_read(const char *text, unsigned *version)
{
    unsigned value = 0;
    int digits = 0;
    while (digits < VERSION_DIGITS_MAX && text[digits] >= '0' && text[digits] <= '9') {
        value = value * 10 + (unsigned)(text[digits] - '0');
        digits++;
    }
    if (digits == 0 || text[0] == '0') {
        return NULL;
    }
    *version = value;
    return text + digits;
}

static bool shape_match(const struct shape *shape, const char *rest, unsigned *version)
{
    size_t length = strlen(shape->before);
    *version = 0;
    if (strncmp(rest, shape->before, length) != 0) {
        return false;
    }
    rest += length;
    if (shape->numbered) {
        rest = version_read(rest, version);
    }
    return rest != NULL && strcmp(rest, shape->after) == 0;
}

void refused_line_name(const char *list, size_t number, const char *line, size_t length,
                       char out[ENTRY_NAME_SIZE])
{
    struct buffer text = {0};
    char hash[SHA256_HEX_SIZE];
    buffer_printf(&text, "%s\n%zu\n", list, number);
    buffer_append(&text, line, length);
    sha256_hex(text.bytes, text.length, hash);
    snprintf(out, ENTRY_NAME_SIZE, "refused-%s.json", hash);
    buffer_free(&text);
}

struct entry entry_read(const char *name)
{
    struct entry entry = {.kind = ENTRY_OTHER};
    if (!hex_read(name, entry.id.bytes, ID_SIZE)) {
        return (struct entry){.kind = ENTRY_OTHER};
    }
    for (int kind = ENTRY_JOB; kind < SHAPE_COUNT; kind++) {
        if (shape_match(&shapes[kind], name + ID_DIGITS, &entry.version)) {
            entry.kind = (enum entry_kind)kind;
            return entry;
        }
    }
    return (struct entry){.kind = ENTRY_OTHER};
}

/* Whether name is of the characters and length that names have. */
static bool is_plain_name(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(name);
    return length > 0 && length <= NAME_MAX_LENGTH && name[0] != '.' &&
           strspn(name, allowed) == length;
}

bool layout_name_ok(const char *name)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    size_t length = strlen(name);
    bool like_id = length >= ID_PREFIX_MIN && length <= ID_DIGITS && strspn(name, hex) == length;
    return is_plain_name(name) && !like_id;
}

static const char template_end[] = ".json";

bool template_name_write(const char *name, char out[NAME_LIMIT])
{
    if (!is_plain_name(name)) {
        return false;
    }
    snprintf(out, NAME_LIMIT, "%s%s", name, template_end);
    return true;
}

bool template_name_read(const char *file, char name[NAME_LIMIT])
{
    size_t length = strlen(file);
    size_t end = sizeof template_end - 1;
    if (length <= end || length >= NAME_LIMIT || strcmp(file + length - end, template_end) != 0) {
        return false;
    }
    memcpy(name, file, length - end);
    name[length - end] = '\0';
    return is_plain_name(name);
}

static bool ends_with(const char *name, size_t length, const char *end)
{
    size_t end_length = strlen(end);
    return length >= end_length && memcmp(name + length - end_length, end, end_length) == 0;
}

enum drop_kind drop_read(const char *name)
{
    size_t length = strlen(name);
    if (name[0] == '.') {
        return DROP_NONE;
    }
    if (ends_with(name, length, ".json")) {
        return DROP_JOB;
    }
    if (ends_with(name, length, ".jsonl")) {
        return DROP_LIST;
    }
    unsigned char digest[SHA256_SIZE];
    bool blob = length == ID_DIGITS + strlen(".blob") && ends_with(name, length, ".blob") &&
                hex_read(name, digest, sizeof digest);
    return blob ? DROP_BLOB : DROP_NONE;
}

static const char gone_end[] = ".gone";

void blob_entry_write(const struct blob_entry *entry, char out[BLOB_NAME_SIZE])
{
    char blob[ID_TEXT_SIZE], job[ID_TEXT_SIZE] = "";
    assert(entry->kind == BLOB_FILE || entry->kind == BLOB_USE);
    id_write(&entry->blob, blob);
    if (entry->kind == BLOB_USE) {
        id_write(&entry->job, job);
    }
    snprintf(out, BLOB_NAME_SIZE, "%s%s%s%s", blob, entry->kind == BLOB_USE ? "." : "", job,
             entry->gone ? gone_end : "");
}

struct blob_entry blob_entry_read(const char *name)
{
    struct blob_entry entry = {.kind = strcmp(name, "lock") == 0 ? BLOB_LOCK : BLOB_OTHER};
    const char *rest = name;
    if (!hex_read(name, entry.blob.bytes, ID_SIZE)) {
        return (struct blob_entry){.kind = entry.kind};
    }
    rest += ID_DIGITS;
    entry.kind = BLOB_FILE;
    if (rest[0] == '.' && hex_read(rest + 1, entry.job.bytes, ID_SIZE)) {
        rest += 1 + ID_DIGITS;
        entry.kind = BLOB_USE;
    }
    entry.gone = strcmp(rest, gone_end) == 0;
    return rest[0] == '\0' || entry.gone ? entry : (struct blob_entry){.kind = BLOB_OTHER};
}

void blob_drop_write(const struct id *blob, char out[BLOB_NAME_SIZE])
{
    char hex[ID_TEXT_SIZE];
    id_write(blob, hex);
    snprintf(out, BLOB_NAME_SIZE, "%s.blob", hex);
}

void blob_drop_read(const char *name, struct id *blob)
{
    bool good = hex_read(name, blob->bytes, ID_SIZE);
    assert(good);
}

static const char temp_start[] = "llmspoold.";

void temp_name_write(char out[TEMP_NAME_SIZE])
{
    size_t length = sizeof temp_start - 1;
    memcpy(out, temp_start, length);
    random_name(out + length);
}

bool temp_name_is(const char *name)
{
    size_t length = sizeof temp_start - 1;
    unsigned char bits[(TEMP_NAME_SIZE - sizeof temp_start) / 2];
    return strlen(name) == TEMP_NAME_SIZE - 1 && memcmp(name, temp_start, length) == 0 &&
           hex_read(name + length, bits, sizeof bits);
}
