/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_write: see batch_write.h.
 */
#include "daemon/batch_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "daemon/batch_find.h"
#include "job/batch_answer.h"
#include "job/batch_body.h"
#include "retain/members.h"
#include "spool/file.h"
#include "spool/visible.h"

enum { PORTION = 1024 * 1024 };

enum result_file { OUTPUT, ERRORS, RESULT_FILES };

static const char *const file_names[RESULT_FILES] = {BATCH_OUTPUT, BATCH_ERRORS};

/* A file of lines, read one after the other. */
struct lines {
    FILE *file; /* NULL: there is none */
    char *text;
    size_t size;
    ssize_t length; /* without the newline; -1: no line */
    size_t number;  /* of the line in its file, from 1 */
    uint64_t next;  /* position of the next line that is not blank */
};

/* A result file that is being made. */
struct sink {
    int fd;
    char temp[TEMP_NAME_SIZE];
    struct buffer text; /* not written yet */
    struct lines old;   /* the one that is there already */
};

struct writing {
    const struct batch_order *order;
    int dir;
    struct batch *batch;
    enum batch_form form;
    struct batch_finder *finder;
    struct lines input;
    struct sink sinks[RESULT_FILES];
    size_t place; /* jobs so far */
    enum batch_end end;
    bool cancelled;
    bool expired;
    struct error *error;
};

/* --- lines that are there -------------------------------------------------------------------------------- */

static void lines_open(struct lines *lines, int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    *lines = (struct lines){.file = fd >= 0 ? fdopen(fd, "r") : NULL, .length = -1};
    if (fd >= 0 && lines->file == NULL)
        close(fd);
}

static void lines_close(struct lines *lines)
{
    if (lines->file != NULL)
        fclose(lines->file);
    free(lines->text);
}

static bool lines_next(struct lines *lines)
{
    lines->length = lines->file != NULL ? getline(&lines->text, &lines->size, lines->file) : -1;
    if (lines->length < 0)
        return false;
    lines->number++;
    if (lines->length > 0 && lines->text[lines->length - 1] == '\n')
        lines->text[--lines->length] = '\0';
    return true;
}

/* Goes on to the line of a position, which grows from call to call. */
static bool lines_seek(struct lines *lines, uint64_t position)
{
    while (lines->next <= position) {
        if (!lines_next(lines))
            return false;
        if (strspn(lines->text, " \t\r") < (size_t)lines->length)
            lines->next++;
    }
    return lines->next == position + 1;
}

/* Goes on to the line that an earlier writing made for a position. */
static bool lines_seek_answer(struct lines *lines, const struct id *id, uint64_t position)
{
    struct id found;
    uint64_t at = 0;

    for (;;) {
        bool read = lines->length >= 0 &&
                    batch_answer_place(lines->text, (size_t)lines->length, &found, &at);

        if (read && at >= position)
            return at == position && id_equal(&found, id);
        if (!lines_next(lines))
            return false;
    }
}

/* --- files that are made --------------------------------------------------------------------------------- */

static int sink_open(struct sink *sink, const struct spool *spool)
{
    temp_name_write(sink->temp);
    sink->fd = openat(spool->dir[FOLDER_TMP], sink->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                      spool->job_mode);
    if (sink->fd < 0)
        return -errno;
    return visible_exact(sink->fd, spool->job_mode); /* the folder of the run says who reads it */
}

static int sink_flush(struct sink *sink, size_t limit)
{
    int result = 0;

    if (sink->text.length > limit) {
        result = file_write(sink->fd, sink->text.bytes, sink->text.length);
        buffer_clear(&sink->text);
    }
    return result;
}

static int sink_publish(struct sink *sink, const struct spool *spool, int dir, const char *name)
{
    int result = sink_flush(sink, 0);

    if (result == 0 && fsync(sink->fd) < 0)
        result = -errno;
    if (close(sink->fd) < 0 && result == 0)
        result = -errno;
    sink->fd = -1;
    if (result == 0 && renameat(spool->dir[FOLDER_TMP], sink->temp, dir, name) < 0)
        result = -errno;
    if (result == 0)
        sink->temp[0] = '\0';
    return result;
}

static void sink_close(struct sink *sink, const struct spool *spool)
{
    if (sink->fd >= 0)
        close(sink->fd);
    if (sink->temp[0] != '\0')
        unlinkat(spool->dir[FOLDER_TMP], sink->temp, 0);
    buffer_free(&sink->text);
    lines_close(&sink->old);
}

