/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_topic: what the topics of check share. */
#include "retain/check_topic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "spool/file.h"

enum {
    PLACE_TRIES = 2,
    MESSAGE_SIZE = 600,
    GOOD_TRIES = 10000, /* versions above one that are looked through for a good one */
};

const struct check_topic check_layout_topic = {"layout", "folders, spool.json, modes and owners",
                                               FOLDER_COUNT, check_look_layout, NULL};

const struct check_topic check_topics[] = {
    {"cur", "accepted jobs and what lies beside them", FOLDER_CUR, check_look_cur, NULL},
    {"done", "finished jobs, every output against its sha256", FOLDER_DONE, check_look_done,
     check_end_done},
    {"failed", "failed jobs, refused files and their reasons", FOLDER_FAILED, check_look_failed,
     NULL},
    {"by-name", "where names lead", FOLDER_BY_NAME, check_look_name, NULL},
    {"new", "what was dropped", FOLDER_NEW, check_look_new, NULL},
    {"ctl", "switches and orders", FOLDER_CTL, check_look_ctl, NULL},
    {"blobs", "attachments against their digests", FOLDER_BLOBS, check_look_blob, NULL},
    {"runs", "manifests of runs", FOLDER_RUNS, check_look_run, NULL},
    {"templates", "types of the spool's own", FOLDER_TEMPLATES, check_look_template, NULL},
    {"flows", "records of flows", FOLDER_FLOWS, check_look_flow, NULL},
    {"outbox", "notifications that are owed", FOLDER_OUTBOX, check_look_debt, NULL},
    {"events", "the log, line by line", FOLDER_EVENTS, check_look_events, NULL},
    {"state", "what was spent, and when was pruned", FOLDER_STATE, check_look_state,
     check_end_state},
    {"archive", "archives against their checksums and indexes", FOLDER_COUNT, check_look_archive,
     NULL},
    {"tmp", "what was left over", FOLDER_TMP, check_look_tmp, NULL},
    {"system", "room, mount options, what the file system can do", FOLDER_COUNT, check_look_system,
     NULL},
};

const size_t check_topic_count = sizeof check_topics / sizeof check_topics[0];

struct suspicion *suspicions_add(struct suspicions *list, const struct suspicion *suspicion)
{
    if (list->count == list->capacity) {
        list->capacity = 2 * list->capacity + 64;
        list->all = xrealloc(list->all, list->capacity * sizeof *list->all);
    }
    list->all[list->count] = *suspicion;
    return &list->all[list->count++];
}

void suspicions_clear(struct suspicions *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->all[i].name);
        free(list->all[i].message);
    }
    list->count = 0;
}

/* Which inode it is and since when, so that a second look knows it again. */
static void fingerprint(const struct check *check, struct suspicion *suspicion)
{
    struct stat status;

    if (suspicion->folder != FOLDER_COUNT && check->spool != NULL &&
        fstatat(check->spool->dir[suspicion->folder], suspicion->name, &status,
                AT_SYMLINK_NOFOLLOW) == 0) {
        suspicion->inode = status.st_ino;
        suspicion->changed = status.st_ctim;
    }
}

__attribute__((format(printf, 5, 0))) static void
suspect(struct check *check, enum check_code code, enum folder folder, const char *name,
        const char *format, va_list arguments)
{
    char message[MESSAGE_SIZE];
    struct suspicion suspicion = {
        .topic = check->topic, .code = code, .folder = folder, .name = xstrdup(name)};

    vsnprintf(message, sizeof message, format, arguments);
    suspicion.message = xstrdup(message);
    fingerprint(check, &suspicion);
    suspicions_add(check->into, &suspicion);
}

void check_suspect(struct check *check, enum check_code code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    suspect(check, code, check->entry->folder, check->entry->name, format, arguments);
    va_end(arguments);
}

void check_suspect_name(struct check *check, enum check_code code, const char *name,
                        const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    suspect(check, code, FOLDER_COUNT, name, format, arguments);
    va_end(arguments);
}

void check_unreadable(struct check *check, int errnum)
{
    if (errnum != ENOENT) {
        check_suspect(check, CHECK_UNREADABLE, "cannot be read: %s", strerror(errnum));
    }
}

