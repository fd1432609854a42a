/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ids_write: a new archive/ids, merged from the old one and the units of volumes that came. */
#include "retain/ids_write.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/heap.h"
#include "base/jsontext.h"
#include "base/sha256.h"
#include "base/xalloc.h"
#include "retain/ids_file.h"
#include "retain/store.h"
#include "spool/file.h"

enum {
    RUN_ROWS = 128,      /* read at once of what a volume brought */
    RELAX_ROWS = 1 << 16, /* of the old file between two givings back of its memory */
    OUT_SIZE = 64 * 1024 /* bytes gathered before they are written */
};

/* A volume of the new table. */
struct entry_volume {
    struct ids_volume volume;
    bool old;       /* its rows are in the old file */
    bool left;      /* it is left out */
    uint32_t number; /* in the new table */
    uint64_t first; /* of the rows put aside, when not old */
    uint64_t count;
};

struct ids_write {
    const struct spool *spool;
    const struct ids *old; /* or NULL */
    bool fewer; /* not all rows of old go over */
    struct entry_volume *volumes;
    size_t count;
    size_t capacity;
    struct entry_volume *filling; /* whose units are being added */
    struct id last;               /* of the unit added last */
    int aside;                    /* the rows of new volumes */
    uint64_t rows;                /* put aside, written or still in the buffer */
    uint64_t dropped;             /* of these, rows of volumes that were dropped */
    struct buffer pending;
};

/* Rows in order: those of the old file, or those that one new volume brought. */
struct run {
    const struct ids_write *write;
    const struct entry_volume *volume; /* NULL: the old file */
    uint64_t next;
    uint64_t end;
    struct ids_row row; /* the first that was not taken, with its new number */
    struct ids_row *ahead;
    size_t ahead_count;
    size_t ahead_next;
    size_t position; /* in the heap */
};

/* The file being written. */
struct out {
    int fd;
    struct buffer pending;
    struct sha256 *sum;
};

static void describe(struct entry_volume *entry, const struct ids_volume *volume)
{
    free(entry->volume.path);
    entry->volume = *volume;
    entry->volume.path = xstrdup(volume->path);
}

static struct entry_volume *add_volume(struct ids_write *write, const struct ids_volume *volume)
{
    struct entry_volume *added;

    if (write->count == write->capacity) {
        write->capacity = 2 * write->capacity + 16;
        write->volumes = xrealloc(write->volumes, write->capacity * sizeof *write->volumes);
    }
    added = &write->volumes[write->count++];
    *added = (struct entry_volume){.first = write->rows};
    describe(added, volume);
    return added;
}

struct ids_write *ids_write_begin(const struct spool *spool, const struct ids *old,
                                  struct error *error)
{
    struct ids_write *write = xcalloc(1, sizeof *write);
    char name[STORE_TEMP_SIZE];
    const struct ids_volume *volume;

    write->spool = spool;
    write->old = old;
    write->aside = store_temp_make(spool, name);
    if (write->aside < 0) {
        error_system(error, -write->aside, "cannot make a file in %s/tmp", spool->path);
        free(write);
        return NULL;
    }
    /* Nobody else needs its name, and a crash leaves nothing. */
    (void)unlinkat(spool->dir[FOLDER_TMP], name, 0);
    for (size_t i = 0; old != NULL && (volume = ids_volume(old, i)) != NULL; i++) {
        add_volume(write, volume)->old = true;
    }
    return write;
}

void ids_write_leave(struct ids_write *write, size_t number)
{
    assert(number < write->count && write->volumes[number].old);
    write->volumes[number].left = true;
    write->fewer = true;
}

void ids_write_volume(struct ids_write *write, const struct ids_volume *volume)
{
    write->filling = add_volume(write, volume);
    memset(&write->last, 0, sizeof write->last);
}

void ids_write_instead(struct ids_write *write, const struct ids_volume *volume, size_t number)
{
    struct entry_volume *place = &write->volumes[number];

    assert(number < write->count && place->old);
    write->fewer = true;
    place->old = false;
    place->first = write->rows;
    describe(place, volume);
    write->filling = place;
    memset(&write->last, 0, sizeof write->last);
}

void ids_write_begin_volume(struct ids_write *write)
{
    static const struct ids_volume unknown;

    ids_write_volume(write, &unknown);
}

void ids_write_end_volume(struct ids_write *write, const struct ids_volume *volume)
{
    describe(write->filling, volume);
}

void ids_write_drop_volume(struct ids_write *write)
{
    /* Its rows stay aside and are not looked at. */
    write->filling->left = true;
    write->dropped += write->filling->count;
    write->filling = NULL;
}

static int write_aside(struct ids_write *write, struct error *error)
{
    int result = file_write(write->aside, write->pending.bytes, write->pending.length);

    buffer_clear(&write->pending);
    if (result < 0) {
        error_system(error, -result, "cannot write in %s/tmp", write->spool->path);
        return -1;
    }
    return 0;
}

