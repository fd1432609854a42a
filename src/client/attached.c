/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attached: see attached.h.
 */
#include "client/attached.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/media.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "client/drop.h"
#include "client/input.h"
#include "client/records.h"
#include "job/attachment.h"
#include "spool/blob.h"

enum { FILES_REMEMBERED = 4096 };

/* A file that was looked at. */
struct attached_file {
    UT_hash_handle hh;      /* by its path */
    UT_hash_handle by_blob; /* where it is the first with these bytes */
    struct attached_file *next; /* in the list of those to drop */
    bool pending;               /* … where it is */
    bool for_all;               /* of the command line */
    char *path;
    struct id blob;
    int64_t size;
    const char *media_type;
};

struct attached {
    const struct spool *spool;
    size_t limit; /* bytes of a file; 0: not asked yet */
    struct attached_file *files;    /* all, by path */
    unsigned room;                  /* for so many, before some are forgotten */
    struct attached_file *bytes;    /* by what is in them */
    struct attached_file *pending;  /* named by jobs since attached_forget */
    struct attached_file **for_all; /* in the order of the command line */
    size_t for_all_count;
};

struct attached *attached_new(const struct spool *spool)
{
    struct attached *attached = xcalloc(1, sizeof *attached);

    attached->spool = spool;
    attached->room = FILES_REMEMBERED;
    return attached;
}

void attached_free(struct attached *attached)
{
    struct attached_file *file, *next;

    if (attached == NULL) {
        return;
    }
    HASH_CLEAR(by_blob, attached->bytes);
    HASH_ITER (hh, attached->files, file, next) {
        HASH_DEL(attached->files, file);
        free(file->path);
        free(file);
    }
    free(attached->for_all);
    free(attached);
}

/* --- files ------------------------------------------------------------------------------------ */

/* The name that goes with it to the model: it must not tell where the file lies. */
static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* What the daemon of this spool takes, as it said last. */
static size_t size_limit(struct attached *attached)
{
    json_t *status;

    if (attached->limit == 0) {
        status = records_status(attached->spool);
        attached->limit =
            (size_t)jsontext_get_int(status, "attachment_limit", (json_int_t)BLOB_SIZE_LIMIT);
        json_decref(status);
    }
    return attached->limit;
}

/* Reads it all: what it is shows in its bytes alone. */
static int look_at(struct attached *attached, struct attached_file *file, struct error *error)
{
    struct buffer bytes = {0};
    int result = input_read(file->path, size_limit(attached), &bytes, error);

    if (result == 0) {
        file->size = (int64_t)bytes.length;
        file->media_type = media_type(bytes.bytes != NULL ? bytes.bytes : "", bytes.length);
        sha256_digest(bytes.bytes != NULL ? bytes.bytes : "", bytes.length, file->blob.bytes);
    }
    if (result == 0 && file->media_type == NULL) {
        error_set(error, ERROR_DATA, "%s cannot be attached: %s", file->path,
                  bytes.length == 0 ? "it is empty"
                                    : "by its content it is neither PNG, JPEG, GIF, WebP or PDF nor "
                                      "text in UTF-8");
        result = -1;
    }
    buffer_free(&bytes);
    return result;
}

static void add_bytes(struct attached *attached, struct attached_file *file)
{
    struct attached_file *same;

    HASH_FIND(by_blob, attached->bytes, &file->blob, sizeof file->blob, same);
    if (same == NULL) {
        HASH_ADD(by_blob, attached->bytes, blob, sizeof file->blob, file);
    }
}

/* Makes room: a file that is forgotten is looked at again when it is named again. */
static void thin_out(struct attached *attached)
{
    struct attached_file *file, *next;

    HASH_CLEAR(by_blob, attached->bytes);
    HASH_ITER (hh, attached->files, file, next) {
        if (file->pending || file->for_all) {
            add_bytes(attached, file);
        } else {
            HASH_DEL(attached->files, file);
            free(file->path);
            free(file);
        }
    }
    attached->room = HASH_COUNT(attached->files) + FILES_REMEMBERED;
}

/* The file of a path, looked at once. NULL with an error. */
static struct attached_file *find_file(struct attached *attached, const char *path,
                                       struct error *error)
{
    struct attached_file *file;