/* --- one place of the run -------------------------------------------------------------------------------- */

static void count(struct writing *writing, enum result_file file)
{
    if (file == OUTPUT)
        writing->batch->completed++;
    else
        writing->batch->failed++;
}

static void write_answer(struct writing *writing, const struct batch_place *place,
                         const json_t *record)
{
    json_t *given = json_incref(batch_body_given(writing->form, record));
    json_t *job = given == NULL ? batch_find_job(writing->finder, place->id) : NULL;
    json_t *body = given != NULL ? given : batch_body_made(writing->form, record, job);

    batch_answer_write(&writing->sinks[OUTPUT].text, place, body,
                       jsontext_get_text(record, "request_id", NULL));
    count(writing, OUTPUT);
    json_decref(body);
    json_decref(job);
}

static void write_failure(struct writing *writing, const struct batch_place *place,
                          const json_t *record)
{
    const char *status = jsontext_get_text(record, "status", "");

    writing->cancelled = writing->cancelled || strcmp(status, "cancelled") == 0;
    writing->expired = writing->expired || strcmp(status, "expired") == 0;
    batch_answer_write_error(&writing->sinks[ERRORS].text, place, record);
    count(writing, ERRORS);
}

/* What was told of a job that retention has deleted since stays told. */
static bool keep_old(struct writing *writing, const struct batch_place *place)
{
    for (int i = 0; i < RESULT_FILES; i++) {
        struct lines *old = &writing->sinks[i].old;

        if (lines_seek_answer(old, place->id, place->position)) {
            buffer_append(&writing->sinks[i].text, old->text, (size_t)old->length);
            buffer_byte(&writing->sinks[i].text, '\n');
            count(writing, (enum result_file)i);
            return true;
        }
    }
    return false;
}

/* Why a line was refused by the daemon's rules when its turn came. NULL: it was not. */
static json_t *find_refusal(struct writing *writing)
{
    const struct lines *input = &writing->input;
    char kept[ENTRY_NAME_SIZE], name[ENTRY_NAME_SIZE + 16];
    struct buffer text = {0};
    json_t *record = NULL;

    if (input->length < 0)
        return NULL;
    refused_line_name(writing->batch->list, input->number + writing->batch->header, input->text,
                      (size_t)input->length, kept);
    snprintf(name, sizeof name, "%s.error.json", kept);
    if (file_read_at(writing->order->spool->dir[FOLDER_FAILED], name, SIZE_MAX, &text, NULL) == 0)
        record = jsontext_read_object(text.bytes, text.length, NULL);
    buffer_free(&text);
    return record;
}

/* A job that is nowhere: it was never one, it was deleted, or it is just on its way. */
static enum batch_end write_absent(struct writing *writing, const struct batch_place *place)
{
    json_t *record = find_refusal(writing);

    if (record == NULL && keep_old(writing, place))
        return BATCH_WRITTEN;
    if (record == NULL && !writing->order->sure)
        return BATCH_UNSURE;
    write_failure(writing, place, record);
    json_decref(record);
    return BATCH_WRITTEN;
}

static enum batch_end write_job(struct writing *writing, const struct batch_place *place)
{
    enum batch_end end = BATCH_WRITTEN;
    json_t *record;

    switch (batch_find(writing->finder, place->id, &record, writing->error)) {
    case BATCH_FOUND_DONE:
        write_answer(writing, place, record);
        break;
    case BATCH_FOUND_FAILED:
        write_failure(writing, place, record);
        break;
    case BATCH_FOUND_NONE:
        end = write_absent(writing, place);
        break;
    case BATCH_FOUND_OPEN:
        end = BATCH_OPEN;
        break;
    case BATCH_FOUND_ERROR:
        end = BATCH_FAILED;
        break;
    }
    json_decref(record);
    return end;
}

static int flush(struct writing *writing)
{
    for (int i = 0; i < RESULT_FILES; i++) {
        int result = sink_flush(&writing->sinks[i], PORTION);

        if (result < 0) {
            error_system(writing->error, -result, "runs/%s/%s cannot be written",
                         writing->order->run, file_names[i]);
            return -1;
        }
    }
    return 0;
}

