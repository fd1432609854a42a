/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_mend: what mends which code, and the means that several use. */
#include "retain/check_mend.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "job/field.h"
#include "job/record.h"
#include "retain/check_mend_parts.h"
#include "spool/events.h"
#include "spool/file.h"
#include "spool/move.h"
#include "spool/take.h"

enum { ERROR_NAME_SIZE = NAME_LIMIT + 16, SENTENCE_SIZE = 800 };

void mend_done(struct mending *mending, const char *format, ...)
{
    char text[SENTENCE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    free(mending->done);
    mending->done = xstrdup(text);
}

/* --- aside --- */

/* Writes the error file of what is moved aside. */
static int write_reason(const struct mending *mending, enum folder folder, const char *name,
                        const char *kept)
{
    const struct spool *spool = mending->spool;
    char error_name[ERROR_NAME_SIZE], sentence[SENTENCE_SIZE];
    char *file = xasprintf("%s/%s", folder_name(folder), name);
    struct buffer text = {0};
    int result;

    snprintf(sentence, sizeof sentence, "%s: %s; llmspool-check moved it here", file,
             mending->suspicion->message);
    snprintf(error_name, sizeof error_name, "%s.error.json", kept);
    record_write_refusal(&text, file, check_row(mending->suspicion->code)->word, sentence,
                         mending->check->now_ms, mending->check->now_ms);
    result = file_replace(spool->dir[FOLDER_TMP], spool->dir[FOLDER_FAILED], error_name,
                          spool->job_mode, text.bytes, text.length, true);
    buffer_free(&text);
    free(file);
    return result;
}

int mend_aside_name(struct mending *mending, enum folder folder, const char *name)
{
    const struct spool *spool = mending->spool;
    char kept[NAME_LIMIT];
    int result;

    take_kept_name(spool, folder, name, kept);
    result = write_reason(mending, folder, name, kept);
    if (result == 0) {
        result = take_refuse(spool, folder, name, kept);
    }
    if (result == 0) {
        result = file_sync_dir(spool->dir[FOLDER_FAILED]);
    }
    if (result == 0 && folder != FOLDER_FAILED) {
        result = file_sync_dir(spool->dir[folder]);
    }
    if (result == 0) {
        mend_done(mending, "moved to failed/%s", kept);
    }
    return result;
}

int mend_tell(struct mending *mending, const char *event, bool kept)
{
    struct events *events = mending->check->events;
    json_t *fields = json_object();
    char id[ID_TEXT_SIZE];

    id_write(&mending->is.id, id);
    field_text(fields, "id", id);
    field_text(fields, "code", check_row(mending->suspicion->code)->word);
    if (mending->is.kind == ENTRY_OUTPUT) {
        json_object_set_new(fields, "run", json_integer(mending->is.version));
    }
    if (kept) {
        json_object_set_new(fields, "kept", json_true());
    }
    events_add(events, event, fields);
    return events_flush(events);
}

bool mend_job_stays(const struct mending *mending)
{
    static const enum folder places[] = {FOLDER_CUR, FOLDER_FAILED, FOLDER_DONE};

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        bool itself = mending->is.kind == ENTRY_JOB && mending->suspicion->folder == places[i];

        if (!itself && check_there(mending->check, places[i], ENTRY_JOB, &mending->is.id, 0, NULL)) {
            return true;
        }
    }
    return false;
}

/* What counts for a job is told; what only has its name, or is there twice, does not. */
static int tell_aside(struct mending *mending)
{
    bool stays = mend_job_stays(mending);
    enum folder folder = mending->suspicion->folder;

    switch (mending->is.kind) {
    case ENTRY_OUTPUT:
        return folder == FOLDER_DONE ? mend_tell(mending, "set_aside", stays) : 0;
    case ENTRY_JOB:
    case ENTRY_ERROR: /* all that is left of one that failed */
        return stays ? 0 : mend_tell(mending, "set_aside", false);
    default:
        return 0;
    }
}

int mend_aside(struct mending *mending)
{
    int result = tell_aside(mending);

    if (result < 0) {
        return result;
    }
    return mend_aside_name(mending, mending->suspicion->folder, mending->suspicion->name);
}

