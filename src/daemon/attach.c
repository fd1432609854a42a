/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attach: see attach.h.
 */
#include "daemon/attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "job/attachment.h"
#include "spool/blob.h"

enum {
    PATIENCE_MS = 10 * 60 * 1000, /* that a dropped job has for its attachments to come */
    LINE_PATIENCE_MS = 60 * 1000, /* … and a line, for which all other lists wait */
};

/* A file on its way into blobs/. */
struct taking {
    STAILQ_ENTRY(taking) link;
    const char *name;
    const struct take *take;
    int result;
    void (*ended)(void *context, int result);
    void *context;
};

struct attach {
    struct core *core;
    int64_t opened_ms; /* wall: what was dropped before could not be taken earlier */
    STAILQ_HEAD(, taking) waiting;
    struct taking *taking; /* in the thread, or NULL */
    uv_work_t work;
    char reason[160];
};

struct attach *attach_open(struct core *core)
{
    struct attach *attach = xcalloc(1, sizeof *attach);

    attach->core = core;
    attach->opened_ms = clock_wall(core->clock).ms;
    STAILQ_INIT(&attach->waiting);
    attach->work.data = attach;
    return attach;
}

void attach_close(struct attach *attach)
{
    free(attach);
}

bool attach_idle(const struct attach *attach)
{
    return attach->taking == NULL;
}

/* --- taking ---------------------------------------------------------------------------------------------- */

static void take_work(uv_work_t *work)
{
    const struct attach *attach = work->data;
    struct taking *taking = attach->taking;

    taking->result = blob_accept(attach->core->spool, taking->name, taking->take->fd,
                                 &taking->take->status, !taking->take->foreign);
}

static void take_next(struct attach *attach);

static void take_ended(uv_work_t *work, int status)
{
    struct attach *attach = work->data;
    struct taking *taking = attach->taking;

    (void)status;
    attach->taking = NULL;
    taking->ended(taking->context, taking->result);
    free(taking);
    take_next(attach);
}

static void take_next(struct attach *attach)
{
    struct taking *taking = STAILQ_FIRST(&attach->waiting);

    if (attach->taking != NULL || taking == NULL)
        return;
    STAILQ_REMOVE_HEAD(&attach->waiting, link);
    attach->taking = taking;
    taking->result = -EAGAIN;
    if (uv_queue_work(attach->core->loop, &attach->work, take_work, take_ended) != 0)
        take_ended(&attach->work, 0);
}

void attach_take(struct attach *attach, const char *name, const struct take *take,
                 void (*ended)(void *context, int result), void *context)
{
    struct taking *taking = xcalloc(1, sizeof *taking);

    *taking = (struct taking){.name = name, .take = take, .ended = ended, .context = context};
    STAILQ_INSERT_TAIL(&attach->waiting, taking, link);
    take_next(attach);
}

/* --- looking for them ------------------------------------------------------------------------------------ */

static int64_t size_of(void *context, const struct id *blob)
{
    return blob_size(context, blob);
}

void attach_measure(struct core *core, struct job *job)
{
    attachments_measure(job, size_of, core->spool);
}

