/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_record: the record of a flow in flows/NAME/. */
#include "retain/flow_record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "job/field.h"
#include "job/job.h"
#include "spool/file.h"
#include "spool/visible.h"

enum {
    FLOW_SIZE_LIMIT = 1024 * 1024 * 1024, /* bytes of one of the files */
    LOCK_TRIES = 8,
};

static int open_flow(const struct spool *spool, const char *name)
{
    int dir = openat(spool->dir[FOLDER_FLOWS], name,
                     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return dir >= 0 ? dir : -errno;
}

long flow_record_find(const struct flow_record *record, const char *name)
{
    const json_t *number = json_object_get(record->names, name);

    return number != NULL ? (long)json_integer_value(number) : -1;
}

/* --- reading flow.jsonl -------------------------------------------------------------------------------- */

static bool read_head(struct flow_record *record, const json_t *line)
{
    const char *sha256 = jsontext_get_text(line, "sha256", "");

    if (strlen(sha256) != SHA256_HEX_SIZE - 1 ||
        strcmp(jsontext_get_text(line, "flow", ""), record->name) != 0 ||
        !field_read_time(line, "submitted", &record->submitted) || record->submitted == 0 ||
        !field_read_text(line, "user", &record->user))
        return false;
    memcpy(record->sha256, sha256, SHA256_HEX_SIZE);
    return true;
}

static bool read_entry(struct flow_record *record, struct flow_entry *entry, const json_t *line)
{
    const char *name = jsontext_get_text(line, "name", FLOW_NAMELESS);
    const json_t *after = json_object_get(line, "after");

    if ((json_object_get(line, "name") != NULL && !layout_name_ok(name)) ||
        flow_record_find(record, name) >= 0)
        return false;
    entry->name = xstrdup(name);
    entry->user = xstrdup(jsontext_get_text(line, "user", NULL));
    entry->after_count = json_array_size(after);
    entry->after = entry->after_count > 0 ? xcalloc(entry->after_count, sizeof *entry->after) : NULL;
    for (size_t i = 0; i < entry->after_count; i++) {
        const char *word = json_string_value(json_array_get(after, i));

        if (word == NULL)
            return false;
        entry->after[i] = xstrdup(word);
    }
    entry->runs_on_failure = strcmp(jsontext_get_text(line, "on_failure", "fail"), "run") == 0;
    job_identity(line, &entry->unresolved);
    json_object_set_new(record->names, name, json_integer((json_int_t)(entry - record->steps)));
    return true;
}

static bool read_line(struct flow_record *record, const char *text, size_t at, size_t length)
{
    json_t *line = jsontext_read_object(text + at, length, NULL);
    bool good = line != NULL;

    if (good && at == 0) {
        good = read_head(record, line);
    } else if (good) {
        struct flow_entry *entry;

        if ((record->count & (record->count + 1)) == 0)
            record->steps = xrealloc(record->steps,
                                     2 * (record->count + 1) * sizeof *record->steps);
        entry = &record->steps[record->count++];
        *entry = (struct flow_entry){.at = at, .length = length};
        good = read_entry(record, entry, line);
    }
    json_decref(line);
    return good;
}

static int read_steps(struct flow_record *record, int dir, struct error *error)
{
    struct buffer text = {0};
    size_t at = 0, number = 0;
    int result = file_read_at(dir, FLOW_STEPS_FILE, FLOW_SIZE_LIMIT, &text, NULL);

    if (result < 0)
        error_set(error, result == -ENOENT ? ERROR_ABSENT : ERROR_SYSTEM,
                  "flows/%s/" FLOW_STEPS_FILE " cannot be read: %s", record->name,
                  strerror(-result));
    while (result == 0 && at < text.length) {
        const char *end = memchr(text.bytes + at, '\n', text.length - at);
        size_t length = end != NULL ? (size_t)(end - text.bytes) - at : 0;

        number++;
        if (end == NULL || !read_line(record, text.bytes, at, length)) {
            error_set(error, ERROR_DATA, "flows/%s/" FLOW_STEPS_FILE " is damaged in line %zu",
                      record->name, number);
            result = -EINVAL;
        }
        at += length + 1;
    }
    if (result == 0 && record->count == 0) {
        error_set(error, ERROR_DATA, "flows/%s/" FLOW_STEPS_FILE " has no step", record->name);
        result = -EINVAL;
    }
    buffer_free(&text);
    return result;
}

/* --- reading progress.jsonl ----------------------------------------------------------------------------- */

static void note_step(struct flow_entry *entry, const json_t *line)
{
    const char *status = jsontext_get_text(line, "status", NULL);

    if (jsontext_get_bool(line, "again", false)) {
        entry->noted = false;
        free(entry->status);
        free(entry->reason);
        entry->status = entry->reason = NULL;
        entry->ended = 0;
    }
    if (id_read(jsontext_get_text(line, "id", ""), &entry->id))
        entry->noted = true;
    if (status != NULL) {
        free(entry->status);
        free(entry->reason);
        entry->status = xstrdup(status);
        entry->reason = xstrdup(jsontext_get_text(line, "reason", NULL));
        field_read_time(line, "time", &entry->ended);
    }
}

/* Takes in one line; false when it says nothing of this flow. */
static bool note_line(struct flow_record *record, const json_t *line)
{
    const char *name = jsontext_get_text(line, "step", NULL);
    long number = name != NULL ? flow_record_find(record, name) : -1;

    if (number >= 0) {
        note_step(&record->steps[number], line);
        if (jsontext_get_bool(line, "again", false))
            record->ended = 0;
        return true;
    }
    return json_object_get(line, "ended") != NULL &&
           field_read_time(line, "ended", &record->ended);
}

static bool is_begin(const struct flow_record *record, const json_t *line)
{
    int64_t submitted = 0;

    return strcmp(jsontext_get_text(line, "sha256", ""), record->sha256) == 0 &&
           field_read_time(line, "submitted", &submitted) && submitted == record->submitted;
}

static int read_progress(struct flow_record *record, int dir, struct error *error)
{
    struct buffer text = {0};
    size_t at = 0, number = 0;
    const char *end;
    int result = file_read_at(dir, FLOW_PROGRESS_FILE, FLOW_SIZE_LIMIT, &text, NULL);

    if (result < 0 && result != -ENOENT) {
        error_set(error, ERROR_SYSTEM, "flows/%s/" FLOW_PROGRESS_FILE " cannot be read: %s",
                  record->name, strerror(-result));
        return result;
    }
    result = 0;
    while (result == 0 && at < text.length &&
           (end = memchr(text.bytes + at, '\n', text.length - at)) != NULL) {
        size_t length = (size_t)(end - text.bytes) - at;
        json_t *line = jsontext_read_object(text.bytes + at, length, NULL);

        number++;
        if (number == 1)
            record->begun = line != NULL && is_begin(record, line);
        else if (line == NULL || !note_line(record, line))
            result = -EINVAL;
        json_decref(line);
        if (!record->begun)
            break; /* of the flow before this one: a crash came between */
        at += length + 1;
    }
    record->progressed = at;
    record->torn = at < text.length;
    if (result < 0)
        error_set(error, ERROR_DATA, "flows/%s/" FLOW_PROGRESS_FILE " is damaged in line %zu",
                  record->name, number);
    buffer_free(&text);
    return result;
}

struct flow_record *flow_record_read(const struct spool *spool, const char *name,
                                     struct error *error)
{
    struct flow_record *record;
    int dir = open_flow(spool, name);
    int result;

    if (dir < 0) {
        error_set(error, dir == -ENOENT ? ERROR_ABSENT : ERROR_SYSTEM,
                  "flows/%s cannot be opened: %s", name, strerror(-dir));
        return NULL;
    }
    record = xcalloc(1, sizeof *record);
    record->name = xstrdup(name);
    record->names = json_object();
    result = read_steps(record, dir, error);
    if (result == 0)
        result = read_progress(record, dir, error);
    close(dir);
    if (result == 0)
        return record;
    flow_record_free(record);
    return NULL;
}

int flow_record_each(const struct spool *spool,
                     int (*visit)(void *context, struct flow_record *record), void *context,
                     struct error *error)
{
    DIR *list = file_list(spool->dir[FOLDER_FLOWS]);
    const struct dirent *item = NULL;
    int listed = list != NULL ? 0 : -errno;
    int result = 0;

    while (listed == 0 && result == 0 && (listed = file_list_next(list, &item)) == 0 &&
           item != NULL) {
        struct flow_record *record =
            layout_name_ok(item->d_name) ? flow_record_read(spool, item->d_name, NULL) : NULL;

        if (record != NULL)
            result = visit(context, record);
        flow_record_free(record);
    }
    if (list != NULL)
        closedir(list);
    if (listed < 0) {
        error_system(error, -listed, "%s/flows cannot be listed", spool->path);
        return -1;
    }
    return result;
}

void flow_record_free(struct flow_record *record)
{
    if (record == NULL)
        return;
    for (size_t i = 0; i < record->count; i++) {
        struct flow_entry *entry = &record->steps[i];

        for (size_t n = 0; n < entry->after_count; n++)
            free(entry->after[n]);
        free(entry->after);
        free(entry->name);
        free(entry->user);
        free(entry->status);
        free(entry->reason);
    }
    free(record->steps);
    json_decref(record->names);
    free(record->user);
    free(record->name);
    free(record);
}

json_t *flow_record_step(const struct spool *spool, const char *name,
                         const struct flow_entry *entry, struct error *error)
{
    int dir = open_flow(spool, name);
    int fd = dir >= 0 ? openat(dir, FLOW_STEPS_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
    char *text = xmalloc(entry->length + 1);
    ssize_t got = fd >= 0 ? pread(fd, text, entry->length, (off_t)entry->at) : -1;
    json_t *document = NULL;

    if (got < 0 || (size_t)got < entry->length)
        error_set(error, ERROR_SYSTEM, "flows/%s/" FLOW_STEPS_FILE " cannot be read: %s", name,
                  got < 0 ? strerror(errno) : "it is too short");
    else
        document = jsontext_read_object(text, entry->length, error);
    free(text);
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    return document;
}

/* --- writing -------------------------------------------------------------------------------------------- */

static void write_begin(struct buffer *out, const char *sha256, int64_t submitted)
{
    char time[TIMETEXT_SIZE];

    timetext_write((struct wall){submitted}, time);
    buffer_printf(out, "{\"sha256\":\"%s\",\"submitted\":\"%s\"}\n", sha256, time);
}

void flow_record_head(struct buffer *out, const char *name, const char *sha256, int64_t submitted,
                      const char *user)
{
    json_t *head = json_object();

    field_text(head, "flow", name);
    field_text(head, "sha256", sha256);
    field_time(head, "submitted", submitted);
    field_text_if(head, "user", user);
    jsontext_write(out, head);
    buffer_byte(out, '\n');
    json_decref(head);
}

static int begin_progress(const struct spool *spool, int dir, const char *sha256, int64_t submitted)
{
    struct buffer text = {0};
    int result;

    write_begin(&text, sha256, submitted);
    result = file_replace(spool->dir[FOLDER_TMP], dir, FLOW_PROGRESS_FILE, spool->job_mode,
                          text.bytes, text.length, true);
    buffer_free(&text);
    return result;
}

/* What a flow that is there says against being replaced: 0, 1 or -EPERM, as flow_record_make. */
static int look_at_old(int dir, const char *sha256, int64_t submitted, const char *user)
{
    struct buffer text = {0};
    json_t *head = NULL;
    int64_t old = 0;
    int result = file_read_at(dir, FLOW_STEPS_FILE, FLOW_SIZE_LIMIT, &text, NULL);

    if (result == 0 && text.length > 0)
        head = jsontext_read_object(text.bytes, strcspn(text.bytes, "\n"), NULL);
    if (head != NULL && strcmp(jsontext_get_text(head, "sha256", ""), sha256) == 0 &&
        field_read_time(head, "submitted", &old) && old == submitted)
        result = 1;
    else if (head != NULL && user != NULL &&
             strcmp(jsontext_get_text(head, "user", user), user) != 0)
        result = -EPERM;
    else
        result = 0;
    json_decref(head);
    buffer_free(&text);
    return result;
}

/* Opens flows/NAME under its lock, by which makers and removers keep out of each other's way; the name
 * must still lead to it. Returns a descriptor or -errno; -ESTALE when it was just removed. */
static int lock_flow(const struct spool *spool, const char *name, int operation)
{
    struct stat opened, named;
    int dir = open_flow(spool, name);
    int result = 0;

    if (dir < 0)
        return dir;
    if (flock(dir, operation) < 0 && errno != ENOLCK && errno != EOPNOTSUPP && errno != EBADF)
        result = errno == EWOULDBLOCK ? -EAGAIN : -errno;
    else if (fstat(dir, &opened) < 0 ||
             fstatat(spool->dir[FOLDER_FLOWS], name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
             !file_same(&opened, &named))
        result = -ESTALE;
    if (result == 0)
        return dir;
    close(dir);
    return result;
}

/* Makes the folder where it is missing, and locks it. */
static int make_folder(const struct spool *spool, const char *name)
{
    int dir = -ESTALE;

    for (int i = 0; i < LOCK_TRIES && (dir == -ESTALE || dir == -ENOENT); i++) {
        if (mkdirat(spool->dir[FOLDER_FLOWS], name, spool->shared ? 0750 : 0700) < 0 &&
            errno != EEXIST)
            return -errno;
        dir = lock_flow(spool, name, LOCK_EX);
    }
    return dir;
}

int flow_record_make(const struct spool *spool, const char *name, const char *sha256,
                     int64_t submitted, const char *user, const struct buffer *text)
{
    int flows = spool->dir[FOLDER_FLOWS];
    int dir = make_folder(spool, name);
    int result;

    if (dir < 0)
        return dir;
    result = look_at_old(dir, sha256, submitted, user);
    if (result == 0)
        result = visible_grant_first(dir, visible_reader(spool, user));
    if (result == 0)
        result = file_replace(spool->dir[FOLDER_TMP], dir, FLOW_STEPS_FILE, spool->job_mode,
                              text->bytes, text->length, true);
    if (result == 0)
        result = begin_progress(spool, dir, sha256, submitted);
    close(dir);
    return result == 0 ? file_sync_dir(flows) : result;
}

int flow_record_mend(const struct spool *spool, const struct flow_record *record)
{
    int dir = open_flow(spool, record->name);
    int fd = -1, result = dir < 0 ? dir : 0;

    if (result == 0 && !record->begun) {
        result = begin_progress(spool, dir, record->sha256, record->submitted);
    } else if (result == 0 && record->torn) {
        fd = openat(dir, FLOW_PROGRESS_FILE, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || ftruncate(fd, (off_t)record->progressed) < 0 || fsync(fd) < 0)
            result = -errno;
    }
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    return result;
}

int flow_record_append(const struct spool *spool, const char *name, const char *text,
                       size_t length)
{
    int dir = open_flow(spool, name);
    struct stat before = {0};
    int fd, result;

    if (dir < 0)
        return dir;
    fd = openat(dir, FLOW_PROGRESS_FILE, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    result = fd < 0 || fstat(fd, &before) < 0 ? -errno : file_write(fd, text, length);
    if (result == 0 && fdatasync(fd) < 0)
        result = -errno;
    if (result < 0 && fd >= 0 && ftruncate(fd, before.st_size) < 0) /* no half line stays */
        result = -errno;
    if (fd >= 0 && close(fd) < 0 && result == 0)
        result = -errno;
    close(dir);
    return result;
}

static bool has_ended(const struct spool *spool, const char *name)
{
    struct flow_record *record = flow_record_read(spool, name, NULL);
    bool ended = record != NULL && record->ended != 0;

    flow_record_free(record);
    return ended;
}

int flow_record_remove(const struct spool *spool, const char *name, bool only_ended)
{
    static const char *const files[] = {FLOW_STEPS_FILE, FLOW_PROGRESS_FILE};
    int dir = lock_flow(spool, name, LOCK_EX | LOCK_NB);
    int result = dir < 0 ? dir : 0;

    if (result == 0 && only_ended && !has_ended(spool, name))
        result = -EBUSY;
    for (size_t i = 0; result == 0 && i < sizeof files / sizeof files[0]; i++)
        if (unlinkat(dir, files[i], 0) < 0 && errno != ENOENT)
            result = -errno;
    if (result == 0 && unlinkat(spool->dir[FOLDER_FLOWS], name, AT_REMOVEDIR) < 0)
        result = -errno;
    if (dir >= 0)
        close(dir);
    return result;
}
