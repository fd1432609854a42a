/* SPDX-License-Identifier: GPL-2.0-or-later */
/* walk: the entries of a volume, as libarchive reads them. */
#include "retain/walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "retain/index.h"
#include "retain/libarchive.h"

enum {
    END_SIZE = 2 * INDEX_BLOCK, /* two blocks of zeros end a tar */
    END_MAX = 64 * 1024,        /* what a writer may fill up with */
    ENTRY_MODE = 0600,
};

#define MANIFEST_LIMIT (UINT64_C(8) << 30)

struct walk {
    const struct libarchive *library;
    struct archive *archive;
    struct frames *frames; /* NULL: what is walked lies in memory */
    const char *bytes;     /* in memory, when they were not given to libarchive yet */
    size_t length;
    uint64_t begin; /* of the first header in what frames counts */
    bool part;      /* a length was given */
    uint64_t next;  /* where the next header must be, counted from the first */
    uint64_t left;  /* bytes of the entry that were not given out */
    uint64_t given; /* bytes given to libarchive */
    uint64_t zeros_from; /* from here on all that was given is zeros */
};

/* What is given to libarchive, looked at for the zeros at its end. */
static void note(struct walk *walk, const unsigned char *bytes, size_t length)
{
    size_t end = length;

    while (end > 0 && bytes[end - 1] == 0) {
        end--;
    }
    if (end > 0) {
        walk->zeros_from = walk->given + end;
    }
    walk->given += length;
}

/* The next piece of what is walked. Returns as frames_next. */
static ssize_t next_piece(struct walk *walk, const void **bytes, struct error *error)
{
    size_t length = walk->length;

    if (walk->frames != NULL) {
        return frames_next(walk->frames, bytes, error);
    }
    *bytes = walk->bytes;
    walk->length = 0;
    return (ssize_t)length;
}

static la_ssize_t on_read(struct archive *archive, void *context, const void **bytes)
{
    struct walk *walk = context;
    struct error error;
    ssize_t count = next_piece(walk, bytes, &error);

    if (count < 0) {
        walk->library->set_error(archive, EILSEQ, "%s", error.text);
        return -1;
    }
    if (count > 0) {
        note(walk, *bytes, (size_t)count);
    }
    return count;
}

static int failed(const struct walk *walk, const char *what, struct error *error)
{
    const char *why = walk->library->error_string(walk->archive);

    error_set(error, ERROR_DATA, "%s%s%s", what, why != NULL ? ": " : "", why != NULL ? why : "");
    return -1;
}

static struct walk *walk_new(void)
{
    struct walk *walk = xcalloc(1, sizeof *walk);

    walk->library = libarchive();
    walk->archive = walk->library->read_new();
    if (walk->archive == NULL ||
        walk->library->read_support_format_tar(walk->archive) != ARCHIVE_OK) {
        abort(); /* no memory */
    }
    return walk;
}

struct walk *walk_open(int fd, uint64_t frame, uint64_t at, uint64_t length)
{
    struct walk *walk = walk_new();

    walk->frames = frames_open(fd, frame, at, length, true);
    walk->begin = at;
    walk->part = length != FRAMES_ALL;
    return walk;
}

struct walk *walk_open_bytes(const char *bytes, size_t length)
{
    struct walk *walk = walk_new();

    walk->bytes = bytes;
    walk->length = length;
    walk->part = true;
    return walk;
}

void walk_close(struct walk *walk)
{
    if (walk != NULL) {
        walk->library->read_free(walk->archive);
        frames_close(walk->frames);
        free(walk);
    }
}

int walk_finish(struct walk *walk, struct error *error)
{
    return walk->frames != NULL ? frames_finish(walk->frames, error) : 0;
}

/* --- one entry ---------------------------------------------------------------------------------------- */

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

/* Why an entry is none of ours, or NULL. */
static const char *flaw(const struct walk *walk, struct archive_entry *found)
{
    const struct libarchive *library = walk->library;

    if (library->format(walk->archive) != ARCHIVE_FORMAT_TAR_USTAR) {
        return "is not of the plain ustar form";
    }
    if (library->entry_filetype(found) != AE_IFREG || library->entry_hardlink(found) != NULL ||
        library->entry_symlink(found) != NULL) {
        return "is no regular file";
    }
    if (library->entry_perm(found) != ENTRY_MODE || library->entry_uid(found) != 0 ||
        library->entry_gid(found) != 0 || !is_empty(library->entry_uname(found)) ||
        !is_empty(library->entry_gname(found))) {
        return "has another mode or owner than 0600 of 0";
    }
    if (!library->entry_mtime_is_set(found) || library->entry_mtime_nsec(found) != 0 ||
        library->entry_mtime(found) < 0) {
        return "has no whole second as its time";
    }
    return NULL;
}