/* --- what is in other folders --- */

bool check_there(const struct check *check, enum folder folder, enum entry_kind kind,
                 const struct id *id, unsigned version, struct stat *status)
{
    char name[ENTRY_NAME_SIZE];
    struct stat own;

    entry_write(kind, id, version, name);
    return fstatat(check->spool->dir[folder], name, status != NULL ? status : &own,
                   AT_SYMLINK_NOFOLLOW) == 0;
}

enum folder check_job_place(const struct check *check, const struct id *id)
{
    static const enum folder places[] = {FOLDER_CUR, FOLDER_FAILED, FOLDER_DONE};

    for (int i = 0; i < PLACE_TRIES; i++) {
        for (size_t j = 0; j < sizeof places / sizeof places[0]; j++) {
            if (check_there(check, places[j], ENTRY_JOB, id, 0, NULL)) {
                return places[j];
            }
        }
    }
    return FOLDER_COUNT;
}

unsigned check_version_from(const struct check *check, const struct id *id, unsigned version,
                            unsigned limit)
{
    for (; version < limit; version++) {
        if (check_there(check, FOLDER_DONE, ENTRY_OUTPUT, id, version, NULL)) {
            return version;
        }
    }
    return 0;
}

json_t *check_document(const struct check *check, enum folder folder, enum entry_kind kind,
                       const struct id *id, unsigned version)
{
    char name[ENTRY_NAME_SIZE];
    struct buffer text = {0};
    json_t *document = NULL;

    entry_write(kind, id, version, name);
    if (file_read_at(check->spool->dir[folder], name, SIZE_MAX, &text, NULL) == 0) {
        document = jsontext_read_object(text.bytes, text.length, NULL);
    }
    buffer_free(&text);
    return document;
}

unsigned check_good_from(const struct check *check, const struct id *id, unsigned version)
{
    for (unsigned i = 0; i < GOOD_TRIES; i++, version++) {
        json_t *output;
        bool good;

        if (!check_there(check, FOLDER_DONE, ENTRY_OUTPUT, id, version, NULL)) {
            return 0;
        }
        output = check_document(check, FOLDER_DONE, ENTRY_OUTPUT, id, version);
        good = strcmp(jsontext_get_text(output, "status", ""), "completed") == 0;
        json_decref(output);
        if (good) {
            return version;
        }
    }
    return 0;
}

/* --- the entry itself --- */

static void look_at_mode(struct check *check, const struct check_entry *entry,
                         const struct stat *status)
{
    mode_t mode = status->st_mode & ALLPERMS;
    mode_t wanted = check->spool->job_mode;

    if (entry->folder == FOLDER_CUR && entry->is.kind == ENTRY_JOB && (mode & S_IXUSR) != 0) {
        mode &= (mode_t) ~(S_IXUSR | S_IXGRP | S_IXOTH); /* the mark */
    }
    if (mode != wanted) {
        check_suspect(check, CHECK_FILE_MODE, "has mode %04o instead of %04o", (unsigned)mode,
                      (unsigned)wanted);
    }
}

bool check_file(struct check *check, const struct check_entry *entry, struct stat *status)
{
    if (fstatat(check->spool->dir[entry->folder], entry->name, status, AT_SYMLINK_NOFOLLOW) < 0) {
        check_unreadable(check, errno);
        return false;
    }
    if (!S_ISREG(status->st_mode)) {
        check_suspect(check, CHECK_ENTRY_TYPE, "is no regular file");
        return false;
    }
    look_at_mode(check, entry, status);
    if (status->st_uid != check->spool->owner) {
        check_suspect(check, CHECK_FILE_OWNER, "belongs to uid %lu, and the spool to uid %lu",
                      (unsigned long)status->st_uid, (unsigned long)check->spool->owner);
    }
    return true;
}

bool check_read(struct check *check, const struct check_entry *entry, struct buffer *text)
{
    int result = file_read_at(check->spool->dir[entry->folder], entry->name, SIZE_MAX, text, NULL);

    if (result < 0) {
        check_unreadable(check, -result);
        return false;
    }
    return true;
}
