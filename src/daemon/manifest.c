/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest: see manifest.h.
 */
#include "daemon/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/debt_hook.h"
#include "job/expand.h"
#include "job/mail.h"
#include "retain/members.h"
#include "retain/run_notice.h"
#include "spool/file.h"
#include "spool/visible.h"

#define POSITION "{\"position\":" /* how each line begins */

enum { MARK_SIZE = 64 };

/* A line that is to be there. */
struct line {
    uint64_t position;
    size_t start; /* in text */
    size_t length;
    bool present;
    struct id id;  /* whose line it is; the text of a replacement's has no position yet */
    struct id old; /* of a replacement: whose places it takes */
};

struct manifest {
    struct core *core;
    struct manifest_header header;
    char mark[MARK_SIZE]; /* of the list, in the lines of its replacements */
    struct buffer text;
    struct line *lines;
    size_t count;
    size_t capacity;
    json_t *mail;  /* for notice.json */
    bool told;     /* there is to be one */
    uid_t reader;  /* who may read a run that is made; 0: nobody besides */
    size_t astray; /* replacements of jobs that the run does not have */
    uv_work_t work;
    int result;
    void (*done)(void *context, int result);
    void *context;
};

/* --- the header ------------------------------------------------------------------------------------------ */

/* max_cost is a number, or text as amounts are written elsewhere. */
static bool read_max_cost(const json_t *value, int64_t *nano)
{
    *nano = -1;
    return value == NULL || amount_of_json(value, nano);
}

/* What of the line is no header, or NULL. */
static const char *header_take(const json_t *line, struct manifest_header *header)
{
    const json_t *first = json_object_get(line, "first");
    const json_t *max_cost = json_object_get(line, "max_cost");
    const json_t *replace = json_object_get(line, "replace");
    json_t *job = json_object_get(line, "job");
    json_t *mail = json_object_get(line, "mail");
    const json_t *more = json_object_get(line, "more");
    const char *name = json_string_value(json_object_get(line, "run"));

    if (name == NULL || !layout_name_ok(name))
        return "its name is none: 1 to 100 of A-Z a-z 0-9 . _ -, no leading dot, not 6 to 64 hex "
               "digits";
    if (json_object_size(line) !=
        1U + (first != NULL) + (max_cost != NULL) + (replace != NULL) + (job != NULL) +
            (mail != NULL) + (more != NULL))
        return "it has keys other than run, first, replace, max_cost, mail, more and job";
    if (replace != NULL && !json_is_true(replace))
        return "replace is not true";
    if (more != NULL && !json_is_boolean(more))
        return "more is neither true nor false";
    if (replace != NULL && first != NULL)
        return "what replaces has the positions of the replaced: first is for new ones";
    if (first != NULL && (!json_is_integer(first) || json_integer_value(first) < 0))
        return "first is no position (0 or more)";
    if (!read_max_cost(max_cost, &header->max_cost_nano))
        return "max_cost is no amount of money";
    if (mail != NULL && mail_check(mail, NULL) < 0)
        return "its mail is not such as {\"to\": \"alice@example.org\", \"on\": [\"end\", \"fail\"]}";
    strcpy(header->name, name);
    header->job = json_incref(job);
    header->mail = json_incref(mail);
    header->first = (uint64_t)json_integer_value(first);
    header->replace = replace != NULL;
    header->more = json_is_true(more);
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
        result = fault == NULL ? 1 : -1;
        if (fault != NULL)
            error_set(error, ERROR_DATA, "the first line names a run, but %s", fault);
    }
    json_decref(line);
    return result;
}

/* --- gathering ------------------------------------------------------------------------------------------- */

