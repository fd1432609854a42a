/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_mend_unit: jobs, outputs and their reasons, as spool-layout/README section 10 resolves
 * them. */
#include "retain/check_mend_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "job/attachment.h"
#include "job/record.h"
#include "spool/blob.h"
#include "spool/file.h"
#include "spool/move.h"

#define ANSWER_LOST "answer_lost"
#define REASON_LOST "reason_lost"

/* --- error files --- */

/* Writes failed/ID.error.json for the job whose file is the entry, durably. */
static int write_error(const struct mending *mending, unsigned run, const char *reason,
                       const char *message)
{
    const struct spool *spool = mending->spool;
    const struct suspicion *suspicion = mending->suspicion;
    struct buffer text = {0}, out = {0};
    char job_name[ENTRY_NAME_SIZE], error_name[ENTRY_NAME_SIZE];
    struct stat status;
    struct job *job = NULL;
    int result;

    entry_write(ENTRY_JOB, &mending->is.id, 0, job_name);
    entry_write(ENTRY_ERROR, &mending->is.id, 0, error_name);
    result = file_read_at(spool->dir[suspicion->folder], job_name, JOB_SIZE_LIMIT, &text, &status);
    if (result == 0) {
        job = job_read_accepted(text.bytes, text.length, NULL);
        result = job != NULL ? 0 : -EBADMSG;
    }
    if (result == 0) {
        struct state *state = state_new(&mending->is.id);

        state->run = run;
        record_write_error(&out,
                           &(struct record){.job = job,
                                            .state = state,
                                            .times = {.submitted = clock_ms(status.st_mtim),
                                                      .finished = mending->check->now_ms},
                                            .status = "failed",
                                            .cost_nano = -1,
                                            .reason = reason,
                                            .message = message});
        state_free(state);
        result = file_replace(spool->dir[FOLDER_TMP], spool->dir[FOLDER_FAILED], error_name,
                              spool->job_mode, out.bytes, out.length, true);
    }
    job_free(job);
    buffer_free(&text);
    buffer_free(&out);
    return result;
}

int mend_failed_no_error(struct mending *mending)
{
    int result = write_error(mending, 1, REASON_LOST,
                             "Why it failed is not known any more: its error file was missing.");

    if (result == 0) {
        mend_done(mending, "its error file says " REASON_LOST);
    }
    return result;
}

int mend_refused_no_error(struct mending *mending)
{
    const struct spool *spool = mending->spool;
    const char *name = mending->suspicion->name;
    char *error_name = xasprintf("%s.error.json", name);
    struct buffer text = {0};
    int result;

    record_write_refusal(&text, name, REASON_LOST,
                         "Why it was refused is not known any more: its error file was missing.",
                         mending->check->now_ms, mending->check->now_ms);
    result = file_replace(spool->dir[FOLDER_TMP], spool->dir[FOLDER_FAILED], error_name,
                          spool->job_mode, text.bytes, text.length, true);
    if (result == 0) {
        mend_done(mending, "its error file says " REASON_LOST);
    }
    buffer_free(&text);
    free(error_name);
    return result;
}

/* One that tells of a run that was answered after all is deleted: the output wins. */
int mend_error_orphan(struct mending *mending)
{
    json_t *document =
        check_document(mending->check, FOLDER_FAILED, ENTRY_ERROR, &mending->is.id, 0);
    json_int_t run = jsontext_get_int(document, "run", 0);
    bool answered = run > 0 && check_there(mending->check, FOLDER_DONE, ENTRY_OUTPUT,
                                           &mending->is.id, (unsigned)run, NULL);

    json_decref(document);
    return answered ? mend_delete(mending) : mend_aside(mending);
}

/* --- places --- */

/* Moves ID.json between folders, both durable afterwards. */
static int move_job(const struct mending *mending, enum folder from, enum folder to)
{
    const struct spool *spool = mending->spool;
    char name[ENTRY_NAME_SIZE];
    int result;

    entry_write(ENTRY_JOB, &mending->is.id, 0, name);
    result = move_noreplace(spool->dir[from], name, spool->dir[to], name);
    if (result == 0) {
        result = file_sync_dir(spool->dir[to]);
    }
    return result == 0 ? file_sync_dir(spool->dir[from]) : result;
}

int mend_job_id(struct mending *mending)
{
    int result;

    if (mending->suspicion->folder != FOLDER_CUR) {
        return mend_aside(mending);
    }
    result = mend_job_stays(mending) ? 0 : mend_tell(mending, "sent_back", false);
    if (result == 0) {
        result = move_back_to_new(mending->spool, FOLDER_CUR, mending->suspicion->name);
    }
    if (result == 0) {
        mend_done(mending, "went back to new/");
        result = file_sync_dir(mending->spool->dir[FOLDER_NEW]);
    }
    return result;
}

/* The later folder's counts. */
int mend_job_twice(struct mending *mending)
{
    const struct suspicion *suspicion = mending->suspicion;
    struct stat later;

    if (!check_there(mending->check, FOLDER_DONE, ENTRY_JOB, &mending->is.id, 0, &later) &&
        (suspicion->folder == FOLDER_FAILED ||
         !check_there(mending->check, FOLDER_FAILED, ENTRY_JOB, &mending->is.id, 0, &later))) {
        return MEND_LEFT;
    }
    if (later.st_ino == suspicion->inode) {
        return mend_delete(mending);
    }
    return suspicion->folder == FOLDER_CUR ? mend_job_id(mending) : mend_aside(mending);
}

