/* SPDX-License-Identifier: GPL-2.0-or-later */
/* batch: runs/NAME/batch.json: what kind of a batch a run is and how far it came. */
#include "retain/batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "spool/file.h"

enum { RECORD_LIMIT = 64 * 1024 };

static const char *const words[] = {
    [BATCH_VALIDATING] = "validating", [BATCH_IN_PROGRESS] = "in_progress",
    [BATCH_COMPLETED] = "completed",   [BATCH_CANCELLED] = "cancelled",
    [BATCH_EXPIRED] = "expired",
};

const char *batch_status_word(enum batch_status status)
{
    return words[status];
}

bool batch_has_ended(const struct batch *batch)
{
    return batch->status >= BATCH_COMPLETED;
}

static bool read_status(const char *word, enum batch_status *status)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], word) == 0) {
            *status = (enum batch_status)i;
            return true;
        }
    }
    return false;
}

static uint64_t count_of(const json_t *counts, const char *key)
{
    json_int_t count = jsontext_get_int(counts, key, 0);
    return count > 0 ? (uint64_t)count : 0;
}

static bool take(const json_t *record, struct batch *batch)
{
    const json_t *counts = json_object_get(record, "request_counts");
    if (!read_status(jsontext_get_text(record, "status", ""), &batch->status)) {
        return false;
    }
    snprintf(batch->list, sizeof batch->list, "%s", jsontext_get_text(record, "list", ""));
    snprintf(batch->endpoint, sizeof batch->endpoint, "%s",
             jsontext_get_text(record, "endpoint", ""));
    snprintf(batch->sha256, sizeof batch->sha256, "%s",
             jsontext_get_text(record, "input_sha256", ""));
    batch->model = xstrdup(jsontext_get_text(record, "model", NULL));
    batch->header = jsontext_get_bool(record, "header", false);
    batch->created_ms = jsontext_get_int(record, "created_at", 0) * 1000;
    batch->ended_ms = jsontext_get_int(record, "ended_at", 0) * 1000;
    batch->total = count_of(counts, "total");
    batch->completed = count_of(counts, "completed");
    batch->failed = count_of(counts, "failed");
    return true;
}

int batch_read(int dir, struct batch *batch)
{
    struct buffer text = {0};
    json_t *record;
    int result = file_read_at(dir, BATCH_RECORD, RECORD_LIMIT, &text, NULL);
    *batch = (struct batch){0};
    if (result == 0) {
        record = jsontext_read_object(text.bytes != NULL ? text.bytes : "", text.length, NULL);
        result = record != NULL && take(record, batch) ? 0 : -EINVAL;
        json_decref(record);
    }
    buffer_free(&text);
    return result;
}

/* A file of the run, by its path in the spool, once it is there; null where it would be empty. */
static json_t *file_id(const char *run, const char *name, bool there)
{
    return there ? json_sprintf("runs/%s/%s", run, name) : json_null();
}

static json_t *seconds(int64_t ms)
{
    return ms > 0 ? json_integer(ms / 1000) : json_null();
}

int batch_write(const struct spool *spool, int dir, const char *run, const struct batch *batch)
{
    struct buffer text = {0};
    bool ended = batch_has_ended(batch);
    json_t *record = json_pack(
        "{s:s, s:s, s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:o, s:{s:I, s:I, s:I}, s:s, s:s, s:b}",
        "id", run, "object", "batch", "endpoint", batch->endpoint, "status", words[batch->status],
        "model", batch->model, "created_at", seconds(batch->created_ms), "ended_at",
        seconds(ended ? batch->ended_ms : 0), "input_file_id", file_id(run, BATCH_INPUT, true),
        "output_file_id", file_id(run, BATCH_OUTPUT, ended && batch->completed > 0),
        "error_file_id", file_id(run, BATCH_ERRORS, ended && batch->failed > 0), "request_counts",
        "total", (json_int_t)batch->total, "completed", (json_int_t)batch->completed, "failed",
        (json_int_t)batch->failed, "input_sha256", batch->sha256, "list", batch->list, "header",
        (int)batch->header);
    int result;
    jsontext_write(&text, record);
    buffer_byte(&text, '\n');
    json_decref(record);
    result = file_replace(spool->dir[FOLDER_TMP], dir, BATCH_RECORD, spool->job_mode, text.bytes,
                          text.length, true);
    buffer_free(&text);
    return result;
}

int batch_open_run(const struct spool *spool, const char *run)
{
    int dir = openat(spool->dir[FOLDER_RUNS], run,
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return dir >= 0 ? dir : -errno;
}

void batch_clear(struct batch *batch)
{
    free(batch->model);
    *batch = (struct batch){0};
}