int ids_write_unit(struct ids_write *write, const struct archived *archived, struct error *error)
{
    struct ids_row row = {.id = archived->id,
                          .version = htole32(archived->failed ? 0 : archived->highest),
                          .frame = htole64(archived->frame),
                          .at = htole32(archived->at),
                          .length = htole32(archived->length)};

    assert(write->filling != NULL);
    if (write->filling->count > 0 && memcmp(&write->last, &row.id, sizeof row.id) >= 0) {
        error_set(error, ERROR_DATA, "the index of %s/archive/%s is not in the order of its jobs",
                  write->spool->path, write->filling->volume.path);
        return -1;
    }
    memcpy(row.digest, archived->digest, sizeof row.digest);
    write->last = row.id;
    write->filling->count++;
    write->rows++;
    buffer_append(&write->pending, &row, sizeof row);
    return write->pending.length < OUT_SIZE ? 0 : write_aside(write, error);
}

static bool run_less(const void *a, const void *b)
{
    const struct run *first = a, *second = b;
    int order = memcmp(&first->row.id, &second->row.id, sizeof first->row.id);

    return order < 0 ||
           (order == 0 && le32toh(first->row.volume) < le32toh(second->row.volume));
}

static void run_place(void *element, size_t position)
{
    ((struct run *)element)->position = position;
}

/* The next row of the old file that is not left out. Returns 1, or 0 at the end. */
static int next_old(struct run *run)
{
    const struct ids_write *write = run->write;
    const struct ids_row *rows = ids_rows(write->old);

    while (run->next < run->end) {
        const struct ids_row *row = &rows[run->next++];
        const struct entry_volume *volume = &write->volumes[le32toh(row->volume)];

        if (run->next % RELAX_ROWS == 0) {
            ids_relax(write->old);
        }
        if (volume->old && !volume->left) {
            run->row = *row;
            run->row.volume = htole32(volume->number);
            return 1;
        }
    }
    return 0;
}

/* The next row that a volume brought. Returns 1, 0 at the end, or -errno. */
static int next_new(struct run *run)
{
    if (run->ahead_next == run->ahead_count) {
        uint64_t left = run->end - run->next;
        size_t count = left < RUN_ROWS ? (size_t)left : RUN_ROWS;
        size_t size = count * sizeof *run->ahead;
        ssize_t got;

        if (count == 0) {
            return 0;
        }
        got = pread(run->write->aside, run->ahead, size, (off_t)(run->next * sizeof *run->ahead));
        if (got != (ssize_t)size) {
            return got < 0 ? -errno : -EIO;
        }
        run->next += count;
        run->ahead_count = count;
        run->ahead_next = 0;
    }
    run->row = run->ahead[run->ahead_next++];
    run->row.volume = htole32(run->volume->number);
    return 1;
}

static int run_next(struct run *run)
{
    return run->volume == NULL ? next_old(run) : next_new(run);
}

static int out_flush(struct out *out)
{
    int result = file_write(out->fd, out->pending.bytes, out->pending.length);

    sha256_add(out->sum, out->pending.bytes, out->pending.length);
    buffer_clear(&out->pending);
    return result;
}

static int out_add(struct out *out, const void *bytes, size_t length)
{
    buffer_append(&out->pending, bytes, length);
    return out->pending.length < OUT_SIZE ? 0 : out_flush(out);
}

static int merge(struct heap *heap, struct out *out)
{
    struct run *first;
    int result = 0;

    while (result >= 0 && (first = heap_first(heap)) != NULL) {
        result = out_add(out, &first->row, sizeof first->row);
        if (result == 0 && (result = run_next(first)) == 0) {
            heap_remove(heap, 0);
        } else if (result > 0) {
            heap_update(heap, 0);
        }
    }
    return result < 0 ? result : 0;
}

/* A run for the old file and one for each volume that brought units. */
static int make_runs(const struct ids_write *write, struct run *runs, struct heap *heap)
{
    int result = 0;

    for (size_t i = 0; i <= write->count && result >= 0; i++) {
        const struct entry_volume *volume = i < write->count ? &write->volumes[i] : NULL;
        struct run *run = &runs[i];

        if (volume != NULL ? volume->old || volume->left || volume->count == 0 : write->old == NULL) {
            continue;
        }
        *run = (struct run){.write = write, .volume = volume};
        if (volume != NULL) {
            run->next = volume->first;
            run->end = volume->first + volume->count;
            run->ahead = xmalloc(RUN_ROWS * sizeof *run->ahead);
        } else {
            run->end = ids_count(write->old);
        }
        result = run_next(run);
        if (result > 0) {
            heap_insert(heap, run);
        }
    }
    return result < 0 ? result : 0;
}