/* --- deleting --- */

int mend_delete(struct mending *mending)
{
    int dir = mending->spool->dir[mending->suspicion->folder];

    if (unlinkat(dir, mending->suspicion->name, 0) < 0 && errno != ENOENT) {
        return -errno;
    }
    mend_done(mending, "deleted");
    return file_sync_dir(dir);
}

/* What llmspool-archive was writing is its own while it holds its lock; a day of events that was to
 * be compressed is still there. */
static int mend_tmp_old(struct mending *mending)
{
    static const char events[] = "events.";
    static const char archives[] = "archive.";
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd, result;

    if (strncmp(mending->suspicion->name, events, strlen(events)) == 0) {
        return mend_delete(mending);
    }
    if (strncmp(mending->suspicion->name, archives, strlen(archives)) != 0) {
        return mend_aside(mending);
    }
    fd = openat(mending->spool->dir[FOLDER_ARCHIVE], "lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? mend_delete(mending) : -errno;
    }
    result = fcntl(fd, F_OFD_SETLK, &lock) == 0 ? mend_delete(mending) : MEND_LEFT;
    (void)close(fd);
    return result;
}

/* --- names --- */

/* What the name of a finished job leads to: its newest good output. */
static int find_answer(const struct mending *mending, const struct id *id,
                       char entry[ENTRY_NAME_SIZE])
{
    unsigned lowest, highest;
    int result = unit_versions(mending->spool, id, &lowest, &highest);

    if (result < 0 || highest == 0) {
        return result < 0 ? result : -ENOENT;
    }
    for (unsigned version = highest; version >= lowest; version--) {
        if (check_good_from(mending->check, id, version) == version) {
            entry_write(ENTRY_OUTPUT, id, version, entry);
            return 0;
        }
    }
    return -ENOENT;
}

/* Where the name's job is now; -ENOENT when it is nowhere. */
static int find_target(const struct mending *mending, const struct id *id, char *target,
                       size_t size)
{
    enum folder place = check_job_place(mending->check, id);
    char entry[ENTRY_NAME_SIZE];
    int result = 0;

    switch (place) {
    case FOLDER_DONE:
        result = find_answer(mending, id, entry);
        break;
    case FOLDER_CUR:
        entry_write(ENTRY_JOB, id, 0, entry);
        break;
    case FOLDER_FAILED:
        entry_write(ENTRY_ERROR, id, 0, entry);
        break;
    default:
        return -ENOENT;
    }
    snprintf(target, size, "../%s/%s", folder_name(place), entry);
    return result;
}

static int mend_name(struct mending *mending)
{
    const char *name = mending->suspicion->name;
    int dir = mending->spool->dir[FOLDER_BY_NAME];
    char target[PATH_MAX];
    ssize_t length = readlinkat(dir, name, target, sizeof target - 1);
    enum folder folder;
    struct entry is;
    int result;

    if (length < 0) {
        return -errno;
    }
    target[length] = '\0';
    if (!check_name_target(target, &folder, &is)) {
        return MEND_LEFT;
    }
    result = find_target(mending, &is.id, target, sizeof target);
    if (result == -ENOENT) {
        return mend_delete(mending);
    }
    if (result == 0) {
        result = move_link(mending->spool, FOLDER_BY_NAME, name, target);
    }
    if (result == 0) {
        mend_done(mending, "leads to %.300s now", target);
    }
    return result;
}

/* --- which mends what --- */