/* A line of the manifest. The custom_id is the input's; who has none was forgotten. */
static int visit(void *context, const struct id *id, const json_t *line)
{
    struct writing *writing = context;
    struct batch_place place = {.id = id,
                                .position = (uint64_t)jsontext_get_int(line, "position", 0)};
    json_t *input = lines_seek(&writing->input, place.position)
                        ? jsontext_read_object(writing->input.text,
                                               (size_t)writing->input.length, NULL)
                        : NULL;

    writing->end = atomic_load(writing->order->stop) ? BATCH_GIVEN_UP : BATCH_WRITTEN;
    place.custom_id = jsontext_get_text(input, "custom_id", NULL);
    if (writing->end == BATCH_WRITTEN && place.custom_id != NULL) {
        if (id != NULL)
            writing->end = write_job(writing, &place);
        else
            write_failure(writing, &place, line);
    }
    json_decref(input);
    if (writing->end == BATCH_WRITTEN && flush(writing) < 0)
        writing->end = BATCH_FAILED;
    writing->place += writing->end == BATCH_WRITTEN && id != NULL;
    return writing->end == BATCH_WRITTEN ? 0 : 1;
}

/* --- all of them ----------------------------------------------------------------------------------------- */

static enum batch_end failed(struct writing *writing, int result, const char *what)
{
    error_system(writing->error, -result, "runs/%s/%s cannot be written", writing->order->run, what);
    return BATCH_FAILED;
}

/* Both files, then the record that says so: what a crash leaves between is open still. */
static enum batch_end publish(struct writing *writing)
{
    const struct spool *spool = writing->order->spool;
    struct batch *batch = writing->batch;
    int result;

    for (int i = 0; i < RESULT_FILES; i++) {
        result = sink_publish(&writing->sinks[i], spool, writing->dir, file_names[i]);
        if (result < 0)
            return failed(writing, result, file_names[i]);
    }
    result = file_sync_dir(writing->dir);
    batch->status = writing->expired     ? BATCH_EXPIRED
                    : writing->cancelled ? BATCH_CANCELLED
                                         : BATCH_COMPLETED;
    batch->ended_ms = clock_wall(writing->order->clock).ms;
    batch->total = batch->completed + batch->failed;
    if (result == 0)
        result = batch_write(spool, writing->dir, writing->order->run, batch);
    return result == 0 ? BATCH_WRITTEN : failed(writing, result, BATCH_RECORD);
}

static enum batch_end write_all(struct writing *writing)
{
    const struct batch_order *order = writing->order;

    for (int i = 0; i < RESULT_FILES; i++) {
        int result = sink_open(&writing->sinks[i], order->spool);

        lines_open(&writing->sinks[i].old, writing->dir, file_names[i]);
        if (result < 0)
            return failed(writing, result, file_names[i]);
    }
    lines_open(&writing->input, writing->dir, BATCH_INPUT);
    if (writing->input.file == NULL)
        return failed(writing, -errno, BATCH_INPUT);
    if (members_each(order->spool, order->run, visit, writing, writing->error) < 0)
        return BATCH_FAILED;
    return writing->end == BATCH_WRITTEN ? publish(writing) : writing->end;
}

/* Under the manifest's lock, as forgetting takes lines out of these files and pruning deletes them. */
static enum batch_end write_locked(struct writing *writing)
{
    struct batch *batch = writing->batch;
    const struct batch_endpoint *endpoint;
    enum batch_end end = BATCH_GONE;

    if (batch_read(writing->dir, batch) < 0)
        return end;
    endpoint = batch_endpoint_find(batch->endpoint);
    if (endpoint != NULL) {
        writing->form = endpoint->form;
        batch->completed = batch->failed = 0;
        writing->finder = batch_finder_new(writing->order->spool);
        end = write_all(writing);
        batch_finder_free(writing->finder);
        lines_close(&writing->input);
        for (int i = 0; i < RESULT_FILES; i++)
            sink_close(&writing->sinks[i], writing->order->spool);
    }
    if (end != BATCH_WRITTEN)
        batch_clear(batch);
    return end;
}

enum batch_end batch_write_results(const struct batch_order *order, size_t *place,
                                   struct batch *batch, struct error *error)
{
    struct writing writing = {.order = order,
                              .batch = batch,
                              .dir = batch_open_run(order->spool, order->run),
                              .sinks = {{.fd = -1}, {.fd = -1}},
                              .error = error};
    int lock = writing.dir >= 0 ? members_lock(writing.dir, 0, 0) : -ENOENT;
    enum batch_end end = BATCH_GONE;

    if (lock >= 0) {
        end = write_locked(&writing);
        close(lock);
    }
    if (writing.dir >= 0)
        close(writing.dir);
    *place = writing.place;
    return end;
}