/* One that lies in new/ is not there yet: it may be on its way in, not durable so far. */
static bool is_dropped(const struct core *core, const struct id *blob)
{
    char name[BLOB_NAME_SIZE];

    blob_drop_write(blob, name);
    return faccessat(core->spool->dir[FOLDER_NEW], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

struct looking {
    struct core *core;
    const char *missing; /* why one cannot be used now, or NULL */
    struct id blob;      /* that one */
};

static int look_for(void *context, const struct attachment *attachment)
{
    struct looking *looking = context;
    int64_t size = blob_size(looking->core->spool, &attachment->blob);

    if (size >= 0)
        return 0;
    looking->blob = attachment->blob;
    looking->missing = is_dropped(looking->core, &attachment->blob) ? "is being taken"
                       : size == -ENOENT                            ? "was not dropped"
                                                                    : strerror((int)-size);
    return 1;
}

/* Whether a job may wait longer: no dropper could know that one would not come while the daemon did not
 * run, and one that lies in new/ has come. */
static bool may_wait(const struct attach *attach, const struct looking *looking, int64_t submitted,
                     bool line)
{
    int64_t from = submitted > attach->opened_ms ? submitted : attach->opened_ms;
    int64_t now = clock_wall(attach->core->clock).ms;

    return is_dropped(attach->core, &looking->blob) ||
           now - from < (line ? LINE_PATIENCE_MS : PATIENCE_MS);
}

enum attach_end attach_look(struct attach *attach, struct job *job, int64_t submitted, bool line,
                            struct error *error)
{
    struct core *core = attach->core;
    struct looking looking = {.core = core};
    char hex[ID_TEXT_SIZE];

    if (attachments_each(job, look_for, &looking) != 0) {
        id_write(&looking.blob, hex);
        snprintf(attach->reason, sizeof attach->reason, "its attachment %.12s %s", hex,
                 looking.missing);
        if (may_wait(attach, &looking, submitted, line))
            return ATTACH_LATER;
        error_set(error, ERROR_DATA,
                  "the attachment %s %s: drop the file as new/%s.blob, and the job again", hex,
                  looking.missing, hex);
        return ATTACH_NEVER;
    }
    attach_measure(core, job);
    if (job->attached_bytes > (int64_t)core->config->attachment_limit) {
        error_set(error, ERROR_DATA,
                  "its attachments have %lld bytes together, and the limit (attachment_limit) is "
                  "%zu",
                  (long long)job->attached_bytes, core->config->attachment_limit);
        return ATTACH_NEVER;
    }
    return ATTACH_HERE;
}

const char *attach_reason(const struct attach *attach)
{
    return attach->reason;
}

/* --- marks ----------------------------------------------------------------------------------------------- */

struct using {
    struct core *core;
    const struct job *job;
    struct publication *publication;
};

static int use_one(void *context, const struct attachment *attachment)
{
    const struct using *using = context;
    struct buffer empty = {0};
    char name[BLOB_NAME_SIZE];

    blob_entry_write(&(struct blob_entry){.kind = BLOB_USE,
                                          .blob = attachment->blob,
                                          .job = using->job->id},
                     name);
    publication_file(using->publication, FOLDER_BLOBS, name, using->core->spool->job_mode, &empty,
                     true, FOLDER_TMP, NULL);
    return 0;
}

void attach_use(struct core *core, const struct job *job, struct publication *publication)
{
    attachments_each(job, use_one,
                     &(struct using){.core = core, .job = job, .publication = publication});
}

static int confirm_one(void *context, const struct attachment *attachment)
{
    const struct using *using = context;
    const struct spool *spool = using->core->spool;
    int result = blob_used(spool, &attachment->blob, &using->job->id)
                     ? 0
                     : blob_use(spool, &attachment->blob, &using->job->id);

    if (result < 0)
        log_warning(&using->core->log, "blobs/: an attachment cannot be marked as used: %s",
                    strerror(-result));
    return 0;
}

void attach_confirm(struct core *core, const struct job *job)
{
    attachments_each(job, confirm_one, &(struct using){.core = core, .job = job});
}

/* --- sending --------------------------------------------------------------------------------------------- */

static int load(void *context, const struct attachment *attachment, struct buffer *bytes,
                struct error *error)
{
    struct core *core = context;
    int result = blob_read(core->spool, &attachment->blob, core->config->attachment_limit, bytes);
    char hex[ID_TEXT_SIZE];

    if (result == 0)
        return 0;
    id_write(&attachment->blob, hex);
    if (result == -ENOENT || result == -EBADMSG)
        error_set(error, ERROR_ABSENT, "its attachment %s %s: drop the file again and retry", hex,
                  result == -ENOENT ? "is gone" : "is damaged");
    else if (result == -EFBIG)
        error_set(error, ERROR_DATA,
                  "its attachment %s has more bytes than the limit (attachment_limit), which is %zu",
                  hex, core->config->attachment_limit);
    else
        error_system(error, -result, "blobs/%s cannot be read", hex);
    return -1;
}

int attach_build(struct core *core, const struct provider *protocol, const struct job *job,
                 const struct provider_ask *ask, struct provider_request *request,
                 struct error *error)
{
    struct job whole = *job;
    int result;

    if (job->attachments == 0)
        return protocol->build(job, ask, request, error);
    whole.document = attachments_expand(job->document, load, core, error);
    if (whole.document == NULL)
        return -1;
    result = protocol->build(&whole, ask, request, error);
    json_decref(whole.document);
    return result;
}
