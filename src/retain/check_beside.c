/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_beside: what lies beside the jobs of cur/, done/ and failed/, and which kind belongs where.
 */
#include "retain/check_topic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "job/state.h"
#include "retain/check_form.h"

#define ERROR_END ".error.json"

static const char *kind_word(enum entry_kind kind)
{
    static const char *const words[] = {
        [ENTRY_OTHER] = "",
        [ENTRY_JOB] = "a job",
        [ENTRY_STATE] = "a state file",
        [ENTRY_ANSWER] = "an answer that is being written",
        [ENTRY_PARTIAL] = "a partial answer",
        [ENTRY_GONE] = "a deletion mark",
        [ENTRY_OUTPUT] = "an output",
        [ENTRY_ERROR] = "an error file",
    };

    return words[kind];
}

static void misplaced(struct check *check, const struct check_entry *entry)
{
    if (entry->is.kind == ENTRY_OTHER) {
        check_suspect(check, CHECK_UNKNOWN_ENTRY, "is none of the files of this folder");
    } else {
        check_suspect(check, CHECK_MISPLACED, "is %s, which has no place here",
                      kind_word(entry->is.kind));
    }
}

/* --- cur/ --- */

static bool has_job(const struct check *check, const struct check_entry *entry)
{
    return check_there(check, FOLDER_CUR, ENTRY_JOB, &entry->is.id, 0, NULL);
}

static void look_at_state(struct check *check, const struct check_entry *entry)
{
    struct buffer text = {0};
    struct error error;
    struct stat status;

    if (check_file(check, entry, &status) && check_read(check, entry, &text)) {
        struct state *state = state_read(text.bytes, text.length, &entry->is.id, &error);

        if (state == NULL) {
            check_suspect(check, CHECK_STATE_JSON, "%s", error.text);
        } else if (!has_job(check, entry)) {
            check_suspect(check, CHECK_STATE_ORPHAN, "its job is not in cur/");
        }
        state_free(state);
    }
    buffer_free(&text);
}

/* An answer being written, or the text of one so far. */
static void look_at_answer(struct check *check, const struct check_entry *entry,
                           enum check_code orphan)
{
    struct stat status;

    if (!check_file(check, entry, &status)) {
        return;
    }
    if (!has_job(check, entry)) {
        check_suspect(check, orphan, "its job is not in cur/");
    } else if (!check->owned) {
        check_suspect(check, CHECK_UNFINISHED, "was being written");
    }
}

void check_look_cur(struct check *check, const struct check_entry *entry)
{
    switch (entry->is.kind) {
    case ENTRY_JOB:
        check_look_job(check, entry);
        break;
    case ENTRY_STATE:
        look_at_state(check, entry);
        break;
    case ENTRY_ANSWER:
        look_at_answer(check, entry, CHECK_ANSWER_ORPHAN);
        break;
    case ENTRY_PARTIAL:
        look_at_answer(check, entry, CHECK_PARTIAL_ORPHAN);
        break;
    default:
        misplaced(check, entry);
        break;
    }
}

/* --- ID.gone --- */

/* Whether another hand is about to finish it; asks, and takes nothing. */
static bool is_locked(const struct check *check, const struct check_entry *entry)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    int fd = openat(check->spool->dir[entry->folder], entry->name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool locked;

    if (fd < 0) {
        return false;
    }
    locked = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    (void)close(fd);
    return locked;
}

