/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest: see manifest.h.
 */
#include "daemon/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/jsontext.h"
#include "base/moneytext.h"
#include "base/xalloc.h"
#include "spool/file.h"

#define FILE_NAME "manifest.jsonl"
#define POSITION "{\"position\":" /* how each line begins */

/* A line that is to be there. */
struct line {
    uint64_t position;
    size_t start; /* in text */
    size_t length;
    bool present;
};

struct manifest {
    struct core *core;
    struct manifest_header header;
    struct buffer text;
    struct line *lines;
    size_t count;
    size_t capacity;
    uv_work_t work;
    int result;
    void (*done)(void *context, int result);
    void *context;
};

/* --- the header ------------------------------------------------------------------------------------------ */

static int bad_header(struct error *error, const char *what)
{
    error_set(error, ERROR_DATA, "the first line names a run, but %s", what);
    return -1;
}

/* max_cost is a number, or text as amounts are written elsewhere. */
static bool read_max_cost(const json_t *value, int64_t *nano)
{
    *nano = -1;
    if (value == NULL)
        return true;
    return json_is_string(value) ? moneytext_read(json_string_value(value), nano) == 0
                                 : json_is_number(value) &&
                                       amount_of_double(json_number_value(value), nano);
}

/* What of the line is no header, or NULL. */
static const char *header_take(const json_t *line, struct manifest_header *header)
{
    const json_t *first = json_object_get(line, "first");
    const json_t *max_cost = json_object_get(line, "max_cost");
    const char *name = json_string_value(json_object_get(line, "run"));

    if (name == NULL || !layout_name_ok(name))
        return "its name is none: 1 to 100 of A-Z a-z 0-9 . _ -, no leading dot, not 6 to 64 hex "
               "digits";
    if (json_object_size(line) != 1U + (first != NULL) + (max_cost != NULL))
        return "it has keys other than run, first and max_cost";
    if (first != NULL && (!json_is_integer(first) || json_integer_value(first) < 0))
        return "first is no position (0 or more)";
    if (!read_max_cost(max_cost, &header->max_cost_nano))
        return "max_cost is no amount of money";
    strcpy(header->name, name);
    header->first = (uint64_t)json_integer_value(first);
    return NULL;
}

int manifest_header_read(const char *text, size_t length, struct manifest_header *header,
                         struct error *error)
{
    json_t *line = jsontext_read(text, length, NULL);
    const char *fault;
    int result = 0;

    if (json_object_get(line, "run") != NULL) {
        fault = header_take(line, header);
        result = fault == NULL ? 1 : bad_header(error, fault);
    }
    json_decref(line);
    return result;
}

/* --- gathering ------------------------------------------------------------------------------------------- */

struct manifest *manifest_new(struct core *core, const struct manifest_header *header)
{
    struct manifest *manifest = xcalloc(1, sizeof *manifest);

    manifest->core = core;
    manifest->header = *header;
    manifest->work.data = manifest;
    return manifest;
}

void manifest_free(struct manifest *manifest)
{
    if (manifest == NULL)
        return;
    buffer_free(&manifest->text);
    free(manifest->lines);
    free(manifest);
}

static void write_line(struct buffer *text, uint64_t position, const struct job *job)
{
    char id[ID_TEXT_SIZE];
    json_t *line = json_object();

    json_object_set_new(line, "position", json_integer((json_int_t)position));
    if (job == NULL) {
        json_object_set_new(line, "id", json_null());
        json_object_set_new(line, "status", json_string("refused"));
    } else {
        id_write(&job->id, id);
        json_object_set_new(line, "id", json_string(id));
        if (job->name != NULL)
            json_object_set_new(line, "name", json_string(job->name));
        json_object_set(line, "metadata", json_object_get(job->document, "metadata"));
    }
    jsontext_write(text, line);
    buffer_byte(text, '\n');
    json_decref(line);
}

