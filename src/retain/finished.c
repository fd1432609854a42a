/* SPDX-License-Identifier: GPL-2.0-or-later */
/* finished: the units of done/ and failed/, listed and read. */
#include "retain/finished.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "spool/file.h"
#include "spool/unit.h"

int finished_each(const struct spool *spool, enum folder folder,
                  int (*visit)(void *context, const struct id *id), void *context)
{
    DIR *list = file_list(spool->dir[folder]);
    const struct dirent *found;
    int result;

    if (list == NULL) {
        return -errno;
    }
    result = file_list_next(list, &found);
    while (result == 0 && found != NULL) {
        struct entry entry = entry_read(found->d_name);

        if (entry.kind == ENTRY_JOB) {
            result = visit(context, &entry.id);
        }
        if (result == 0) {
            result = file_list_next(list, &found);
        }
    }
    (void)closedir(list);
    return result;
}

/* Reads a file of the unit; NULL when it is damaged or gone. digest, unless NULL, receives that of
 * its bytes. */
static json_t *read_document(const struct spool *spool, const struct finished *finished,
                             enum entry_kind kind, unsigned version, unsigned char *digest)
{
    char name[ENTRY_NAME_SIZE];
    struct buffer text = {0};
    json_t *document = NULL;

    entry_write(kind, &finished->id, version, name);
    if (file_read_at(spool->dir[finished->folder], name, SIZE_MAX, &text, NULL) == 0) {
        const char *bytes = text.bytes != NULL ? text.bytes : "";

        document = jsontext_read_object(bytes, text.length, NULL);
        if (digest != NULL) {
            sha256_digest(bytes, text.length, digest);
        }
    }
    buffer_free(&text);
    return document;
}

static int64_t time_of(const json_t *object, const char *key)
{
    const char *text = jsontext_get_text(object, key, NULL);
    struct wall time = {0};

    return text != NULL && timetext_read(text, &time) == 0 ? time.ms : 0;
}

static bool is_good(const json_t *output)
{
    return strcmp(jsontext_get_text(output, "status", ""), "completed") == 0;
}

/* The newest output, and below it the newest good one. */
static int read_outputs(const struct spool *spool, struct finished *finished)
{
    int result = unit_versions(spool, &finished->id, &finished->lowest, &finished->highest);

    if (result < 0 || finished->highest == 0) {
        return result;
    }
    finished->version = finished->highest;
    finished->newest =
        read_document(spool, finished, ENTRY_OUTPUT, finished->highest, finished->digest);
    finished->record = json_incref(finished->newest);
    for (unsigned version = finished->highest; version >= finished->lowest && version > 0;
         version--) {
        json_t *output = version == finished->highest
                             ? json_incref(finished->newest)
                             : read_document(spool, finished, ENTRY_OUTPUT, version, NULL);

        if (is_good(output)) {
            json_decref(finished->record);
            finished->record = output;
            finished->version = version;
            break;
        }
        json_decref(output);
    }
    return 0;
}

/* The word of an error file as one that lasts. */
static const char *failed_state(const json_t *error)
{
    static const char *const words[] = {"cancelled", "expired"};
    const char *status = jsontext_get_text(error, "status", "");

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], status) == 0) {
            return words[i];
        }
    }
    return "failed";
}

static int read_records(const struct spool *spool, struct finished *finished)
{
    int result = 0;

    if (finished->folder == FOLDER_DONE) {
        finished->state = "completed";
        result = read_outputs(spool, finished);
    } else {
        finished->newest = read_document(spool, finished, ENTRY_ERROR, 0, finished->digest);
        finished->record = json_incref(finished->newest);
        finished->state = failed_state(finished->record);
    }
    finished->finished_ms = time_of(json_object_get(finished->newest, "times"), "finished");
    finished->expires_ms = time_of(finished->newest, "expires_at");
    return result;
}

int finished_read(const struct spool *spool, enum folder folder, const struct id *id,
                  bool with_job, struct finished *finished)
{
    char name[ENTRY_NAME_SIZE];
    int result;

    *finished = (struct finished){.folder = folder, .id = *id};
    entry_write(ENTRY_JOB, id, 0, name);
    if (faccessat(spool->dir[folder], name, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    result = read_records(spool, finished);
    if (result == 0 && with_job) {
        finished->job = read_document(spool, finished, ENTRY_JOB, 0, NULL);
    }
    if (result < 0) {
        finished_clear(finished);
    }
    return result;
}

struct facts finished_facts(const struct finished *finished)
{
    return (struct facts){.id = &finished->id,
                          .state = finished->state,
                          .finished_ms = finished->finished_ms,
                          .record = finished->record,
                          .job = finished->job};
}

void finished_clear(struct finished *finished)
{
    json_decref(finished->record);
    json_decref(finished->newest);
    json_decref(finished->job);
    finished->record = NULL;
    finished->newest = NULL;
    finished->job = NULL;
}