static int (*const menders[CHECK_CODE_COUNT])(struct mending *mending) = {
    [CHECK_FOLDER_MISSING] = mend_folder_missing,
    [CHECK_FOLDER_MODE] = mend_folder_mode,
    [CHECK_FOLDER_OWNER] = mend_folder_owner,
    [CHECK_UNKNOWN_ENTRY] = mend_aside,
    [CHECK_MISPLACED] = mend_aside,
    [CHECK_ENTRY_TYPE] = mend_aside,
    [CHECK_FILE_MODE] = mend_file_mode,
    [CHECK_FILE_OWNER] = mend_file_owner,
    [CHECK_JOB_JSON] = mend_aside,
    [CHECK_JOB_ID] = mend_job_id,
    [CHECK_JOB_TWICE] = mend_job_twice,
    [CHECK_DONE_NO_OUTPUT] = mend_answer_lost,
    [CHECK_DONE_NO_GOOD] = mend_answer_lost,
    [CHECK_ANSWERED_FAILED] = mend_answered_failed,
    [CHECK_FAILED_NO_ERROR] = mend_failed_no_error,
    [CHECK_STUCK_MARK] = mend_mark,
    [CHECK_OUTPUT_JSON] = mend_aside,
    [CHECK_OUTPUT_ID] = mend_aside,
    [CHECK_OUTPUT_SHA256] = mend_aside,
    [CHECK_OUTPUT_ORPHAN] = mend_aside,
    [CHECK_STATE_JSON] = mend_aside,
    [CHECK_STATE_ORPHAN] = mend_delete,
    [CHECK_ANSWER_ORPHAN] = mend_answer_orphan,
    [CHECK_PARTIAL_ORPHAN] = mend_delete,
    [CHECK_GONE_UNFINISHED] = mend_gone,
    [CHECK_GONE_BESIDE_JOB] = mend_aside,
    [CHECK_ERROR_JSON] = mend_aside,
    [CHECK_ERROR_ORPHAN] = mend_error_orphan,
    [CHECK_REFUSED_NO_ERROR] = mend_refused_no_error,
    [CHECK_REFUSED_ORPHAN] = mend_delete,
    [CHECK_NAME_DANGLING] = mend_name,
    [CHECK_NAME_OUTSIDE] = mend_aside,
    [CHECK_NAME_NO_LINK] = mend_aside,
    [CHECK_TMP_LEFT] = mend_delete,
    [CHECK_TMP_OLD] = mend_tmp_old,
    [CHECK_FLOW_DAMAGED] = mend_aside,
    [CHECK_OUTBOX_JSON] = mend_aside,
    [CHECK_BLOB_DAMAGED] = mend_aside,
    [CHECK_BLOB_UNMARKED] = mend_blob_unmarked,
    [CHECK_ARCHIVE_UNKNOWN] = mend_archive_ids,
    [CHECK_ARCHIVE_IDS] = mend_archive_ids,
};

/* --- the lock --- */

/* Takes the lock of the unit that the entry belongs to. Where there is none to take, nobody else
 * can take it either. Returns whether to go on. */
static bool lock_unit(struct mending *mending)
{
    enum folder folder = mending->suspicion->folder;

    mending->unit.fd = -1;
    if ((folder != FOLDER_DONE && folder != FOLDER_FAILED) || mending->is.kind == ENTRY_OTHER) {
        return true;
    }
    return unit_lock(mending->spool, folder, &mending->is.id, &mending->unit) != -EAGAIN;
}

static int mend_locked(struct mending *mending, struct error *error)
{
    const struct suspicion *suspicion = mending->suspicion;
    int (*mender)(struct mending * mending) = menders[suspicion->code];
    int result;

    mending->check->holding = mending->unit.fd >= 0;
    check_look_again(mending->check, suspicion);
    mending->check->holding = false;
    if (!check_is_confirmed(mending->check, suspicion)) {
        return 0;
    }
    result = mender != NULL ? mender(mending) : MEND_LEFT;
    if (result < 0) {
        error_set(error, ERROR_SYSTEM, "mending failed: %s", strerror(-result));
    }
    return result == 0 ? 1 : -1;
}

int check_mend(struct check *check, const struct suspicion *suspicion, char **done,
               struct error *error)
{
    struct mending mending = {
        .check = check, .spool = check->spool, .suspicion = suspicion, .unit = {.fd = -1}};
    int result = -1;

    if (suspicion->folder != FOLDER_COUNT) {
        mending.is = entry_read(suspicion->name);
    }
    if (lock_unit(&mending)) {
        result = mend_locked(&mending, error);
        unit_unlock(&mending.unit);
    } else {
        error_set(error, ERROR_LATER, "another program works on it: run this again");
    }
    *done = mending.done;
    return result;
}