void manifest_add(struct manifest *manifest, const struct job *job)
{
    struct line *line;

    if (manifest->count == manifest->capacity) {
        manifest->capacity = 2 * manifest->capacity + 64;
        manifest->lines = xrealloc(manifest->lines, manifest->capacity * sizeof *manifest->lines);
    }
    line = &manifest->lines[manifest->count];
    *line = (struct line){.position = manifest->header.first + manifest->count,
                          .start = manifest->text.length};
    write_line(&manifest->text, line->position, job);
    line->length = manifest->text.length - line->start;
    manifest->count++;
}

/* --- writing, in the thread pool -------------------------------------------------------------------------- */

/* Marks the positions that the file, whose last line is whole, has already. */
static void mark_present(struct manifest *manifest, const char *text, size_t length)
{
    const char *end = text + length;
    const char *line = text;

    while (line < end) {
        const char *next = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
        uint64_t position;

        if ((size_t)(next - line) > strlen(POSITION) &&
            strncmp(line, POSITION, strlen(POSITION)) == 0) {
            position = strtoull(line + strlen(POSITION), NULL, 10) - manifest->header.first;
            if (position < manifest->count)
                manifest->lines[position].present = true;
        }
        line = next;
    }
}

/* What a crash left after the last newline is cut off. */
static int cut_torn_line(int fd, struct buffer *old)
{
    size_t whole = old->length;

    while (whole > 0 && old->bytes[whole - 1] != '\n')
        whole--;
    if (whole == old->length)
        return 0;
    old->length = whole;
    return ftruncate(fd, (off_t)whole) == 0 ? 0 : -errno;
}

static int append_missing(struct manifest *manifest, int fd)
{
    struct buffer missing = {0};
    struct buffer old = {0};
    int result = file_read(fd, SIZE_MAX, &old);

    if (result == 0)
        result = cut_torn_line(fd, &old);
    if (result == 0) {
        mark_present(manifest, old.bytes, old.length);
        for (size_t i = 0; i < manifest->count; i++)
            if (!manifest->lines[i].present)
                buffer_append(&missing, manifest->text.bytes + manifest->lines[i].start,
                              manifest->lines[i].length);
        result = file_write(fd, missing.bytes, missing.length);
    }
    if (result == 0 && fsync(fd) < 0)
        result = -errno;
    buffer_free(&missing);
    buffer_free(&old);
    return result;
}

static int write_in(struct manifest *manifest, int dir)
{
    int fd = openat(dir, FILE_NAME, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                    manifest->core->spool->job_mode);
    int result;

    if (fd < 0)
        return -errno;
    result = append_missing(manifest, fd);
    if (close(fd) < 0 && result == 0)
        result = -errno;
    return result < 0 ? result : file_sync_dir(dir);
}

static void write_work(uv_work_t *work)
{
    struct manifest *manifest = work->data;
    int runs = manifest->core->spool->dir[FOLDER_RUNS];
    mode_t mode = manifest->core->spool->shared ? 0750 : 0700;
    int dir;

    if (mkdirat(runs, manifest->header.name, mode) < 0 && errno != EEXIST) {
        manifest->result = -errno;
        return;
    }
    dir = openat(runs, manifest->header.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0) {
        manifest->result = -errno;
        return;
    }
    manifest->result = write_in(manifest, dir);
    close(dir);
    if (manifest->result == 0)
        manifest->result = file_sync_dir(runs);
}

static void write_done(uv_work_t *work, int status)
{
    struct manifest *manifest = work->data;

    if (manifest->done != NULL)
        manifest->done(manifest->context, status < 0 ? status : manifest->result);
    manifest_free(manifest);
}

void manifest_forget(struct manifest *manifest)
{
    manifest->done = NULL;
}

void manifest_write(struct manifest *manifest, void (*done)(void *context, int result),
                    void *context)
{
    manifest->done = done;
    manifest->context = context;
    if (uv_queue_work(manifest->core->loop, &manifest->work, write_work, write_done) == 0)
        return;
    done(context, -EAGAIN);
    manifest_free(manifest);
}