int mend_answered_failed(struct mending *mending)
{
    int result = move_job(mending, FOLDER_FAILED, FOLDER_DONE);

    if (result == 0) {
        mend_done(mending, "moved to done/");
    }
    return result;
}

/* --- answers --- */

/* Puts away an error file that tells of something else, so that it is not replaced. One of ours is
 * there already when this was killed before. */
static int clear_error(struct mending *mending, bool *ours)
{
    char name[ENTRY_NAME_SIZE];
    json_t *document;

    *ours = false;
    if (!check_there(mending->check, FOLDER_FAILED, ENTRY_ERROR, &mending->is.id, 0, NULL)) {
        return 0;
    }
    document = check_document(mending->check, FOLDER_FAILED, ENTRY_ERROR, &mending->is.id, 0);
    *ours = strcmp(jsontext_get_text(document, "reason", ""), ANSWER_LOST) == 0;
    json_decref(document);
    if (*ours) {
        return 0;
    }
    entry_write(ENTRY_ERROR, &mending->is.id, 0, name);
    return mend_aside_name(mending, FOLDER_FAILED, name);
}

int mend_answer_lost(struct mending *mending)
{
    unsigned lowest, highest = 0;
    bool ours;
    int result = 0;

    if (!check_there(mending->check, FOLDER_DONE, ENTRY_JOB, &mending->is.id, 0, NULL)) {
        return MEND_LEFT;
    }
    if (check_there(mending->check, FOLDER_FAILED, ENTRY_JOB, &mending->is.id, 0, NULL)) {
        return MEND_LEFT; /* told, and mended, as a job in two folders first */
    }
    if (mending->suspicion->code == CHECK_DONE_NO_GOOD) {
        result = unit_versions(mending->spool, &mending->is.id, &lowest, &highest);
    }
    if (result == 0) {
        result = clear_error(mending, &ours);
    }
    if (result == 0 && !ours) {
        result = write_error(mending, highest + 1, ANSWER_LOST,
                             "It was answered, and its answer is damaged or missing: "
                             "retry asks again.");
    }
    if (result == 0) {
        result = mend_tell(mending, "set_aside", true);
    }
    if (result == 0) {
        result = move_job(mending, FOLDER_DONE, FOLDER_FAILED);
    }
    if (result == 0) {
        mend_done(mending, "its job is in failed/ now, reason " ANSWER_LOST);
    }
    return result;
}

/* Whether the very same bytes are published. */
static bool is_published(const struct mending *mending)
{
    const struct spool *spool = mending->spool;
    struct buffer written = {0}, published = {0};
    char name[ENTRY_NAME_SIZE];
    bool same;

    entry_write(ENTRY_OUTPUT, &mending->is.id, mending->is.version, name);
    same = file_read_at(spool->dir[FOLDER_CUR], mending->suspicion->name, SIZE_MAX, &written,
                        NULL) == 0 &&
           file_read_at(spool->dir[FOLDER_DONE], name, SIZE_MAX, &published, NULL) == 0 &&
           written.length == published.length &&
           memcmp(written.bytes, published.bytes, written.length) == 0;
    buffer_free(&written);
    buffer_free(&published);
    return same;
}

int mend_answer_orphan(struct mending *mending)
{
    return is_published(mending) ? mend_delete(mending) : mend_aside(mending);
}

int mend_gone(struct mending *mending)
{
    int result;

    if (mending->unit.fd < 0 || !mending->unit.gone) {
        return MEND_LEFT;
    }
    /* Who began it may have been killed before that was told. */
    result = mend_tell(mending, "pruned", false);
    if (result == 0) {
        result = unit_finish_gone(&mending->unit);
    }
    if (result == 0) {
        mend_done(mending, "deleted what was left of it");
    }
    return result;
}

/* --- attachments --- */

struct marking {
    const struct spool *spool;
    const struct job *job;
};

static int mark_one(void *context, const struct attachment *attachment)
{
    const struct marking *marking = context;

    return blob_use(marking->spool, &attachment->blob, &marking->job->id);
}

int mend_blob_unmarked(struct mending *mending)
{
    const struct suspicion *suspicion = mending->suspicion;
    const struct spool *spool = mending->spool;
    struct buffer text = {0};
    struct job *job = NULL;
    int result =
        file_read_at(spool->dir[suspicion->folder], suspicion->name, JOB_SIZE_LIMIT, &text, NULL);

    if (result == 0) {
        job = job_read_accepted(text.bytes, text.length, NULL);
        result = job != NULL ? 0 : -EBADMSG;
    }
    if (result == 0) {
        result = attachments_each(job, mark_one, &(struct marking){.spool = spool, .job = job});
    }
    if (result == 0) {
        result = file_sync_dir(spool->dir[FOLDER_BLOBS]);
    }
    if (result == 0) {
        mend_done(mending, "marked");
    }
    job_free(job);
    buffer_free(&text);
    return result;
}