static int refuse(const char *name, const char *why, struct error *error)
{
    error_set(error, ERROR_DATA, "the entry %.120s %s", is_empty(name) ? "without a name" : name,
              why);
    return -1;
}

static int read_name(const char *name, struct walk_entry *entry)
{
    entry->manifest = !is_empty(name) && strcmp(name, WALK_MANIFEST) == 0;
    if (!entry->manifest &&
        (is_empty(name) || !index_name_read(name, &entry->folder, &entry->entry))) {
        return -1;
    }
    snprintf(entry->name, sizeof entry->name, "%s", name);
    return 0;
}

static int read_entry(struct walk *walk, struct archive_entry *found, struct walk_entry *entry,
                      struct error *error)
{
    const struct libarchive *library = walk->library;
    const char *name = library->entry_pathname(found);
    int64_t position = library->read_header_position(walk->archive);
    const char *why = flaw(walk, found);

    *entry = (struct walk_entry){0};
    if (why != NULL) {
        return refuse(name, why, error);
    }
    if (read_name(name, entry) < 0) {
        return refuse(name, "is none that an archive has", error);
    }
    if (position < 0 || (uint64_t)position != walk->next) {
        return refuse(name, "does not follow the one before it", error);
    }
    if (!library->entry_size_is_set(found) || library->entry_size(found) < 0 ||
        (uint64_t)library->entry_size(found) >
            (entry->manifest ? MANIFEST_LIMIT : INDEX_FILE_LIMIT)) {
        return refuse(name, "is larger than any may be", error);
    }
    entry->size = (uint64_t)library->entry_size(found);
    entry->mtime = library->entry_mtime(found);
    if (walk->frames != NULL && !frames_find(walk->frames, walk->begin + walk->next, &entry->place)) {
        return refuse(name, "is not where it should be", error);
    }
    walk->next += index_entry_size(entry->size);
    walk->left = entry->size;
    return 1;
}

/* Behind the last entry: the rest is read, and must be the zeros that end a tar. */
static int ended(struct walk *walk, struct error *error)
{
    const void *bytes;
    ssize_t count;

    while ((count = next_piece(walk, &bytes, error)) > 0) {
        note(walk, bytes, (size_t)count);
        if (walk->given > walk->next + END_MAX) {
            break;
        }
    }
    if (count < 0) {
        return -1;
    }
    if (walk->given < walk->next || walk->zeros_from > walk->next ||
        (walk->part ? walk->given != walk->next
                    : walk->given - walk->next < END_SIZE || walk->given - walk->next > END_MAX)) {
        error_set(error, ERROR_DATA, "the tar does not end as it should, or something is behind it");
        return -1;
    }
    return 0;
}

int walk_next(struct walk *walk, struct walk_entry *entry, struct error *error)
{
    struct archive_entry *found;
    int result = ARCHIVE_OK;

    if (walk->given == 0 && walk->next == 0) {
        result = walk->library->read_open(walk->archive, walk, NULL, on_read, NULL);
    }
    if (result == ARCHIVE_OK) {
        result = walk->library->read_next_header(walk->archive, &found);
    }
    if (result == ARCHIVE_EOF) {
        return ended(walk, error);
    }
    return result == ARCHIVE_OK ? read_entry(walk, found, entry, error)
                                : failed(walk, "it is no tar as it should be", error);
}

ssize_t walk_data(struct walk *walk, const void **bytes, struct error *error)
{
    size_t length = 0;
    la_int64_t offset;
    int result = ARCHIVE_EOF;

    if (walk->left > 0) {
        result = walk->library->read_data_block(walk->archive, bytes, &length, &offset);
    }
    if (result == ARCHIVE_EOF && walk->left == 0) {
        return 0;
    }
    if (result != ARCHIVE_OK || length > walk->left) {
        return failed(walk, "an entry cannot be read", error);
    }
    walk->left -= length;
    return (ssize_t)length;
}
