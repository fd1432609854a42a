/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ids: archive/ids, mapped and looked up. */
#include "retain/ids.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/sha256.h"
#include "base/xalloc.h"
#include "retain/ids_file.h"

enum { PASS_STEP = 8 << 20 }; /* bytes read by ids_verify before their memory is given back */

struct ids {
    const struct spool *spool;
    unsigned char *map; /* NULL: there was no file */
    size_t size;
    struct stat status; /* of the file */
    const struct ids_row *rows;
    size_t count;
    struct ids_volume *volumes;
    size_t volume_count;
};

static int damaged(const struct ids *ids, const char *what, struct error *error)
{
    error_set(error, ERROR_DATA,
              "%s/archive/ids is damaged (%s): llmspool-archive reindex makes it again from "
              "the indexes of the volumes",
              ids->spool->path, what);
    return -1;
}

/* Maps the file. Returns 0 also when there is none. */
static int map_file(struct ids *ids, struct error *error)
{
    int dir = ids->spool->dir[FOLDER_ARCHIVE];
    int fd = openat(dir, IDS_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    void *map = MAP_FAILED;

    if (fd < 0 && errno == ENOENT) {
        return 0;
    }
    if (fd >= 0 && fstat(fd, &ids->status) == 0) {
        ids->size = (size_t)ids->status.st_size;
        /* An empty file cannot be mapped, and is damaged anyway. */
        if (!S_ISREG(ids->status.st_mode) || ids->size < sizeof(struct ids_head) + SHA256_SIZE) {
            close(fd);
            return damaged(ids, "it is too short, or no file", error);
        }
        map = mmap(NULL, ids->size, PROT_READ, MAP_SHARED, fd, 0);
    }
    if (map == MAP_FAILED) {
        error_system(error, errno, "cannot read %s/archive/ids", ids->spool->path);
    } else {
        ids->map = map;
    }
    if (fd >= 0) {
        close(fd);
    }
    return map == MAP_FAILED ? -1 : 0;
}

/* Checks the head against the size: where everything lies follows from the two counts. */
static int read_head(struct ids *ids, size_t *table, struct error *error)
{
    static const uint64_t zeros[2];
    const struct ids_head *head = (const void *)ids->map;
    uint64_t room = ids->size - sizeof *head - SHA256_SIZE;
    uint64_t rows = le64toh(head->rows);

    if (memcmp(head->magic, IDS_MAGIC, sizeof head->magic) != 0 ||
        le32toh(head->row_size) != sizeof(struct ids_row) ||
        memcmp(head->zeros, zeros, sizeof zeros) != 0) {
        return damaged(ids, "its head", error);
    }
    if (rows > room / sizeof(struct ids_row) ||
        le64toh(head->table_offset) != sizeof *head + rows * sizeof(struct ids_row) ||
        le64toh(head->table_length) != room - rows * sizeof(struct ids_row)) {
        return damaged(ids, "its size", error);
    }
    ids->rows = (const void *)(ids->map + sizeof *head);
    ids->count = rows;
    ids->volume_count = le32toh(head->volumes);
    *table = sizeof *head + rows * sizeof(struct ids_row);
    /* A line has more than 64 bytes. */
    if (ids->volume_count > le64toh(head->table_length) / 64) {
        return damaged(ids, "its number of volumes", error);
    }
    return 0;
}

static bool read_digest(const json_t *line, const char *key, unsigned char *digest)
{
    const char *text = jsontext_get_text(line, key, "");

    return strlen(text) == SHA256_HEX_SIZE - 1 && hex_read(text, digest, SHA256_SIZE);
}

/* Paths come from a file: none may lead out of archive/. */
static bool path_ok(const char *path)
{
    return path[0] != '\0' && path[0] != '/' && strstr(path, "..") == NULL;
}

static bool read_volume(const char *text, size_t length, struct ids_volume *volume)
{
    json_t *line = jsontext_read_object(text, length, NULL);
    const char *path = jsontext_get_text(line, "volume", "");
    json_int_t size = jsontext_get_int(line, "size", -1);
    bool ok = line != NULL && path_ok(path) && size >= 0 &&
              read_digest(line, "sha256", volume->sha256) &&
              read_digest(line, "index_sha256", volume->index_sha256);

    if (ok) {
        volume->path = xstrdup(path);
        volume->size = (uint64_t)size;
    }
    json_decref(line);
    return ok;
}

static int read_table(struct ids *ids, size_t table, struct error *error)
{
    const char *next = (const char *)ids->map + table;
    const char *end = (const char *)ids->map + ids->size - SHA256_SIZE;

    if (ids->volume_count > 0) {
        ids->volumes = xcalloc(ids->volume_count, sizeof *ids->volumes);
    }
    for (size_t i = 0; i < ids->volume_count; i++) {
        const char *newline = memchr(next, '\n', (size_t)(end - next));

        if (newline == NULL || !read_volume(next, (size_t)(newline - next), &ids->volumes[i])) {
            return damaged(ids, "its table of volumes", error);
        }
        next = newline + 1;
    }
    return next == end ? 0 : damaged(ids, "its table of volumes", error);
}

struct ids *ids_open(const struct spool *spool, struct error *error)
{
    struct ids *ids = xcalloc(1, sizeof *ids);
    size_t table;

    ids->spool = spool;
    if (map_file(ids, error) < 0 ||
        (ids->map != NULL &&
         (read_head(ids, &table, error) < 0 || read_table(ids, table, error) < 0))) {
        ids_close(ids);
        return NULL;
    }
    return ids;
}

bool ids_current(const struct ids *ids)
{
    struct stat now;
    int result =
        fstatat(ids->spool->dir[FOLDER_ARCHIVE], IDS_NAME, &now, AT_SYMLINK_NOFOLLOW);

    if (ids->map == NULL) {
        return result < 0 && errno == ENOENT;
    }
    /* The mapping holds the inode, so that no other file can have its number. */
    return result == 0 && now.st_ino == ids->status.st_ino && now.st_dev == ids->status.st_dev;
}

size_t ids_count(const struct ids *ids)
{
    return ids->count;
}

const struct ids_row *ids_rows(const struct ids *ids)
{
    return ids->rows;
}

const struct ids_volume *ids_volume(const struct ids *ids, size_t number)
{
    return number < ids->volume_count ? &ids->volumes[number] : NULL;
}

size_t ids_volume_find(const struct ids *ids, const char *path)
{
    for (size_t i = 0; i < ids->volume_count; i++) {
        if (strcmp(ids->volumes[i].path, path) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* The number of rows whose ID is not above id: the row before it is the newest of id, if any. */
static size_t rows_up_to(const struct ids *ids, const struct id *id)
{
    size_t low = 0, high = ids->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memcmp(&ids->rows[middle].id, id, sizeof *id) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool read_row(const struct ids *ids, size_t number, struct archived *archived)
{
    const struct ids_row *row = &ids->rows[number];
    uint32_t volume = le32toh(row->volume);

    *archived = (struct archived){.id = row->id,
                                  .failed = row->version == 0,
                                  .highest = le32toh(row->version),
                                  .frame = le64toh(row->frame),
                                  .at = le32toh(row->at),
                                  .length = le32toh(row->length)};
    memcpy(archived->digest, row->digest, sizeof archived->digest);
    if (volume >= ids->volume_count) {
        return false;
    }
    archived->volume = ids->volumes[volume].path;
    return true;
}

bool ids_find(const struct ids *ids, const struct id *id, size_t number, struct archived *archived)
{
    size_t end = rows_up_to(ids, id);

    return number < end && id_equal(&ids->rows[end - 1 - number].id, id) &&
           read_row(ids, end - 1 - number, archived);
}

bool ids_covers(const struct ids *ids, const struct finished *finished)
{
    struct archived archived;
    bool failed = finished->folder == FOLDER_FAILED;

    for (size_t i = 0; ids_find(ids, &finished->id, i, &archived); i++) {
        if (archived.failed == failed && (failed || archived.highest == finished->highest) &&
            memcmp(archived.digest, finished->digest, sizeof archived.digest) == 0) {
            return true;
        }
    }
    return false;
}

void ids_relax(const struct ids *ids)
{
    if (ids->map != NULL) {
        /* Only advice: the pages come back from the file when they are read again. */
        (void)madvise(ids->map, ids->size, MADV_DONTNEED);
    }
}

static bool in_order(const struct ids *ids, size_t number)
{
    const struct ids_row *row = &ids->rows[number];
    int order = number == 0 ? -1 : memcmp(&row[-1].id, &row->id, sizeof row->id);

    return le32toh(row->volume) < ids->volume_count &&
           (order < 0 || (order == 0 && le32toh(row[-1].volume) <= le32toh(row->volume)));
}

int ids_verify(const struct ids *ids, struct error *error)
{
    struct sha256 *sum;
    unsigned char digest[SHA256_SIZE];
    size_t end;

    if (ids->map == NULL) {
        return 0;
    }
    end = ids->size - SHA256_SIZE;
    sum = sha256_start();
    for (size_t at = 0; at < end; at += PASS_STEP) {
        sha256_add(sum, ids->map + at, end - at < PASS_STEP ? end - at : PASS_STEP);
        ids_relax(ids);
    }
    sha256_end(sum, digest);
    if (memcmp(digest, ids->map + end, SHA256_SIZE) != 0) {
        return damaged(ids, "its checksum", error);
    }
    for (size_t i = 0; i < ids->count; i++) {
        if (!in_order(ids, i)) {
            return damaged(ids, "the order of its records", error);
        }
        if (i % (PASS_STEP / sizeof(struct ids_row)) == 0) {
            ids_relax(ids);
        }
    }
    return 0;
}

void ids_close(struct ids *ids)
{
    if (ids == NULL) {
        return;
    }
    for (size_t i = 0; ids->volumes != NULL && i < ids->volume_count; i++) {
        free(ids->volumes[i].path);
    }
    free(ids->volumes);
    if (ids->map != NULL) {
        munmap(ids->map, ids->size);
    }
    free(ids);
}