    HASH_FIND_STR(attached->files, path, file);
    if (file != NULL) {
        return file;
    }
    if (strcmp(path, "-") == 0) {
        error_set(error, ERROR_USAGE, "standard input cannot be attached: give a file");
        return NULL;
    }
    if (!utf8_valid(name_of(path), strlen(name_of(path)))) {
        error_set(error, ERROR_DATA, "%s cannot be attached: its name is not UTF-8", path);
        return NULL;
    }
    file = xcalloc(1, sizeof *file);
    file->path = xstrdup(path);
    if (look_at(attached, file, error) < 0) {
        free(file->path);
        free(file);
        return NULL;
    }
    if (HASH_COUNT(attached->files) >= attached->room) {
        thin_out(attached);
    }
    HASH_ADD_KEYPTR(hh, attached->files, file->path, strlen(file->path), file);
    add_bytes(attached, file);
    return file;
}

int attached_add(struct attached *attached, const char *path, struct error *error)
{
    struct attached_file *file = find_file(attached, path, error);

    if (file == NULL) {
        return -1;
    }
    attached->for_all = xrealloc(attached->for_all,
                                 (attached->for_all_count + 1) * sizeof *attached->for_all);
    attached->for_all[attached->for_all_count++] = file;
    file->for_all = true;
    return 0;
}

bool attached_any(const struct attached *attached)
{
    return attached->for_all_count > 0;
}

/* --- jobs ------------------------------------------------------------------------------------- */

/* A part that names the file, which is to be dropped therefore. */
static json_t *part_of(struct attached *attached, struct attached_file *file)
{
    char hex[ID_TEXT_SIZE];

    if (!file->pending) {
        file->pending = true;
        file->next = attached->pending;
        attached->pending = file;
    }
    id_write(&file->blob, hex);
    return json_pack("{s:s, s:s, s:s, s:s}", "type", "file", "blob", hex, "media_type",
                     file->media_type, "filename", name_of(file->path));
}

/* Puts the digest in the place of a part's path. */
static int resolve(struct attached *attached, const char *folder, json_t *part,
                   struct error *error)
{
    const char *path = jsontext_get_text(part, "path", NULL);
    const char *type = jsontext_get_text(part, "media_type", NULL);
    struct attached_file *file;
    char *whole;
    json_t *found;

    if (path == NULL || strcmp(jsontext_get_text(part, "type", ""), "file") != 0) {
        return 0;
    }
    whole = folder == NULL || path[0] == '/' ? xstrdup(path) : xasprintf("%s%s", folder, path);
    file = find_file(attached, whole, error);
    free(whole);
    if (file == NULL) {
        return -1;
    }
    if (type != NULL && strcmp(type, file->media_type) != 0) {
        error_set(error, ERROR_DATA, "%s is %s by its content, and the job says %s", file->path,
                  file->media_type, type);
        return -1;
    }
    found = part_of(attached, file);
    json_object_del(part, "path");
    json_object_update_missing(part, found);
    json_decref(found);
    return 0;
}

static int resolve_all(struct attached *attached, const char *folder, const json_t *document,
                       struct error *error)
{
    json_t *message, *part;
    size_t i, j;

