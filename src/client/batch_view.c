/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch_view: see batch_view.h.
 */
#include "client/batch_view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "retain/batch.h"
#include "retain/members.h"
#include "spool/file.h"

enum { RECORD_LIMIT = 64 * 1024 };

/* --- reading ------------------------------------------------------------------------------------------------ */

static bool is_in(const struct spool *spool, enum folder folder, const struct id *id)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, id, 0, name);
    return faccessat(spool->dir[folder], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Counts those that have ended so far; a job that is asked again has not. */
static void count_now(const struct spool *spool, const char *run, json_t *record)
{
    json_int_t completed = 0, failed = 0;
    size_t count = 0;
    struct member *members = members_read(spool, run, &count, NULL);

    for (size_t i = 0; members != NULL && i < count; i++) {
        if (members[i].refused) {
            failed++;
        } else if (!is_in(spool, FOLDER_CUR, &members[i].id)) {
            failed += is_in(spool, FOLDER_FAILED, &members[i].id);
            completed += is_in(spool, FOLDER_DONE, &members[i].id);
        }
    }
    free(members);
    if (completed + failed >= (json_int_t)count && count > 0) {
        json_object_set_new(record, "status", json_string("finalizing"));
    }
    json_object_set_new(record, "request_counts",
                        json_pack("{s:I, s:I, s:I}", "total", (json_int_t)count, "completed",
                                  completed, "failed", failed));
}

static json_t *read_waiting(const struct spool *spool, const char *run, struct error *error)
{
    char name[NAME_LIMIT];

    snprintf(name, sizeof name, "%.*s.jsonl", NAME_LIMIT - 8, run);
    if (layout_name_ok(run) &&
        faccessat(spool->dir[FOLDER_NEW], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return json_pack("{s:s, s:s, s:s}", "id", run, "object", "batch", "status", "validating");
    }
    error_set(error, ERROR_ABSENT, "there is no batch %s in %s", run, spool->path);
    return NULL;
}

json_t *batch_view_read(const struct spool *spool, const char *run, struct error *error)
{
    int dir = layout_name_ok(run) ? batch_open_run(spool, run) : -ENOENT;
    struct buffer text = {0};
    struct batch batch;
    json_t *record = NULL;
    int result = dir >= 0 ? file_read_at(dir, BATCH_RECORD, RECORD_LIMIT, &text, NULL) : dir;

    if (result == 0) {
        record = jsontext_read_object(text.bytes != NULL ? text.bytes : "", text.length, error);
        if (record != NULL && batch_read(dir, &batch) == 0) {
            if (!batch_has_ended(&batch)) {
                count_now(spool, run, record);
            }
            batch_clear(&batch);
        }
    } else if (result == -ENOENT) {
        record = read_waiting(spool, run, error);
    } else {
        error_system(error, -result, "runs/%s/" BATCH_RECORD " cannot be read", run);
    }
    buffer_free(&text);
    if (dir >= 0) {
        close(dir);
    }
    return record;
}

/* --- telling ------------------------------------------------------------------------------------------------ */

static void print_file(const struct screen *screen, const json_t *batch, const char *label,
                       const char *key)
{
    const char *path = jsontext_get_text(batch, key, NULL);

    if (path != NULL) {
        screen_line(screen, TONE_PLAIN, "  %-8s %s", label, path);
    }
}

void batch_view_print(const struct screen *screen, const json_t *batch)
{
    const json_t *counts = json_object_get(batch, "request_counts");
    const char *status = jsontext_get_text(batch, "status", "");
    long long total = (long long)jsontext_get_int(counts, "total", 0);
    long long completed = (long long)jsontext_get_int(counts, "completed", 0);
    long long failed = (long long)jsontext_get_int(counts, "failed", 0);

    screen_line(screen, TONE_STRONG, "batch %s: %s", jsontext_get_text(batch, "id", ""), status);
    if (counts == NULL) {
        return;
    }
    screen_line(screen, failed > 0 ? TONE_BAD : TONE_PLAIN,
                "  requests %lld of %lld have ended: %lld completed, %lld failed",
                completed + failed, total, completed, failed);
    screen_line(screen, TONE_PLAIN, "  endpoint %s", jsontext_get_text(batch, "endpoint", ""));
    print_file(screen, batch, "model", "model");
    print_file(screen, batch, "input", "input_file_id");
    print_file(screen, batch, "output", "output_file_id");
    print_file(screen, batch, "errors", "error_file_id");
}
