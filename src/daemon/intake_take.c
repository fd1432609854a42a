/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * intake_take: one file of new/, opened, read, judged and handed on.
 */
#include "daemon/intake_core.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/admit.h"
#include "daemon/archived.h"
#include "daemon/attach.h"
#include "daemon/flows.h"
#include "daemon/owners.h"
#include "daemon/refusal.h"
#include "daemon/rules.h"
#include "job/flow.h"
#include "spool/move.h"

enum { YOUNG_MS = 2000 }; /* a file this young that does not parse may still be written */

/* A file of new/ on its way through admit. */
struct intake_drop {
    struct drop drop;
    struct intake *intake;
    struct take take;
    struct intake_name *busy;
};

/* --- one dropped job --------------------------------------------------------------------------------- */

static void drop_ended(struct drop *drop, enum drop_end end)
{
    struct intake_drop *job = drop->context;
    struct intake *intake = job->intake;
    const char *trouble = archived_trouble(intake->core->archived);
    int result = 0;

    if (end == DROP_ANSWERED)
        result = move_out(intake->core->spool, FOLDER_NEW, drop->name, &drop->status);
    if (result < 0 && result != -ENOENT && result != -ESTALE)
        log_warning(&intake->core->log, "new/%s cannot be removed: %s", drop->name,
                    strerror(-result));
    if (end == DROP_LATER) {
        intake->waiting++; /* until the look that this asks for: it is still in new/ */
        snprintf(intake->reason, sizeof intake->reason, "%.60s: %s", drop->name,
                 trouble != NULL ? trouble : "its job is just ending");
        intake_look_soon(intake);
    }
    take_close(&job->take);
    intake_busy_remove(intake, job->busy);
    core_touch(intake->core);
    free(job);
}

static void intake_refuse(struct intake *intake, const char *name, const struct take *take,
                          const char *reason, const char *message)
{
    refusal_file(intake->core, FOLDER_NEW, name,
                 &(struct refusal){.reason = reason,
                                   .message = message,
                                   .submitted = clock_ms(take->status.st_ctim)});
}

/* The login name of a file's owner; the last one looked up is remembered. */
static const char *intake_owner(struct intake *intake, uid_t uid)
{
    if (intake->owner_name == NULL || intake->owner_uid != uid) {
        free(intake->owner_name);
        intake->owner_name = owners_name(uid);
        intake->owner_uid = uid;
    }
    return intake->owner_name;
}

/* What completes a job of this file. */
static struct job_context intake_context(struct intake *intake, const struct take *take)
{
    const struct spool *spool = intake->core->spool;
    struct job_context context = {.default_model = spool->default_model,
                                  .submitted = {clock_ms(take->status.st_ctim)},
                                  .templates = intake->templates};

    context.mail_allow = intake->core->config->mail_allow;
    if (spool->shared) {
        context.owner = intake_owner(intake, take->status.st_uid);
        context.trusted = owners_trusted(intake->core, take->status.st_uid, context.owner);
    }
    return context;
}

static bool still_young(struct intake *intake, const struct take *take)
{
    return clock_wall(intake->core->clock).ms - clock_ms(take->status.st_mtim) < YOUNG_MS;
}

/* Reads the document of an opened file. NULL: it was refused, or waits. */
static json_t *intake_document(struct intake *intake, const char *name, struct take *take)
{
    struct buffer text = {0};
    struct error error;
    json_t *document = NULL;
    int result = take_read(take, &text);

    if (result == 0)
        document = jsontext_read(text.bytes != NULL ? text.bytes : "", text.length, &error);
    if (result < 0) {
        snprintf(take->reason, sizeof take->reason, "cannot be read: %s", strerror(-result));
        intake_leave_waiting(intake, name, take);
    } else if (document == NULL && still_young(intake, take)) {
        snprintf(take->reason, sizeof take->reason, "still being written?");
        intake_leave_waiting(intake, name, take);
    } else if (document == NULL) {
        intake_refuse(intake, name, take, "bad_json", error.text);
    }
    buffer_free(&text);
    return document;
}

/* The job of a document, which is taken over. NULL: it was refused. */
static struct job *intake_job(struct intake *intake, const char *name, struct take *take,
                              json_t *document)
{
    struct job_context context = intake_context(intake, take);
    const char *reason = "bad_job";
    struct error error;
    struct job *job;

    context.reason = &reason;
    templates_look_again(intake->templates);
    job = job_from_json(document, &context, &error);
    json_decref(document);
    if (job != NULL && !rules_allow(intake->core, job, &reason, &error)) {
        job_free(job);
        job = NULL;
    }
    if (job == NULL)
        intake_refuse(intake, name, take, reason, error.text);
    return job;
}

/* A file with another name may be one that our own move by link left behind; its ID tells. */
static void take_linked_job(struct intake *intake, const char *name, struct take *take)
{
    json_t *document = intake_document(intake, name, take);
    struct job *job = document != NULL ? intake_job(intake, name, take, document) : NULL;

    if (job != NULL) {
        switch (take_linked(intake->core->spool, name, &job->id, take)) {
        case TAKE_REFUSE:
            intake_refuse(intake, name, take, "not_a_job_file", take->reason);
            break;
        case TAKE_LATER:
            intake_leave_waiting(intake, name, take);
            break;
        default:
            break;
        }
    }
    job_free(job);
    take_close(take);
}

/* Whether the attachments of a job are there; if not it waits for them, or is refused. */
static bool has_attachments(struct intake *intake, const char *name, struct take *take,
                            struct job *job)
{
    struct attach *attach = intake->core->attach;
    struct error error;

