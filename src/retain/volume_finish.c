/* SPDX-License-Identifier: GPL-2.0-or-later */
/* volume_finish: a volume that was gathered (volume_write) is put together. */
#include "retain/volume_write.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/timetext.h"
#include "base/xalloc.h"
#include "retain/volume.h"
#include "retain/volume_write_inner.h"
#include "retain/walk.h"
#include "spool/file.h"

enum { COPY_SIZE = 256 * 1024, DAY_MS = 24 * 60 * 60 * 1000 };

static const char *const suffixes[] = {VOLUME_SUFFIX, VOLUME_INDEX_SUFFIX, VOLUME_DIGESTS_SUFFIX};
enum { SUFFIXES = sizeof suffixes / sizeof suffixes[0] };

/* The frames of the manifest: a header before its lines, and behind them what fills the last block. */
static void manifest_header(const struct volume_write *write, struct buffer *out)
{
    struct sink sink = {.out = out};
    struct archive *tar = volume_tar(&sink);

    volume_header(tar, write->entry, WALK_MANIFEST, write->manifest_size, write->last_ms);
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

void volume_digests(const struct volume_made *made, struct buffer *out)
{
    add_digest(out, made, made->sha256, STORE_VOLUME);
    add_digest(out, made, made->index_sha256, STORE_INDEX);
}

static int write_digests(const struct volume_made *made, int fd)
{
    struct buffer text = {0};
    int result;

    volume_digests(made, &text);
    result = file_write(fd, text.bytes, text.length);
    buffer_free(&text);
    return result;
}

/* Ends the gathering: all frames are in their files. */
static int gathered(struct volume_write *write)
{
    int result;

    if (archive_write_close(write->tar) != ARCHIVE_OK) {
        volume_no_memory();
    }
    /* The end of the tar alone may be in this frame. */
    result = volume_write_frame(write);
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
    /* A volume has the results of many users. */
    mode_t mode = spool->confined ? S_IRUSR | S_IWUSR : spool->job_mode;
    int result = 0;

    for (size_t i = 0; i < SUFFIXES; i++) {
        int fd = made->fds[i];

        if (result == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0)) {
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
        result = indexing.refused ? -1 : volume_write_complain(write, result, error);
    }
    volume_write_abandon(write);
    return result;
}