void check_look_gone(struct check *check, const struct check_entry *entry)
{
    struct stat status;

    if (fstatat(check->spool->dir[entry->folder], entry->name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        check_unreadable(check, errno);
    } else if (!S_ISREG(status.st_mode)) {
        check_suspect(check, CHECK_ENTRY_TYPE, "is no regular file");
    } else if (!check->holding && is_locked(check, entry)) {
        return;
    } else if (check_there(check, entry->folder, ENTRY_JOB, &entry->is.id, 0, NULL)) {
        check_suspect(check, CHECK_GONE_BESIDE_JOB, "its job is there");
    } else {
        check_suspect(check, CHECK_GONE_UNFINISHED, "is locked by nobody");
    }
}

/* --- done/ --- */

void check_look_done(struct check *check, const struct check_entry *entry)
{
    switch (entry->is.kind) {
    case ENTRY_JOB:
        check_look_job(check, entry);
        break;
    case ENTRY_OUTPUT:
        check_look_output(check, entry);
        break;
    case ENTRY_GONE:
        check_look_gone(check, entry);
        break;
    default:
        misplaced(check, entry);
        break;
    }
}

/* --- failed/ --- */

/* Whether an error file may be without its job: the job file vanished, or was changed into another.
 */
static bool may_be_alone(const json_t *document)
{
    const char *reason = jsontext_get_text(document, "reason", "");

    return strcmp(reason, "vanished") == 0 || strcmp(reason, "changed") == 0;
}

static void look_for_job(struct check *check, const struct check_entry *entry,
                         const json_t *document)
{
    const struct id *id = &entry->is.id;

    if (check_there(check, FOLDER_FAILED, ENTRY_JOB, id, 0, NULL) ||
        check_there(check, FOLDER_FAILED, ENTRY_GONE, id, 0, NULL) || may_be_alone(document)) {
        return;
    }
    switch (check_job_place(check, id)) {
    case FOLDER_FAILED:
    case FOLDER_CUR: /* its end is under way, or it was taken back: told with the job */
        break;
    case FOLDER_DONE:
        check_suspect(check, CHECK_ERROR_ORPHAN, "its job is in done/");
        break;
    default:
        check_suspect(check, CHECK_ERROR_ORPHAN, "its job is nowhere");
        break;
    }
}

/* Reads an error file of a form; NULL after telling what is wrong. */
static json_t *read_error(struct check *check, const struct check_entry *entry, enum form form)
{
    struct buffer text = {0};
    struct error error;
    struct stat status;
    char why[200];
    json_t *document = NULL;

    if (check_file(check, entry, &status) && check_read(check, entry, &text)) {
        document = jsontext_read_object(text.bytes, text.length, &error);
        if (document == NULL) {
            check_suspect(check, CHECK_ERROR_JSON, "%s", error.text);
        } else if (!form_fits(form, document, why, sizeof why)) {
            check_suspect(check, CHECK_ERROR_JSON, "%s", why);
            json_decref(document);
            document = NULL;
        }
    }
    buffer_free(&text);
    return document;
}

void check_look_error(struct check *check, const struct check_entry *entry)
{
    json_t *document = read_error(check, entry, FORM_ERROR);
    struct id id;

    if (document != NULL) {
        if (!id_read(jsontext_get_text(document, "id", ""), &id) || !id_equal(&id, &entry->is.id)) {
            check_suspect(check, CHECK_ERROR_JSON, "says another job than its name");
        } else {
            look_for_job(check, entry, document);
        }
    }
    json_decref(document);
}

static bool is_there(const struct check *check, const char *name)
{
    return faccessat(check->spool->dir[FOLDER_FAILED], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What was refused, of any type, and the file that says why. */
void check_look_refused(struct check *check, const struct check_entry *entry)
{
    char name[NAME_LIMIT + sizeof ERROR_END];
    size_t length = strlen(entry->name);
    size_t end = strlen(ERROR_END);

    if (length > end && strcmp(entry->name + length - end, ERROR_END) == 0) {
        json_decref(read_error(check, entry, FORM_REFUSAL));
        snprintf(name, sizeof name, "%.*s", (int)(length - end), entry->name);
        if (!is_there(check, name)) {
            check_suspect(check, CHECK_REFUSED_ORPHAN, "the file that it tells of is gone");
        }
        return;
    }
    snprintf(name, sizeof name, "%s" ERROR_END, entry->name);
    if (!is_there(check, name)) {
        check_suspect(check, CHECK_REFUSED_NO_ERROR, "has no error file beside it");
    }
}

void check_look_failed(struct check *check, const struct check_entry *entry)
{
    switch (entry->is.kind) {
    case ENTRY_JOB:
        check_look_job(check, entry);
        break;
    case ENTRY_ERROR:
        check_look_error(check, entry);
        break;
    case ENTRY_GONE:
        check_look_gone(check, entry);
        break;
    case ENTRY_OTHER:
        check_look_refused(check, entry);
        break;
    default:
        misplaced(check, entry);
        break;
    }
}
