/* SPDX-License-Identifier: GPL-2.0-or-later */
/* volume_write: writing a volume: jobs, manifest and index are gathered, and put together at the end. */
#include "retain/volume_write.h"

#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/day.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "retain/gather.h"
#include "retain/index_line.h"
#include "retain/volume.h"
#include "retain/volume_rows.h"
#include "retain/walk.h"
#include "spool/file.h"

enum { COPY_SIZE = 256 * 1024, ENTRY_MODE = 0600, DAY_MS = 24 * 60 * 60 * 1000 };

static const char *const suffixes[] = {VOLUME_SUFFIX, VOLUME_INDEX_SUFFIX, VOLUME_DIGESTS_SUFFIX};
enum { SUFFIXES = sizeof suffixes / sizeof suffixes[0] };

/* Where the bytes of a tar go. */
struct sink {
    struct buffer *out;
    bool shut; /* what else comes is dropped */
};

struct volume_write {
    const struct spool *spool;
    struct archive *tar;           /* of the jobs */
    struct sink sink;              /* its */
    struct archive_entry *entry;
    struct press *press;
    struct press_stream body;      /* frames of jobs */
    struct press_stream manifest;  /* its lines */
    uint64_t manifest_size;        /* bytes of these lines */
    struct volume_rows rows;
    uint64_t size;                 /* see volume_write_size */
    struct sha256 *entries;  /* see volume_made */
    struct sha256 *lines;
    struct buffer begin; /* room for a line of the index */
    struct buffer end;
    uint64_t units;
    uint64_t files;
    uint64_t content;
    int64_t first_ms;
    int64_t last_ms;
};

static int complain(const struct volume_write *write, int problem, struct error *error)
{
    error_system(error, -problem, "cannot write an archive in %s/tmp", write->spool->path);
    return -1;
}

static _Noreturn void no_memory(void)
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

/* A tar whose bytes go to the sink at once, unblocked. What can fail is memory alone. */
static struct archive *tar_open(struct sink *sink)
{
    struct archive *tar = archive_write_new();

    if (tar == NULL || archive_write_set_format_pax_restricted(tar) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(tar, 0) != ARCHIVE_OK ||
        archive_write_open(tar, sink, NULL, on_write, NULL) != ARCHIVE_OK) {
        no_memory();
    }
    return tar;
}

static void tar_header(struct archive *tar, struct archive_entry *entry, const char *name,
                       uint64_t size, int64_t ms)
{
    archive_entry_clear(entry);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, ENTRY_MODE);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_mtime(entry, ms / 1000, 0);
    archive_entry_set_uname(entry, "");
    archive_entry_set_gname(entry, "");
    if (archive_write_header(tar, entry) != ARCHIVE_OK) {
        no_memory();
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
    write->tar = tar_open(&write->sink);
    write->entry = archive_entry_new();
    if (write->entry == NULL) {
        no_memory();
    }
    if (body < 0 || manifest < 0 || rows < 0) {
        complain(write, body < 0 ? body : manifest < 0 ? manifest : rows, error);
        volume_write_abandon(write);
        return NULL;
    }
    return write;
}

void volume_note(struct sha256 *entries, const char *name, uint64_t size, int64_t seconds,
                 const unsigned char digest[SHA256_SIZE])
{
    char text[INDEX_NAME_SIZE + 64];
    int length = snprintf(text, sizeof text, "%s %llu %lld\n", name, (unsigned long long)size,
                          (long long)seconds);

    sha256_add(entries, text, (size_t)length);
    sha256_add(entries, digest, SHA256_SIZE);
}

static void add_files(struct volume_write *write, const struct gathered *unit)
{
    for (size_t i = 0; i < unit->count; i++) {
        const struct gathered_file *file = &unit->files[i];
        struct jsonspan text = gathered_text(unit, i);

        volume_note(write->entries, file->name, file->length, unit->finished_ms / 1000, file->digest);
        tar_header(write->tar, write->entry, file->name, file->length, unit->finished_ms);
        if (archive_write_data(write->tar, text.text, text.length) != (la_ssize_t)text.length ||
            archive_write_finish_entry(write->tar) != ARCHIVE_OK) {
            no_memory();
        }
        write->content += file->length;
    }
}

static void add_row(struct volume_write *write, const struct gathered *unit, size_t at)
{
    struct volume_row row = {.archived = {.id = unit->id,
                                          .failed = unit->folder == FOLDER_FAILED,
                                          .highest = unit->highest,
                                          .at = (uint32_t)at,
                                          .length = (uint32_t)(write->body.filling.length - at)}};

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

/* Ends the frame of jobs: from here on it is known where it begins. */
static int end_frame(struct volume_write *write)
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
        result = end_frame(write);
    }
    if (result == 0 && write->manifest.filling.length >= PRESS_FRAME) {
        result = press_frame(&write->manifest, NULL);
    }
    return result < 0 ? complain(write, result, error) : 0;
}

