/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_file: see batch_file.h.
 */
#include "daemon/batch_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "job/batch_check.h"
#include "retain/batch.h"
#include "spool/file.h"
#include "spool/visible.h"

enum { LINES_LOOKED_AT = 64, PORTION = 256 * 1024 };

struct batch_file {
    struct core *core;
    const struct manifest_header *header;
    struct batch_check *check;
    struct batch record;
    size_t lines;
    uv_work_t work;
    bool working;
    bool abandoned;
    int fd; /* of the list, while it is entered */
    off_t from;
    int result;
    void (*done)(void *context, int result);
    void *context;
};

/* --- what it is ------------------------------------------------------------------------------------------ */

bool batch_file_is(const char *text, size_t length)
{
    const char *end = text + length;

    for (int i = 0; i < LINES_LOOKED_AT && text < end; i++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        json_t *line = jsontext_read(text, (size_t)((stop != NULL ? stop : end) - text), NULL);
        bool is = batch_line_is(line);
        bool object = json_is_object(line);

        json_decref(line);
        if (object)
            return is;
        if (stop == NULL)
            break;
        text = stop + 1;
    }
    return false;
}

int batch_file_header(const char *list, struct manifest_header *header, struct error *error)
{
    size_t length = strlen(list) - strlen(".jsonl");
    const char *foreign = batch_foreign_key(header->job);

    if (header->name[0] == '\0') {
        snprintf(header->name, sizeof header->name, "%.*s", (int)length, list);
        header->max_cost_nano = -1;
    }
    if (!layout_name_ok(header->name)) {
        error_set(error, ERROR_DATA,
                  "a batch has the name of its file without .jsonl as its run, and %s is none: 1 to 100 "
                  "of A-Z a-z 0-9 . _ -, no leading dot, not 6 to 64 hex digits. Drop it under another "
                  "name, or begin it with {\"run\": \"NAME\"}",
                  header->name);
        return -1;
    }
    if (header->replace || header->first > 0 || (header->job != NULL && foreign != NULL) ||
        (header->job != NULL && !json_is_object(header->job))) {
        error_set(error, ERROR_DATA,
                  "the first line names a run for a batch, whose lines begin at 0 and replace nothing; "
                  "\"job\" is for how and when%s%s",
                  foreign != NULL ? ", and not for " : "", foreign != NULL ? foreign : "");
        return -1;
    }
    return 0;
}

struct batch_file *batch_file_new(struct core *core, const char *list,
                                  const struct manifest_header *header, bool said)
{
    struct batch_file *batch = xcalloc(1, sizeof *batch);

    batch->core = core;
    batch->header = header;
    batch->check = batch_check_new();
    batch->work.data = batch;
    batch->fd = -1;
    batch->record.header = said;
    snprintf(batch->record.list, sizeof batch->record.list, "%s", list);
    return batch;
}

static void batch_free(struct batch_file *batch)
{
    batch_check_free(batch->check);
    batch_clear(&batch->record);
    if (batch->fd >= 0)
        close(batch->fd);
    free(batch);
}

void batch_file_free(struct batch_file *batch)
{
    if (batch != NULL && batch->working)
        batch->abandoned = true;
    else if (batch != NULL)
        batch_free(batch);
}

/* --- lines ------------------------------------------------------------------------------------------------ */

/* The job of a line that was read. */
static struct job *make_job(const struct batch_file *batch, const struct batch_line *line,
                            const struct job_context *context, struct error *error)
{
    struct refusal refusal = {"bad_value", error};
    json_t *document = batch_line_job(line, &refusal);
    struct job *job;

    if (document == NULL) {
        if (context->reason != NULL)
            *context->reason = refusal.reason;
        return NULL;
    }
    json_object_update(document, batch->header->job);
    job = job_from_json(document, context, error);
    json_decref(document);
    return job;
}

struct job *batch_file_job(const struct batch_file *batch, const char *text, size_t length,
                           const struct job_context *context, struct error *error)
{
    struct refusal refusal = {"invalid_json_line", error};
    json_t *document = jsontext_read(text, length, error);
    struct batch_line line;
    struct job *job = NULL;

    if (document != NULL && batch_line_read(document, &line, &refusal) == 0)
        job = make_job(batch, &line, context, error);
    else if (context->reason != NULL)
        *context->reason = refusal.reason;
    json_decref(document);
    return job;
}

void batch_file_gather(struct batch_file *batch, struct manifest *manifest, size_t number,
                       const char *text, size_t length, const struct job_context *context)
{
    char hex[ID_TEXT_SIZE] = "";
    const char *reason = "bad_job";
    struct job_context judged = *context;
    struct batch_line line;
    struct error error;
    struct job *job;
    json_t *document;

    batch->lines++;
    if (!batch_check_line(batch->check, number, text, length, &line, &document))
        return;
    judged.reason = &reason;
    job = make_job(batch, &line, &judged, &error);
    if (job != NULL)
        id_write(&job->id, hex);
    manifest_add_line(
        manifest, job != NULL
                      ? json_pack("{s:s, s:s, s:O*}", "id", hex, "custom_id", line.custom_id,
                                  "metadata", json_object_get(job->document, "metadata"))
                      : json_pack("{s:n, s:s, s:s, s:s, s:s}", "id", "status", "refused",
                                  "custom_id", line.custom_id, "reason", reason, "message",
                                  error.text));
    job_free(job);
    json_decref(document);
}