struct manifest *manifest_new(struct core *core, const struct manifest_header *header,
                              const struct stat *status)
{
    struct manifest *manifest = xcalloc(1, sizeof *manifest);

    snprintf(manifest->mark, sizeof manifest->mark, "%ju.%jd.%09ld", (uintmax_t)status->st_ino,
             (intmax_t)status->st_ctim.tv_sec, status->st_ctim.tv_nsec);
    manifest->core = core;
    manifest->header = *header;
    manifest->reader = core->spool->owner_only ? status->st_uid : 0;
    manifest->mail = json_deep_copy(header->mail);
    manifest->told = !header->more &&
                     (header->mail != NULL || debt_hook_wanted(core, HOOK_RUN_FINISHED));
    manifest->work.data = manifest;
    return manifest;
}

void manifest_free(struct manifest *manifest)
{
    if (manifest == NULL)
        return;
    buffer_free(&manifest->text);
    json_decref(manifest->mail);
    free(manifest->lines);
    free(manifest);
}

bool manifest_replaced(const struct job *job, struct id *old)
{
    const json_t *metadata = json_object_get(job->document, "metadata");

    return id_read(jsontext_get_text(metadata, "derived_from", ""), old);
}

/* What a line says behind its position. old: whose place is taken, by the list with the mark; or
 * NULL. */
static void write_line(struct buffer *text, const struct job *job, const struct id *old,
                       const char *mark)
{
    char id[ID_TEXT_SIZE];
    json_t *line = json_object();

    if (job == NULL) {
        json_object_set_new(line, "id", json_null());
        json_object_set_new(line, "status", json_string("refused"));
    } else {
        id_write(&job->id, id);
        json_object_set_new(line, "id", json_string(id));
        if (mark != NULL) /* here, where is_own looks for it */
            json_object_set_new(line, "list", json_string(mark));
        if (job->name != NULL)
            json_object_set_new(line, "name", json_string(job->name));
        json_object_set(line, "metadata", json_object_get(job->document, "metadata"));
    }
    if (old != NULL) {
        id_write(old, id);
        json_object_set_new(line, "replaces", json_string(id));
    }
    jsontext_write(text, line);
    buffer_byte(text, '\n');
    json_decref(line);
}

/* Puts a position before what write_line wrote, whose brace is replaced. */
static void write_position(struct buffer *text, uint64_t position, const char *line, size_t length)
{
    buffer_printf(text, POSITION "%llu,", (unsigned long long)position);
    buffer_append(text, line + 1, length - 1);
}

static struct line *line_new(struct manifest *manifest)
{
    struct line *line;

    if (manifest->count == manifest->capacity) {
        manifest->capacity = 2 * manifest->capacity + 64;
        manifest->lines = xrealloc(manifest->lines, manifest->capacity * sizeof *manifest->lines);
    }
    line = &manifest->lines[manifest->count++];
    *line = (struct line){.start = manifest->text.length};
    return line;
}

static void add_replacement(struct manifest *manifest, const struct job *job)
{
    struct line *line;
    struct id old;

    if (job == NULL || !manifest_replaced(job, &old))
        return;
    line = line_new(manifest);
    line->id = job->id;
    line->old = old;
    write_line(&manifest->text, job, &old, manifest->mark);
    line->length = manifest->text.length - line->start;
}

/* Adds the next position with the text of its line. */
static struct line *add_text(struct manifest *manifest, const struct buffer *text)
{
    struct line *line = line_new(manifest);

    line->position = manifest->header.first + manifest->count - 1;
    write_position(&manifest->text, line->position, text->bytes, text->length);
    line->length = manifest->text.length - line->start;
    return line;
}

void manifest_add(struct manifest *manifest, const struct job *job)
{
    struct buffer text = {0};
    struct line *line;

    if (manifest->header.replace) {
        add_replacement(manifest, job);
        return;
    }
    write_line(&text, job, NULL, NULL);
    line = add_text(manifest, &text);
    if (job != NULL)
        line->id = job->id;
    buffer_free(&text);
}

void manifest_add_line(struct manifest *manifest, json_t *line)
{
    struct buffer text = {0};

    jsontext_write(&text, line);
    buffer_byte(&text, '\n');
    json_decref(line);
    (void)add_text(manifest, &text);
    buffer_free(&text);
}

