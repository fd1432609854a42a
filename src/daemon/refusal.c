/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refusal: see refusal.h.
 */
#include "daemon/refusal.h"

#include <stdio.h>
#include <string.h>

#include "base/sha256.h"
#include "job/field.h"
#include "job/record.h"
#include "spool/take.h"

/* Name of a refused entry's error file: ".error.json" behind its own. */
enum { ERROR_NAME_SIZE = NAME_LIMIT + 16 };

static void tell_refused(struct core *core, const char *name, const struct refusal *refusal)
{
    json_t *fields = json_object();

    core->totals.refused++;
    log_warning(&core->log, "%s: refused: %s", name, refusal->message);
    field_text(fields, "file", name);
    field_text(fields, "reason", refusal->reason);
    field_text(fields, "message", refusal->message);
    events_add(core->events, "refused", fields);
    core_progress(core);
}

static void add_error_file(struct core *core, struct publication *publication, const char *kept,
                           const char *name, const struct refusal *refusal)
{
    struct buffer text = {0};
    char error_name[ERROR_NAME_SIZE];

    record_write_refusal(&text, name, refusal->reason, refusal->message, refusal->submitted,
                         clock_wall(core->clock).ms);
    snprintf(error_name, sizeof error_name, "%s.error.json", kept);
    publication_file(publication, FOLDER_FAILED, error_name, core->spool->job_mode, &text, true,
                     FOLDER_TMP, NULL);
}

/* A refused file without its error file is still kept; only its reason is lost to the folder. */
static void error_file_written(void *context, int result, int failed_file)
{
    struct core *core = context;

    (void)failed_file;
    if (result < 0)
        log_error(&core->log, "an error file in failed/ cannot be written: %s", strerror(-result));
}

void refusal_file(struct core *core, enum folder folder, const char *name,
                  const struct refusal *refusal)
{
    struct publication *publication;
    char kept[NAME_LIMIT];
    int result = take_refuse(core->spool, folder, name, kept);

    if (result < 0) {
        log_error(&core->log, "%s/%s cannot be moved to failed/: %s", folder_name(folder), name,
                  strerror(-result));
        return;
    }
    tell_refused(core, name, refusal);
    publication = publication_new(error_file_written, core);
    add_error_file(core, publication, kept, name, refusal);
    publish_add(core->publish, publication);
}

static void hash_line(const char *list, size_t number, const char *line, size_t length,
                      char hash[SHA256_HEX_SIZE])
{
    struct buffer text = {0};

    buffer_printf(&text, "%s\n%zu\n", list, number);
    buffer_append(&text, line, length);
    sha256_hex(text.bytes, text.length, hash);
    buffer_free(&text);
}

void refusal_line(struct core *core, const char *list, size_t number, const char *line,
                  size_t length, const struct refusal *refusal, publish_done *done,
                  void *context)
{
    struct publication *publication = publication_new(done, context);
    struct buffer text = {0};
    char hash[SHA256_HEX_SIZE], kept[ENTRY_NAME_SIZE], name[ERROR_NAME_SIZE];

    hash_line(list, number, line, length, hash);
    snprintf(kept, sizeof kept, "refused-%s.json", hash);
    snprintf(name, sizeof name, "%s:%zu", list, number);
    tell_refused(core, name, refusal);
    add_error_file(core, publication, kept, name, refusal);
    buffer_append(&text, line, length);
    buffer_byte(&text, '\n');
    publication_file(publication, FOLDER_FAILED, kept, core->spool->job_mode, &text, false,
                     FOLDER_TMP, NULL);
    publish_add(core->publish, publication);
}