int batch_file_judge(struct batch_file *batch, const char **reason, struct error *error)
{
    struct refusal refusal = {NULL, error};
    const struct batch_endpoint *endpoint = batch_check_endpoint(batch->check);

    if (batch_check_end(batch->check, &refusal) < 0) {
        *reason = refusal.reason;
        return -1;
    }
    snprintf(batch->record.endpoint, sizeof batch->record.endpoint, "%s", endpoint->url);
    batch->record.model = xstrdup(batch_check_model(batch->check));
    batch->record.total = batch->lines;
    return 0;
}

/* --- its run, in the thread pool -------------------------------------------------------------------------- */

static void work_done(uv_work_t *work, int status)
{
    struct batch_file *batch = work->data;

    batch->working = false;
    if (batch->abandoned)
        batch_free(batch);
    else
        batch->done(batch->context, status < 0 ? status : batch->result);
}

static void work_begin(struct batch_file *batch, uv_work_cb work,
                       void (*done)(void *context, int result), void *context)
{
    batch->done = done;
    batch->context = context;
    batch->working = true;
    if (uv_queue_work(batch->core->loop, &batch->work, work, work_done) == 0)
        return;
    batch->working = false;
    done(context, -EAGAIN);
}

/* Copies what lies behind the offset into to, and hashes it. */
static int copy(struct batch_file *batch, int to)
{
    struct sha256 *hash = sha256_start();
    unsigned char digest[SHA256_SIZE];
    char *bytes = xmalloc(PORTION);
    int result = lseek(batch->fd, batch->from, SEEK_SET) < 0 ? -errno : 0;

    while (result == 0) {
        ssize_t got = read(batch->fd, bytes, PORTION);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            result = got < 0 ? -errno : 0;
            break;
        }
        sha256_add(hash, bytes, (size_t)got);
        result = file_write(to, bytes, (size_t)got);
    }
    sha256_end(hash, digest);
    hex_write(digest, sizeof digest, batch->record.sha256);
    free(bytes);
    return result;
}

/* What the run's folder says of an earlier taking. Returns 0 when it is this batch's or new. */
static int compare(struct batch_file *batch, int dir)
{
    struct batch before;
    int result = batch_read(dir, &before);

    if (result == -ENOENT) {
        bool other = faccessat(dir, "manifest.jsonl", F_OK, AT_SYMLINK_NOFOLLOW) == 0;

        batch->record.created_ms = clock_wall(batch->core->clock).ms;
        return other ? -EEXIST : 0;
    }
    if (result == 0 && strcmp(before.sha256, batch->record.sha256) != 0)
        result = -EEXIST;
    batch->record.created_ms = before.created_ms;
    batch_clear(&before);
    return result;
}

/* input.jsonl stays as it is where it is there: forgetting may have taken lines out of it. */
static int enter_files(struct batch_file *batch, int dir, const char *temp, int fd)
{
    const struct spool *spool = batch->core->spool;
    int result = copy(batch, fd);

    if (result == 0)
        result = compare(batch, dir);
    if (result == 0 && faccessat(dir, BATCH_INPUT, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        if (fsync(fd) < 0 || renameat(spool->dir[FOLDER_TMP], temp, dir, BATCH_INPUT) < 0)
            return -errno;
    }
    batch->record.status = BATCH_VALIDATING;
    return result == 0 ? batch_write(spool, dir, batch->header->name, &batch->record) : result;
}

static int enter_run(struct batch_file *batch, int dir)
{
    const struct spool *spool = batch->core->spool;
    int tmp = spool->dir[FOLDER_TMP];
    char temp[TEMP_NAME_SIZE];
    int fd, result;

    temp_name_write(temp);
    fd = openat(tmp, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, spool->job_mode);
    if (fd < 0)
        return -errno;
    result = visible_exact(fd, spool->job_mode); /* the folder of the run says who reads it */
    if (result == 0)
        result = enter_files(batch, dir, temp, fd);
    if (close(fd) < 0 && result == 0)
        result = -errno;
    if (unlinkat(tmp, temp, 0) < 0 && errno != ENOENT && result == 0)
        result = -errno;
    return result == 0 ? file_sync_dir(spool->dir[FOLDER_RUNS]) : result;
}

static void enter_work(uv_work_t *work)
{
    struct batch_file *batch = work->data;
    const struct spool *spool = batch->core->spool;
    int dir;

    if (mkdirat(spool->dir[FOLDER_RUNS], batch->header->name, spool->shared ? 0750 : 0700) < 0 &&
        errno != EEXIST) {
        batch->result = -errno;
        return;
    }
    dir = batch_open_run(spool, batch->header->name);
    batch->result = dir >= 0 ? enter_run(batch, dir) : dir;
    if (dir >= 0)
        close(dir);
}

void batch_file_enter(struct batch_file *batch, int fd, off_t from,
                      void (*done)(void *context, int result), void *context)
{
    if (batch->fd < 0)
        batch->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    batch->from = from;
    if (batch->fd < 0)
        done(context, -errno);
    else
        work_begin(batch, enter_work, done, context);
}

static void accepted_work(uv_work_t *work)
{
    struct batch_file *batch = work->data;
    int dir = batch_open_run(batch->core->spool, batch->header->name);

    batch->record.status = BATCH_IN_PROGRESS;
    batch->result = dir >= 0 ? batch_write(batch->core->spool, dir, batch->header->name,
                                           &batch->record)
                             : dir;
    if (dir >= 0)
        close(dir);
}

void batch_file_accepted(struct batch_file *batch, void (*done)(void *context, int result),
                         void *context)
{
    work_begin(batch, accepted_work, done, context);
}