/* --- writing, in the thread pool -------------------------------------------------------------------------- */

static struct member *places_in(const struct buffer *text, size_t *count)
{
    return members_of(text->bytes != NULL ? text->bytes : "", text->length, count);
}

/* Whether a line of the file stands for a job that is made no more: the list's template was edited
 * between a crash and now. A job that took the place of another stays. */
static bool is_outdated(const struct manifest *manifest, const struct line *line,
                        const struct buffer *old, const struct member *place)
{
    json_t *before, *now;
    bool outdated;

    if (place->refused || id_equal(&place->id, &line->id))
        return false;
    before = jsontext_read_object(old->bytes + place->at, place->length, NULL);
    now = jsontext_read_object(manifest->text.bytes + line->start, line->length - 1, NULL);
    outdated = json_object_get(before, "replaces") == NULL &&
               expand_edited(json_object_get(before, "metadata"), json_object_get(now, "metadata"));
    json_decref(before);
    json_decref(now);
    return outdated;
}

/* Marks the positions that the file has already. */
static void mark_present(struct manifest *manifest, const struct buffer *old)
{
    size_t count;
    struct member *places = places_in(old, &count);

    for (size_t i = 0; i < count; i++) {
        uint64_t position = places[i].position - manifest->header.first;

        if (position < manifest->count)
            manifest->lines[position].present =
                !is_outdated(manifest, &manifest->lines[position], old, &places[i]);
    }
    free(places);
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

static void write_missing(struct manifest *manifest, const struct buffer *old,
                          struct buffer *missing)
{
    mark_present(manifest, old);
    for (size_t i = 0; i < manifest->count; i++)
        if (!manifest->lines[i].present)
            buffer_append(missing, manifest->text.bytes + manifest->lines[i].start,
                          manifest->lines[i].length);
}

static int compare_members(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;

    return memcmp(left->id.bytes, right->id.bytes, ID_SIZE);
}

/* The first of the places, ordered by ID, that is not before id. */
static size_t first_place(const struct member *places, size_t count, const struct id *id)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memcmp(places[middle].id.bytes, id->bytes, ID_SIZE) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Writes a replacement for all places of its old job, which are taken then. Returns whether there
 * are any, or places that are the new job's already. */
static bool write_replacement(const struct manifest *manifest, const struct line *line,
                              struct member *places, size_t count, struct buffer *missing)
{
    size_t own = first_place(places, count, &line->id);
    bool placed = own < count && id_equal(&places[own].id, &line->id);

    for (size_t i = first_place(places, count, &line->old);
         i < count && id_equal(&places[i].id, &line->old); i++) {
        placed = true;
        if (places[i].refused || id_equal(&line->id, &line->old))
            continue;
        write_position(missing, places[i].position, manifest->text.bytes + line->start,
                       line->length);
        places[i].refused = true; /* the first of two replacements has it */
    }
    return placed;
}

/* Whether the list wrote a line of the file, before a crash. */
static bool is_own(const struct manifest *manifest, const char *text, size_t length)
{
    struct buffer start = {0};
    struct member member;
    char id[ID_TEXT_SIZE];
    bool own;

    if (!member_read(text, length, &member) || member.refused)
        return false;
    id_write(&member.id, id);
    buffer_printf(&start, POSITION "%llu,\"id\":\"%s\",\"list\":\"%s\",",
                  (unsigned long long)member.position, id, manifest->mark);
    own = length > start.length && memcmp(text, start.bytes, start.length) == 0;
    buffer_free(&start);
    return own;
}

/* Parts the lines of the file, whose last is whole, into the list's own and all others. */
static void part_lines(const struct manifest *manifest, const struct buffer *old,
                       struct buffer *own, struct buffer *others)
{
    size_t at = 0;

    while (at < old->length) {
        const char *line = old->bytes + at;
        size_t length = (size_t)((const char *)memchr(line, '\n', old->length - at) - line) + 1;

        buffer_append(is_own(manifest, line, length - 1) ? own : others, line, length);
        at += length;
    }
}

/* The places of jobs as they are but for what the list itself took before a crash, ordered by ID;
 * those are marked as taken (refused). So a list that is taken again does the same as before,
 * whatever it wrote then and whatever other lists did since. */
static struct member *find_places(const struct manifest *manifest, const struct buffer *old,
                                  size_t *count)
{
    struct buffer own_lines = {0}, others = {0};
    struct member *own, *places;
    size_t own_count, all, at = 0;

    part_lines(manifest, old, &own_lines, &others);
    own = places_in(&own_lines, &own_count);
    places = places_in(&others, &all);
    *count = 0;
    for (size_t i = 0; i < all; i++) {
        while (at < own_count && own[at].position < places[i].position)
            at++;
        if (places[i].refused)
            continue;
        places[i].refused = at < own_count && own[at].position == places[i].position;
        places[(*count)++] = places[i];
    }
    qsort(places, *count, sizeof *places, compare_members);
    free(own);
    buffer_free(&own_lines);
    buffer_free(&others);
    return places;
}

static void write_replacements(struct manifest *manifest, const struct buffer *old,
                               struct buffer *missing)
{
    size_t count;
    struct member *places = find_places(manifest, old, &count);

    for (size_t i = 0; i < manifest->count; i++)
        manifest->astray +=
            !write_replacement(manifest, &manifest->lines[i], places, count, missing);
    free(places);
}

static int append_missing(struct manifest *manifest, int fd)
{
    struct buffer missing = {0};
    struct buffer old = {0};
    int result = file_read(fd, SIZE_MAX, &old);

    if (result == 0)
        result = cut_torn_line(fd, &old);
    if (result == 0) {
        if (manifest->header.replace)
            write_replacements(manifest, &old, &missing);
        else
            write_missing(manifest, &old, &missing);
        result = file_write(fd, missing.bytes, missing.length);
    }
    /* Young by now also when nothing was missing: llmspool-prune is to leave it for the jobs that come. */
    if (result == 0 && futimens(fd, NULL) < 0)
        result = -errno;
    if (result == 0 && fsync(fd) < 0)
        result = -errno;
    buffer_free(&missing);
    buffer_free(&old);
    return result;
}

static int write_in(struct manifest *manifest, int dir)
{
    int fd = members_lock(dir, O_CREAT | O_APPEND, manifest->core->spool->job_mode);
    int result;

    if (fd < 0)
        return fd;
    result = visible_grant_first(fd, manifest->reader);
    if (result == 0)
        result = append_missing(manifest, fd);
    if (result == 0 && manifest->told)
        result = run_notice_add(manifest->core->spool, dir, manifest->mail);
    if (close(fd) < 0 && result == 0)
        result = -errno;
    return result < 0 ? result : file_sync_dir(dir);
}

/* Opens the run's folder, which is made unless it only could have places to be taken. */
static int open_run(const struct manifest *manifest, int runs)
{
    mode_t mode = manifest->core->spool->shared ? 0750 : 0700;
    int dir;

    int result = 0;

    if (!manifest->header.replace && mkdirat(runs, manifest->header.name, mode) < 0 &&
        errno != EEXIST)
        return -errno;
    dir = openat(runs, manifest->header.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    if (!manifest->header.replace)
        result = visible_grant_first(dir, manifest->reader);
    if (result == 0)
        return dir;
    (void)close(dir);
    return result;
}

static void write_work(uv_work_t *work)
{
    struct manifest *manifest = work->data;
    int runs = manifest->core->spool->dir[FOLDER_RUNS];
    int dir = open_run(manifest, runs);

    if (dir == -ENOENT && manifest->header.replace) {
        manifest->astray = manifest->count;
        return;
    }
    if (dir < 0) {
        manifest->result = dir;
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

    if (manifest->astray > 0)
        log_warning(&manifest->core->log,
                    "runs/%s does not have %zu of the jobs whose places are to be taken: the new "
                    "ones are taken without a place in it",
                    manifest->header.name, manifest->astray);
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
