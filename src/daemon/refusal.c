/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refusal: see refusal.h.
 */
#include "daemon/refusal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "job/field.h"
#include "job/record.h"
#include "spool/file.h"
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

static void write_error(struct core *core, struct buffer *text, const char *name,
                        const struct refusal *refusal)
{
    record_write_refusal(text, name, refusal->reason, refusal->message, refusal->submitted,
                         clock_wall(core->clock).ms);
}

/* In a spool whose files are their owner's alone, owner may read it. */
static void add_error_file(struct core *core, struct publication *publication, const char *kept,
                           uid_t owner, struct buffer *text)
{
    char error_name[ERROR_NAME_SIZE];

    snprintf(error_name, sizeof error_name, "%s.error.json", kept);
    publication_file(publication, FOLDER_FAILED, error_name, core->spool->job_mode, text, true,
                     FOLDER_TMP, NULL);
    publication_reader(publication, core->spool->owner_only ? owner : 0);
}

/* A refused file without its error file is still kept; only its reason is lost to the folder. */
static void error_file_written(void *context, int result, int failed_file)
{
    struct core *core = context;

    (void)failed_file;
    if (result < 0)
        log_error(&core->log, "an error file in failed/ cannot be written: %s", strerror(-result));
}

/* Moves the entry after its error file, so that a crash between leaves it in new/, to be refused again,
 * and never in failed/ without a reason. */
static int keep_with_reason(struct core *core, enum folder folder, const char *name,
                            const char *kept, const struct buffer *error)
{
    const struct spool *spool = core->spool;
    char error_name[ERROR_NAME_SIZE];
    int result;

    snprintf(error_name, sizeof error_name, "%s.error.json", kept);
    result = file_replace(spool->dir[FOLDER_TMP], spool->dir[FOLDER_FAILED], error_name,
                          spool->job_mode, error->bytes, error->length, false);
    if (result < 0)
        return result;
    result = take_refuse(spool, folder, name, kept);
    if (result < 0)
        unlinkat(spool->dir[FOLDER_FAILED], error_name, 0);
    return result;
}

void refusal_file(struct core *core, enum folder folder, const char *name,
                  const struct refusal *refusal)
{
    struct publication *publication;
    struct buffer text = {0};
    char kept[NAME_LIMIT];
    struct stat status = {0};
    int result;

    /* Of what is gone already nobody need read why. */
    (void)fstatat(core->spool->dir[folder], name, &status, AT_SYMLINK_NOFOLLOW);
    take_kept_name(core->spool, folder, name, kept);
    write_error(core, &text, name, refusal);
    result = keep_with_reason(core, folder, name, kept, &text);
    if (result < 0) {
        log_error(&core->log, "%s/%s cannot be moved to failed/: %s", folder_name(folder), name,
                  strerror(-result));
        buffer_free(&text);
        return;
    }
    tell_refused(core, name, refusal);
    publication = publication_new(error_file_written, core);
    add_error_file(core, publication, kept, status.st_uid, &text);
    publish_add(core->publish, publication);
}

void refusal_line(struct core *core, const char *list, size_t number, const char *line,
                  size_t length, const struct refusal *refusal, publish_done *done,
                  void *context)
{
    struct publication *publication = publication_new(done, context);
    struct buffer text = {0};
    char kept[ENTRY_NAME_SIZE], name[ERROR_NAME_SIZE];

    refused_line_name(list, number, line, length, kept);
    snprintf(name, sizeof name, "%s:%zu", list, number);
    tell_refused(core, name, refusal);
    write_error(core, &text, name, refusal);
    add_error_file(core, publication, kept, refusal->owner, &text);
    buffer_append(&text, line, length);
    buffer_byte(&text, '\n');
    publication_file(publication, FOLDER_FAILED, kept, core->spool->job_mode, &text, false,
                     FOLDER_TMP, NULL);
    publication_reader(publication, core->spool->owner_only ? refusal->owner : 0);
    publish_add(core->publish, publication);
}