    switch (attach_look(attach, job, clock_ms(take->status.st_ctim), false, &error)) {
    case ATTACH_LATER:
        snprintf(take->reason, sizeof take->reason, "%s", attach_reason(attach));
        intake_leave_waiting(intake, name, take);
        return false;
    case ATTACH_NEVER:
        intake_refuse(intake, name, take, "no_attachment", error.text);
        return false;
    case ATTACH_HERE:
        break;
    }
    return true;
}

static struct intake_drop *drop_new(struct intake *intake, const char *name,
                                    const struct take *take)
{
    struct intake_drop *drop = xcalloc(1, sizeof *drop);

    drop->intake = intake;
    drop->take = *take;
    drop->busy = intake_busy_add(intake, name);
    drop->drop = (struct drop){.name = drop->busy->text,
                               .fd = take->fd,
                               .status = take->status,
                               .movable = !take->foreign,
                               .submitted = clock_ms(take->status.st_ctim),
                               .ended = drop_ended,
                               .context = drop};
    return drop;
}

static void take_flow(struct intake *intake, const char *name, struct take *take,
                      json_t *document)
{
    struct job_context context = intake_context(intake, take);
    struct intake_drop *drop = drop_new(intake, name, take);
    const char *reason = "bad_flow";
    struct error error;

    context.reason = &reason;
    if (flows_take(intake->core->flows, document, &context, &drop->drop, &error))
        return;
    intake_refuse(intake, name, take, reason, error.text);
    drop_ended(&drop->drop, DROP_TAKEN); /* it is in failed/ */
}

static void take_job(struct intake *intake, const char *name, struct take *take)
{
    json_t *document = intake_document(intake, name, take);
    struct job *job;

    if (document != NULL && flow_is(document)) {
        take_flow(intake, name, take, document);
        json_decref(document);
        return;
    }
    job = document != NULL ? intake_job(intake, name, take, document) : NULL;
    if (job != NULL && has_attachments(intake, name, take, job)) {
        admit(intake->core, job, &drop_new(intake, name, take)->drop);
        return;
    }
    job_free(job);
    take_close(take);
}

/* --- lists ---------------------------------------------------------------------------------------------- */

static void take_list(struct intake *intake, const char *name, struct take *take)
{
    struct job_context context = intake_context(intake, take);

    intake->list = list_open(intake->core, name, take, context.owner, context.trusted);
    if (intake->list == NULL) {
        snprintf(take->reason, sizeof take->reason, "still being written?");
        intake_leave_waiting(intake, name, take);
        return;
    }
    intake->list_name = xstrdup(name);
    intake->list_look = intake->scans;
}

/* --- attachments ----------------------------------------------------------------------------------------- */

/* A file on its way into blobs/. */
struct intake_blob {
    struct intake *intake;
    struct take take;
    struct intake_name *busy;
};

static void blob_ended(void *context, int result)
{
    struct intake_blob *blob = context;
    struct intake *intake = blob->intake;
    const char *name = blob->busy->text;

    if (result == -EBADMSG) {
        intake_refuse(intake, name, &blob->take, "bad_attachment",
                      "the SHA-256 of its bytes is not what its name says");
    } else if (result < 0 && result != -ENOENT) {
        log_warning(&intake->core->log, "new/%s cannot be taken: %s", name, strerror(-result));
        snprintf(blob->take.reason, sizeof blob->take.reason, "cannot be taken: %s",
                 strerror(-result));
        intake_leave_waiting(intake, name, &blob->take);
    }
    take_close(&blob->take);
    intake_busy_remove(intake, blob->busy);
    if (intake->waiting > 0) /* perhaps for this one */
        intake_scan(intake);
    core_progress(intake->core);
    free(blob);
}

static void take_blob(struct intake *intake, const char *name, struct take *take)
{
    struct intake_blob *blob = xcalloc(1, sizeof *blob);

    blob->intake = intake;
    blob->take = *take;
    blob->busy = intake_busy_add(intake, name);
    attach_take(intake->core->attach, blob->busy->text, &blob->take, blob_ended, blob);
}

/* A file that has another name, too, may change by it: it is copied. */
static void take_foreign_blob(struct intake *intake, const char *name, struct take *take)
{
    take->foreign = true;
    take_blob(intake, name, take);
}

/* --- all kinds ----------------------------------------------------------------------------------------- */

static size_t size_limit(const struct core *core, enum drop_kind kind)
{
    return kind == DROP_LIST   ? LIST_SIZE_LIMIT
           : kind == DROP_BLOB ? core->config->attachment_limit
                               : core->config->job_limit;
}

void intake_take(struct intake *intake, const char *name, enum drop_kind kind)
{
    static const char *const refused[] = {[DROP_JOB] = "not_a_job_file",
                                          [DROP_LIST] = "not_a_job_file",
                                          [DROP_BLOB] = "bad_attachment"};
    struct core *core = intake->core;
    struct take_policy policy = {.limit = size_limit(core, kind), .shared = core->spool->shared};
    struct take take;

    switch (take_open(core->spool, FOLDER_NEW, name, &policy, clock_wall(core->clock), &take)) {
    case TAKE_READY:
        if (kind == DROP_LIST)
            take_list(intake, name, &take);
        else if (kind == DROP_BLOB)
            take_blob(intake, name, &take);
        else
            take_job(intake, name, &take);
        break;
    case TAKE_LINKED:
        if (kind == DROP_BLOB) /* whatever its other name is, a copy is our own */
            take_foreign_blob(intake, name, &take);
        else
            take_linked_job(intake, name, &take); /* a list is no job: it is refused as one */
        break;
    case TAKE_LATER:
        intake_leave_waiting(intake, name, &take);
        break;
    case TAKE_REFUSE:
        intake_refuse(intake, name, &take, refused[kind], take.reason);
        break;
    case TAKE_GONE:
        break;
    }
}