    json_array_foreach (json_object_get(document, "messages"), i, message) {
        json_array_foreach (json_object_get(message, "content"), j, part) {
            if (resolve(attached, folder, part, error) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* The message to which files belong: the last that a user says. A prompt becomes one. */
static json_t *last_question(json_t *document)
{
    json_t *prompt = json_object_get(document, "prompt");
    json_t *messages = json_object_get(document, "messages");

    if (messages == NULL && json_is_string(prompt)) {
        messages = json_pack("[{s:s, s:O}]", "role", "user", "content", prompt);
        json_object_set_new(document, "messages", messages);
        json_object_del(document, "prompt");
    }
    for (size_t i = json_array_size(messages); i > 0; i--) {
        json_t *message = json_array_get(messages, i - 1);

        if (strcmp(jsontext_get_text(message, "role", ""), "user") == 0) {
            return message;
        }
    }
    return NULL;
}

/* Models read what they are asked about before the question. */
static void put_files(struct attached *attached, json_t *message)
{
    json_t *content = json_object_get(message, "content");
    json_t *parts = json_array();

    for (size_t i = 0; i < attached->for_all_count; i++) {
        json_array_append_new(parts, part_of(attached, attached->for_all[i]));
    }
    if (json_is_string(content)) {
        json_array_append_new(parts, json_pack("{s:s, s:O}", "type", "text", "text", content));
    } else if (json_is_array(content)) {
        json_array_extend(parts, content);
    }
    json_object_set_new(message, "content", parts);
}

int attached_apply(struct attached *attached, const char *folder, json_t *document,
                   struct error *error)
{
    const char *type = jsontext_get_text(document, "type", "chat");
    json_t *message;

    if (resolve_all(attached, folder, document, error) < 0) {
        return -1;
    }
    if (attached->for_all_count == 0) {
        return 0;
    }
    message = strcmp(type, "chat") == 0 ? last_question(document) : NULL;
    if (message == NULL) {
        error_set(error, ERROR_DATA, "files can be attached to chats that ask something, and this %s",
                  strcmp(type, "chat") == 0 ? "one has no prompt and no message of a user"
                                            : "job is of another type");
        return -1;
    }
    put_files(attached, message);
    return 0;
}

static int64_t size_of(void *context, const struct id *blob)
{
    const struct attached *attached = context;
    struct attached_file *file;
    char name[BLOB_NAME_SIZE];
    struct stat status;

    HASH_FIND(by_blob, attached->bytes, blob, sizeof *blob, file);
    if (file != NULL) {
        return file->size;
    }
    blob_entry_write(&(struct blob_entry){.kind = BLOB_FILE, .blob = *blob}, name);
    return fstatat(attached->spool->dir[FOLDER_BLOBS], name, &status, AT_SYMLINK_NOFOLLOW) == 0
               ? (int64_t)status.st_size
               : -1;
}

void attached_measure(const struct attached *attached, struct job *job)
{
    attachments_measure(job, size_of, (void *)(uintptr_t)attached);
}

/* --- dropping --------------------------------------------------------------------------------- */

/* Whether the spool has it, or will as soon as the daemon takes it. */
static bool is_there(const struct attached *attached, const struct attached_file *file)
{
    char name[BLOB_NAME_SIZE];
    struct stat status;

    blob_entry_write(&(struct blob_entry){.kind = BLOB_FILE, .blob = file->blob}, name);
    if (fstatat(attached->spool->dir[FOLDER_BLOBS], name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return status.st_size == file->size;
    }
    blob_drop_write(&file->blob, name);
    return fstatat(attached->spool->dir[FOLDER_NEW], name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           status.st_size == file->size;
}

static int drop_one(const struct attached *attached, const struct attached_file *file,
                    struct error *error)
{
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    int result;

    if (fd < 0) {
        error_set(error, ERROR_DATA, "%s cannot be read: %s", file->path, strerror(errno));
        return -1;
    }
    result = drop_blob(attached->spool, fd, &file->blob, error);
    if (result < 0) {
        error_prefix(error, "%s", file->path);
    }
    (void)close(fd);
    return result;
}

/* Tells attachments_each to stop at this one. */
static int is_it(void *context, const struct attachment *attachment)
{
    const struct id *wanted = context;

    return memcmp(wanted, &attachment->blob, sizeof *wanted) == 0 ? 1 : 0;
}

static bool names(const struct job *job, const struct attached_file *file)
{
    struct id blob = file->blob;

    return job == NULL || attachments_each(job, is_it, &blob) != 0;
}

int attached_drop(const struct attached *attached, const struct job *job, struct error *error)
{
    for (const struct attached_file *file = attached->pending; file != NULL; file = file->next) {
        if (names(job, file) && !is_there(attached, file) && drop_one(attached, file, error) < 0) {
            return -1;
        }
    }
    return 0;
}

void attached_forget(struct attached *attached)
{
    for (struct attached_file *file = attached->pending; file != NULL; file = file->next) {
        file->pending = false;
    }
    attached->pending = NULL;
}
