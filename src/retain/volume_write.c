/* SPDX-License-Identifier: GPL-2.0-or-later */
/* volume_write: writing a volume: jobs, manifest and index are gathered. */
#include "retain/volume_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "retain/index_line.h"
#include "retain/volume_write_inner.h"

enum { ENTRY_MODE = 0600 };


int volume_write_complain(const struct volume_write *write, int problem, struct error *error)
{
    error_system(error, -problem, "cannot write an archive in %s/tmp", write->spool->path);
    return -1;
}

_Noreturn void volume_no_memory(void)
{
    fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
    exit(71);
}

/* --- a tar in memory ------------------------------------------------------------------------------- */

static la_ssize_t on_write(struct archive *archive, void *context, const void *bytes, size_t length)
{
    struct sink *sink = context;

    (void)archive;
    if (!sink->shut) {
        buffer_append(sink->out, bytes, length);
    }
    return (la_ssize_t)length;
}

struct archive *volume_tar(struct sink *sink)
{
    struct archive *tar = archive_write_new();

    if (tar == NULL || archive_write_set_format_ustar(tar) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(tar, 0) != ARCHIVE_OK ||
        archive_write_open(tar, sink, NULL, on_write, NULL) != ARCHIVE_OK) {
        volume_no_memory();
    }
    return tar;
}

/* With what all entries have in common; nobody owns them. */
static struct archive_entry *make_entry(void)
{
    struct archive_entry *entry = archive_entry_new();

    if (entry == NULL) {
        volume_no_memory();
    }
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, ENTRY_MODE);
    return entry;
}

void volume_header(struct archive *tar, struct archive_entry *entry, const char *name, uint64_t size,
                   int64_t ms)
{
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_mtime(entry, ms / 1000, 0);
    if (archive_write_header(tar, entry) != ARCHIVE_OK) {
        volume_no_memory();
    }
}

/* --- adding ------------------------------------------------------------------------------------------ */

/* A file in tmp/ that has no name and goes when it is closed. */
static int nameless(const struct spool *spool)
{
    char name[STORE_TEMP_SIZE];
    int fd = store_temp_make(spool, name);

    if (fd >= 0) {
        (void)unlinkat(spool->dir[FOLDER_TMP], name, 0);
    }
    return fd;
}

struct volume_write *volume_write_begin(const struct spool *spool, struct press *press,
                                        struct error *error)
{
    struct volume_write *write = xcalloc(1, sizeof *write);
    int body = nameless(spool), manifest = nameless(spool), rows = nameless(spool);

    write->spool = spool;
    write->press = press;
    write->rows.fd = rows;
    press_begin(&write->body, press, body, false);
    press_begin(&write->manifest, press, manifest, false);
    write->entries = sha256_start();
    write->lines = sha256_start();
    write->sink.out = &write->body.filling;
    write->tar = volume_tar(&write->sink);
    write->entry = make_entry();
    if (body < 0 || manifest < 0 || rows < 0) {
        volume_write_complain(write, body < 0 ? body : manifest < 0 ? manifest : rows, error);
        volume_write_abandon(write);
        return NULL;
    }
    return write;
}

void volume_note(struct sha256 *entries, const char *name, uint64_t size, int64_t seconds,
                 const unsigned char digest[SHA256_SIZE])
{
    uint64_t numbers[] = {size, (uint64_t)seconds};

    sha256_add(entries, name, strlen(name) + 1);
    sha256_add(entries, numbers, sizeof numbers);
    sha256_add(entries, digest, SHA256_SIZE);
}

static void add_files(struct volume_write *write, const struct gathered *unit)
{
    for (size_t i = 0; i < unit->count; i++) {
        const struct gathered_file *file = &unit->files[i];
        struct jsonspan text = gathered_text(unit, i);

        volume_note(write->entries, file->name, file->length, unit->finished_ms / 1000, file->digest);
        volume_header(write->tar, write->entry, file->name, file->length, unit->finished_ms);
        if (archive_write_data(write->tar, text.text, text.length) != (la_ssize_t)text.length ||
            archive_write_finish_entry(write->tar) != ARCHIVE_OK) {
            volume_no_memory();
        }
        write->content += file->length;
    }
}

static void add_row(struct volume_write *write, const struct gathered *unit, size_t at)
{
    struct volume_row row;

    /* Written as it stands in memory: what lies between its fields, too. */
    memset(&row, 0, sizeof row);
    row.archived.id = unit->id;
    row.archived.failed = unit->folder == FOLDER_FAILED;
    row.archived.highest = unit->highest;
    row.archived.at = (uint32_t)at;
    row.archived.length = (uint32_t)(write->body.filling.length - at);
    memcpy(row.archived.digest, unit->files[unit->count - 1].digest, sizeof row.archived.digest);
    buffer_clear(&write->begin);
    buffer_clear(&write->end);
    index_line_begin(&write->begin, unit);
    index_line_end(&write->end, unit, row.archived.at, row.archived.length);
    row.begin = (uint32_t)write->begin.length;
    row.end = (uint32_t)write->end.length;
    volume_rows_add(&write->rows, &row, write->begin.bytes, write->end.bytes);
}

static void add_lines(struct volume_write *write, const struct gathered *unit)
{
    struct buffer *lines = &write->manifest.filling;
    size_t before = lines->length;

    index_line_manifest(lines, unit);
    sha256_add(write->lines, lines->bytes + before, lines->length - before);
    write->manifest_size += lines->length - before;
}

int volume_write_frame(struct volume_write *write)
{
    uint64_t begins;
    int result = press_frame(&write->body, &begins);

    write->size = begins;
    return result == 0 ? volume_rows_frame(&write->rows, begins) : result;
}

int volume_write_unit(struct volume_write *write, const struct gathered *unit,
                      struct error *error)
{
    size_t at = write->body.filling.length;
    int64_t finished_ms = unit->finished_ms;
    int result = 0;

    add_files(write, unit);
    add_lines(write, unit);
    add_row(write, unit, at);
    write->first_ms =
        write->units == 0 || finished_ms < write->first_ms ? finished_ms : write->first_ms;
    write->last_ms = finished_ms > write->last_ms ? finished_ms : write->last_ms;
    write->units++;
    write->files += unit->count;
    if (write->body.filling.length >= PRESS_FRAME) {
        result = volume_write_frame(write);
    }
    if (result == 0 && write->manifest.filling.length >= PRESS_FRAME) {
        result = press_frame(&write->manifest, NULL);
    }
    return result < 0 ? volume_write_complain(write, result, error) : 0;
}

uint64_t volume_write_size(const struct volume_write *write)
{
    return write->size;
}

void volume_write_abandon(struct volume_write *write)
{
    if (write == NULL) {
        return;
    }
    press_end(&write->body, NULL);
    press_end(&write->manifest, NULL);
    write->sink.shut = true;
    archive_write_free(write->tar);
    archive_entry_free(write->entry);
    for (size_t i = 0; i < 3; i++) {
        int fd = i == 0 ? write->body.fd : i == 1 ? write->manifest.fd : write->rows.fd;

        if (fd >= 0) {
            close(fd);
        }
    }
    volume_rows_free(&write->rows);
    if (write->entries != NULL) {
        sha256_end(write->entries, NULL);
        sha256_end(write->lines, NULL);
    }
    buffer_free(&write->begin);
    buffer_free(&write->end);
    free(write);
}