uint64_t volume_write_size(const struct volume_write *write)
{
    return write->size;
}

/* --- putting together ---------------------------------------------------------------------------------- */

/* The frames of the manifest: a header before its lines, and behind them what fills the last block. */
static void manifest_header(const struct volume_write *write, struct buffer *out)
{
    struct sink sink = {.out = out};
    struct archive *tar = tar_open(&sink);

    tar_header(tar, write->entry, WALK_MANIFEST, write->manifest_size, write->last_ms);
    /* Without content and the end of a tar: they come by other ways. */
    sink.shut = true;
    archive_write_free(tar);
}

/* Appends what a file without a name has to a stream, past its frames. */
static int copy(struct press_stream *out, int from)
{
    char *bytes = xmalloc(COPY_SIZE);
    off_t at = 0;
    ssize_t count;
    int result = 0;

    while (result == 0 && (count = pread(from, bytes, COPY_SIZE, at)) != 0) {
        if (count > 0) {
            result = file_write(out->fd, bytes, (size_t)count);
            sha256_add(out->sum, bytes, (size_t)count);
            out->written += (uint64_t)count;
            at += count;
        } else if (errno != EINTR) {
            result = -errno;
        }
    }
    free(bytes);
    return result;
}

/* Writes the volume; *shift is where the frames of jobs begin in it. */
static int write_volume(struct volume_write *write, struct press_stream *out, uint64_t *shift)
{
    size_t filling = (size_t)(-write->manifest_size % INDEX_BLOCK);
    static const char zeros[INDEX_BLOCK];
    int result;

    manifest_header(write, &out->filling);
    result = press_finish(out);
    result = result == 0 ? copy(out, write->manifest.fd) : result;
    if (result == 0 && filling > 0) {
        buffer_append(&out->filling, zeros, filling);
        result = press_finish(out);
    }
    *shift = out->written;
    return result == 0 ? copy(out, write->body.fd) : result;
}

struct indexing {
    struct press_stream *out;
    struct sha256 *lines; /* all that goes into out */
    uint64_t shift;
    int (*unit)(void *context, const struct archived *archived, struct error *error);
    void *context;
    struct error *error;
    bool refused; /* unit has failed, and *error tells */
};

static int index_row(void *context, struct volume_row *row, const char *text)
{
    struct indexing *indexing = context;
    struct buffer *lines = &indexing->out->filling;
    size_t before = lines->length;

    row->archived.frame += indexing->shift;
    buffer_append(lines, text, row->begin);
    buffer_printf(lines, "%llu", (unsigned long long)row->archived.frame);
    buffer_append(lines, text + row->begin, row->end);
    sha256_add(indexing->lines, lines->bytes + before, lines->length - before);
    if (indexing->unit(indexing->context, &row->archived, indexing->error) < 0) {
        indexing->refused = true;
        return -ECANCELED;
    }
    return lines->length >= PRESS_FRAME ? press_frame(indexing->out, NULL) : 0;
}

static void add_head(const struct volume_write *write, const struct volume_made *made,
                       struct buffer *out)
{
    char name[STORE_NAME_SIZE], hex[SHA256_HEX_SIZE];
    char first[TIMETEXT_SIZE], last[TIMETEXT_SIZE];

    store_name_write(&made->name, STORE_VOLUME, name);
    hex_write(made->sha256, SHA256_SIZE, hex);
    timetext_write((struct wall){.ms = write->first_ms}, first);
    timetext_write((struct wall){.ms = write->last_ms}, last);
    buffer_printf(out,
                  "{\"llmspool_archive\":1,\"volume\":\"%s\",\"size\":%llu,\"sha256\":\"%s\","
                  "\"units\":%llu,\"files\":%llu,\"first\":\"%s\",\"last\":\"%s\"}\n",
                  name, (unsigned long long)made->size, hex, (unsigned long long)made->units,
                  (unsigned long long)made->files, first, last);
}

static int write_index(struct volume_write *write, struct volume_made *made,
                       struct indexing *indexing)
{
    int result;

    indexing->lines = sha256_start();
    add_head(write, made, &indexing->out->filling);
    sha256_add(indexing->lines, indexing->out->filling.bytes, indexing->out->filling.length);
    result = volume_rows_each(&write->rows, index_row, indexing);
    sha256_end(indexing->lines, made->index);
    return result == 0 ? press_finish(indexing->out) : result;
}