static int write_rows(const struct ids_write *write, struct out *out)
{
    struct run *runs = xcalloc(write->count + 1, sizeof *runs);
    struct heap heap;
    int result;

    heap_init(&heap, run_less, run_place);
    result = make_runs(write, runs, &heap);
    if (result == 0) {
        result = merge(&heap, out);
    }
    for (size_t i = 0; i <= write->count; i++) {
        free(runs[i].ahead);
    }
    heap_free(&heap);
    free(runs);
    return result;
}

static void table_line(struct buffer *table, const struct ids_volume *volume)
{
    char digest[SHA256_HEX_SIZE];

    buffer_text(table, "{\"volume\":");
    jsontext_write_string(table, volume->path, strlen(volume->path));
    hex_write(volume->sha256, SHA256_SIZE, digest);
    buffer_printf(table, ",\"size\":%llu,\"sha256\":\"%s\"", (unsigned long long)volume->size,
                  digest);
    hex_write(volume->index_sha256, SHA256_SIZE, digest);
    buffer_printf(table, ",\"index_sha256\":\"%s\"}\n", digest);
}

/* Rows of the old file that go over: all, or those of volumes that stay. */
static uint64_t count_old(const struct ids_write *write)
{
    struct run run = {.write = write};
    uint64_t count = 0;

    if (write->old == NULL || !write->fewer) {
        return write->old != NULL ? ids_count(write->old) : 0;
    }
    for (run.end = ids_count(write->old); next_old(&run) > 0;) {
        count++;
    }
    return count;
}

static int write_all(struct ids_write *write, struct out *out)
{
    struct buffer table = {0};
    struct ids_head head = {.magic = IDS_MAGIC, .row_size = htole32(sizeof(struct ids_row))};
    uint64_t rows = count_old(write) + write->rows - write->dropped;
    unsigned char digest[SHA256_SIZE];
    uint32_t volumes = 0;
    int result;

    for (size_t i = 0; i < write->count; i++) {
        if (!write->volumes[i].left) {
            table_line(&table, &write->volumes[i].volume);
            volumes++;
        }
    }
    head.rows = htole64(rows);
    head.volumes = htole32(volumes);
    head.table_offset = htole64(sizeof head + rows * sizeof(struct ids_row));
    head.table_length = htole64(table.length);
    result = out_add(out, &head, sizeof head);
    result = result == 0 ? write_rows(write, out) : result;
    result = result == 0 ? out_add(out, table.bytes != NULL ? table.bytes : "", table.length)
                         : result;
    result = result == 0 ? out_flush(out) : result;
    buffer_free(&table);
    sha256_end(out->sum, digest);
    return result == 0 ? file_write(out->fd, digest, sizeof digest) : result;
}

/* Writes and syncs the new file in tmp/ and renames it. Returns 0 or -errno. */
static int replace(struct ids_write *write)
{
    const struct spool *spool = write->spool;
    char name[STORE_TEMP_SIZE];
    struct out out = {.fd = store_temp_make(spool, name)};
    int result;

    if (out.fd < 0) {
        return out.fd;
    }
    out.sum = sha256_start();
    result = write_all(write, &out);
    buffer_free(&out.pending);
    if (result == 0 && (fchmod(out.fd, spool->job_mode) < 0 || fsync(out.fd) < 0)) {
        result = -errno;
    }
    if (close(out.fd) < 0 && result == 0) {
        result = -errno;
    }
    if (result == 0 &&
        renameat(spool->dir[FOLDER_TMP], name, spool->dir[FOLDER_ARCHIVE], IDS_NAME) < 0) {
        result = -errno;
    }
    if (result < 0) {
        (void)unlinkat(spool->dir[FOLDER_TMP], name, 0);
        return result;
    }
    return file_sync_dir(spool->dir[FOLDER_ARCHIVE]);
}

int ids_write_commit(struct ids_write *write, struct error *error)
{
    uint32_t number = 0;
    int result = write->old != NULL ? ids_verify(write->old, error) : 0;

    for (size_t i = 0; i < write->count; i++) {
        write->volumes[i].number = number;
        number += write->volumes[i].left ? 0 : 1;
    }
    if (result == 0) {
        result = write_aside(write, error);
    }
    if (result == 0) {
        int problem = replace(write);

        if (problem < 0) {
            error_system(error, -problem, "cannot replace %s/archive/ids", write->spool->path);
            result = -1;
        }
    }
    ids_write_abandon(write);
    return result;
}

void ids_write_abandon(struct ids_write *write)
{
    if (write == NULL) {
        return;
    }
    for (size_t i = 0; i < write->count; i++) {
        free(write->volumes[i].volume.path);
    }
    free(write->volumes);
    buffer_free(&write->pending);
    close(write->aside);
    free(write);
}