static void add_digest(struct buffer *out, const struct volume_made *made,
                       const unsigned char *digest, enum store_kind kind)
{
    char name[STORE_NAME_SIZE], hex[SHA256_HEX_SIZE];

    store_name_write(&made->name, kind, name);
    hex_write(digest, SHA256_SIZE, hex);
    buffer_printf(out, "%s  %s\n", hex, name);
}

static int write_digests(const struct volume_made *made, int fd)
{
    struct buffer text = {0};
    int result;

    add_digest(&text, made, made->sha256, STORE_VOLUME);
    add_digest(&text, made, made->index_sha256, STORE_INDEX);
    result = file_write(fd, text.bytes, text.length);
    buffer_free(&text);
    return result;
}

/* Ends the gathering: all frames are in their files. */
static int gathered(struct volume_write *write)
{
    int result;

    if (archive_write_close(write->tar) != ARCHIVE_OK) {
        no_memory();
    }
    /* The end of the tar alone may be in this frame. */
    result = end_frame(write);
    if (result == 0) {
        result = press_finish(&write->body);
    }
    return result == 0 ? press_finish(&write->manifest) : result;
}

static int write_files(struct volume_write *write, struct volume_made *made,
                       struct indexing *indexing)
{
    struct press_stream volume, index;
    int result = gathered(write);

    if (result < 0) {
        return result;
    }
    sha256_end(write->entries, made->entries);
    sha256_end(write->lines, made->manifest);
    write->entries = NULL;
    write->lines = NULL;
    press_begin(&volume, write->press, made->fds[STORE_VOLUME], true);
    result = write_volume(write, &volume, &indexing->shift);
    made->size = volume.written;
    press_end(&volume, made->sha256);
    if (result < 0) {
        return result;
    }
    press_begin(&index, write->press, made->fds[STORE_INDEX], true);
    indexing->out = &index;
    result = write_index(write, made, indexing);
    press_end(&index, made->index_sha256);
    return result == 0 ? write_digests(made, made->fds[STORE_DIGESTS]) : result;
}

static void temp_path(const struct volume_made *made, size_t kind, char out[STORE_NAME_SIZE])
{
    snprintf(out, STORE_NAME_SIZE, "%s%s", made->stem, suffixes[kind]);
}

void volume_write_discard(const struct spool *spool, struct volume_made *made)
{
    char name[STORE_NAME_SIZE];

    for (size_t i = 0; i < SUFFIXES; i++) {
        if (made->fds[i] >= 0) {
            (void)close(made->fds[i]);
            made->fds[i] = -1;
        }
        temp_path(made, i, name);
        (void)unlinkat(spool->dir[FOLDER_TMP], name, 0);
    }
}

int volume_write_seal(const struct spool *spool, struct volume_made *made)
{
    int result = 0;

    for (size_t i = 0; i < SUFFIXES; i++) {
        int fd = made->fds[i];

        if (result == 0 && (fchmod(fd, spool->job_mode) < 0 || fsync(fd) < 0)) {
            result = -errno;
        }
        if (close(fd) < 0 && result == 0) {
            result = -errno;
        }
        made->fds[i] = -1;
    }
    return result;
}

/* Makes the three files in tmp/. */
static int make_files(const struct spool *spool, struct volume_made *made)
{
    char name[STORE_NAME_SIZE];

    for (size_t i = 0; i < SUFFIXES; i++) {
        temp_path(made, i, name);
        made->fds[i] = openat(spool->dir[FOLDER_TMP], name,
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (made->fds[i] < 0) {
            return -errno;
        }
    }
    return 0;
}

static void describe(const struct volume_write *write, const char *host, unsigned number,
                     struct volume_made *made)
{
    *made = (struct volume_made){
        .fds = {-1, -1, -1}, .units = write->units, .files = write->files,
        .content = write->content};
    store_temp_write(made->stem);
    snprintf(made->name.host, sizeof made->name.host, "%s", host);
    made->name.from = (int32_t)(write->first_ms / DAY_MS);
    made->name.to = (int32_t)(write->last_ms / DAY_MS);
    made->name.number = number;
}

int volume_write_finish(struct volume_write *write, const char *host, unsigned number,
                        int (*unit)(void *context, const struct archived *archived,
                                    struct error *error),
                        void *context, struct volume_made *made, struct error *error)
{
    struct indexing indexing = {.unit = unit, .context = context, .error = error};
    int result;

    assert(write->units > 0);
    describe(write, host, number, made);
    result = make_files(write->spool, made);
    if (result == 0) {
        result = write_files(write, made, &indexing);
    }
    if (result < 0) {
        volume_write_discard(write->spool, made);
        result = indexing.refused ? -1 : complain(write, result, error);
    }
    volume_write_abandon(write);
    return result;
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
