/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * intake: see intake.h.
 */
#include "daemon/intake.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/admit.h"
#include "daemon/archived.h"
#include "daemon/attach.h"
#include "daemon/flows.h"
#include "daemon/list.h"
#include "daemon/owners.h"
#include "daemon/refusal.h"
#include "daemon/rules.h"
#include "job/templates.h"
#include "job/flow.h"
#include "spool/move.h"
#include "spool/take.h"

enum {
    NAMES_A_TURN = 64,
    SOON_MS = 1000,         /* what must be looked at again is, after this */
    YOUNG_MS = 2000,        /* a file this young that does not parse may still be written */
    RECENT_MS = 60 * 1000,  /* an older one that cannot be taken waits for the minute's scan */
};

/* A name of new/: a hint, a list in line, or a drop under way. */
struct intake_name {
    char *text;
    unsigned long look; /* full looks that had ended when it was found */
    struct intake_name *next;
    UT_hash_handle hh;
};

struct name_queue {
    struct intake_name *first;
    struct intake_name **last;
};

struct intake {
    struct core *core;
    DIR *dir;          /* of the scan under way, or NULL */
    bool scan_wanted;  /* another must follow */
    unsigned long scans;
    struct name_queue hints;
    struct name_queue lists;
    struct list *list; /* the one being taken */
    char *list_name;
    unsigned long list_look; /* as look of its name */
    struct intake_name *busy; /* drops whose admission has not ended, by name */
    uv_timer_t soon;
    size_t waiting; /* that this scan found and could not take */
    char reason[400];
    char list_reason[400]; /* why lines of the list wait, when they do */
    uid_t owner_uid; /* of owner_name: the last one looked up */
    char *owner_name;
    struct templates *templates;
};

/* A file of new/ on its way through admit. */
struct intake_drop {
    struct drop drop;
    struct intake *intake;
    struct take take;
    struct intake_name *busy;
};

/* --- names --------------------------------------------------------------------------------------- */

static struct intake_name *name_new(const struct intake *intake, const char *text)
{
    struct intake_name *name = xcalloc(1, sizeof *name);

    name->text = xstrdup(text);
    name->look = intake->scans;
    return name;
}

static void names_push(const struct intake *intake, struct name_queue *queue, const char *text)
{
    struct intake_name *name = name_new(intake, text);

    *queue->last = name;
    queue->last = &name->next;
}

/* The first name, which the caller frees, or NULL. */
static char *names_pop(struct name_queue *queue)
{
    struct intake_name *name = queue->first;
    char *text;

    if (name == NULL)
        return NULL;
    queue->first = name->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    text = name->text;
    free(name);
    return text;
}

static struct intake_name *busy_add(struct intake *intake, const char *text)
{
    struct intake_name *name = name_new(intake, text);

    HASH_ADD_KEYPTR(hh, intake->busy, name->text, strlen(name->text), name);
    return name;
}

static void busy_remove(struct intake *intake, struct intake_name *name)
{
    HASH_DEL(intake->busy, name);
    free(name->text);
    free(name);
}

static bool busy_has(const struct intake *intake, const char *text)
{
    struct intake_name *name;

    HASH_FIND_STR(intake->busy, text, name);
    return name != NULL;
}

/* --- what must wait -------------------------------------------------------------------------------- */

static void soon_fired(uv_timer_t *timer)
{
    struct intake *intake = timer->data;

    if (intake->list != NULL && list_waits(intake->list))
        list_again(intake->list);
    intake_scan(intake);
    core_touch(intake->core);
}

static void look_soon(struct intake *intake)
{
    if (!uv_is_active((uv_handle_t *)&intake->soon))
        uv_timer_start(&intake->soon, soon_fired, SOON_MS, 0);
}

static int64_t time_ms(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* A file that cannot be taken now stays where it is. */
static void leave_waiting(struct intake *intake, const char *name, const struct take *take)
{
    int64_t age = clock_wall(intake->core->clock).ms - time_ms(take->status.st_ctim);

    intake->waiting++;
    snprintf(intake->reason, sizeof intake->reason, "%.60s: %s", name, take->reason);
    if (age < RECENT_MS)
        look_soon(intake);
}

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
        look_soon(intake);
    }
    take_close(&job->take);
    busy_remove(intake, job->busy);
    core_touch(intake->core);
    free(job);
}

static void intake_refuse(struct intake *intake, const char *name, const struct take *take,
                          const char *reason, const char *message)
{
    refusal_file(intake->core, FOLDER_NEW, name,
                 &(struct refusal){.reason = reason,
                                   .message = message,
                                   .submitted = time_ms(take->status.st_ctim)});
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
                                  .submitted = {time_ms(take->status.st_ctim)},
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
    return clock_wall(intake->core->clock).ms - time_ms(take->status.st_mtim) < YOUNG_MS;
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
        leave_waiting(intake, name, take);
    } else if (document == NULL && still_young(intake, take)) {
        snprintf(take->reason, sizeof take->reason, "still being written?");
        leave_waiting(intake, name, take);
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
            leave_waiting(intake, name, take);
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

    switch (attach_look(attach, job, time_ms(take->status.st_ctim), false, &error)) {
    case ATTACH_LATER:
        snprintf(take->reason, sizeof take->reason, "%s", attach_reason(attach));
        leave_waiting(intake, name, take);
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
    drop->busy = busy_add(intake, name);
    drop->drop = (struct drop){.name = drop->busy->text,
                               .fd = take->fd,
                               .status = take->status,
                               .movable = !take->foreign,
                               .submitted = time_ms(take->status.st_ctim),
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

/* --- lists --------------------------------------------------------------------------------------------- */

static void list_end(struct intake *intake)
{
    list_close(intake->list);
    intake->list = NULL;
    free(intake->list_name);
    intake->list_name = NULL;
}

static void take_list(struct intake *intake, const char *name, struct take *take)
{
    struct job_context context = intake_context(intake, take);

    intake->list = list_open(intake->core, name, take, context.owner, context.trusted);
    if (intake->list == NULL) {
        snprintf(take->reason, sizeof take->reason, "still being written?");
        leave_waiting(intake, name, take);
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
        leave_waiting(intake, name, &blob->take);
    }
    take_close(&blob->take);
    busy_remove(intake, blob->busy);
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
    blob->busy = busy_add(intake, name);
    attach_take(intake->core->attach, blob->busy->text, &blob->take, blob_ended, blob);
}

/* A file that has another name, too, may change by it: it is copied. */
static void take_foreign_blob(struct intake *intake, const char *name, struct take *take)
{
    take->foreign = true;
    take_blob(intake, name, take);
}

/* --- looking ----------------------------------------------------------------------------------------- */

static size_t size_limit(const struct core *core, enum drop_kind kind)
{
    return kind == DROP_LIST   ? LIST_SIZE_LIMIT
           : kind == DROP_BLOB ? core->config->attachment_limit
                               : core->config->job_limit;
}

static void intake_take(struct intake *intake, const char *name, enum drop_kind kind)
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
        leave_waiting(intake, name, &take);
        break;
    case TAKE_REFUSE:
        intake_refuse(intake, name, &take, refused[kind], take.reason);
        break;
    case TAKE_GONE:
        break;
    }
}

static void intake_look(struct intake *intake, const char *name)
{
    enum drop_kind kind = drop_read(name);

    switch (kind) {
    case DROP_JOB:
    case DROP_BLOB:
        if (!busy_has(intake, name))
            intake_take(intake, name, kind);
        break;
    case DROP_LIST:
        if (intake->list == NULL)
            intake_take(intake, name, DROP_LIST);
        else if (strcmp(intake->list_name, name) != 0)
            names_push(intake, &intake->lists, name);
        break;
    case DROP_NONE:
        break;
    }
}

static void scan_begin(struct intake *intake)
{
    int fd = openat(intake->core->spool->dir[FOLDER_NEW], ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    intake->scan_wanted = false;
    intake->waiting = 0;
    intake->reason[0] = '\0';
    intake->dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (intake->dir == NULL) {
        log_error(&intake->core->log, "new/ cannot be read: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
    }
}

static void scan_step(struct intake *intake)
{
    const struct dirent *entry = readdir(intake->dir);

    if (entry != NULL) {
        intake_look(intake, entry->d_name);
        return;
    }
    closedir(intake->dir);
    intake->dir = NULL;
    intake->scans++;
    intake->core->kick(intake->core); /* orders may wait for it; it changes nothing that status shows */
}

/* A batch that is no good as it stands may still be written: it is opened anew a second later. */
static void list_is_young(struct intake *intake)
{
    intake->waiting++;
    snprintf(intake->reason, sizeof intake->reason, "%.60s: still being written?",
             intake->list_name);
    look_soon(intake);
}

/* Goes on with the list, or begins the next. Returns whether there is more to do at once. */
static bool work_on_list(struct intake *intake)
{
    bool more;

    if (intake->list == NULL) {
        unsigned long look = intake->lists.first != NULL ? intake->lists.first->look : 0;
        char *name = names_pop(&intake->lists);

        if (name == NULL)
            return false;
        intake_look(intake, name);
        intake->list_look = look;
        free(name);
        return true;
    }
    more = list_work(intake->list);
    if (list_finished(intake->list)) {
        if (list_put_off(intake->list))
            list_is_young(intake);
        list_end(intake);
        return true;
    }
    if (list_waits(intake->list)) {
        if (list_reason(intake->list) != NULL)
            snprintf(intake->list_reason, sizeof intake->list_reason, "%.60s: %s",
                     intake->list_name, list_reason(intake->list));
        core_touch(intake->core);
        look_soon(intake);
    }
    return more;
}

static bool intake_stopped(const struct intake *intake)
{
    const struct core *core = intake->core;

    return core->draining || core->stopping || core->spool_lost;
}

bool intake_work(struct intake *intake)
{
    if (intake_stopped(intake))
        return false;
    for (int i = 0; i < NAMES_A_TURN; i++) {
        char *name = names_pop(&intake->hints);

        if (name != NULL)
            intake_look(intake, name);
        else if (intake->dir != NULL)
            scan_step(intake);
        else if (intake->scan_wanted)
            scan_begin(intake);
        else
            break;
        free(name);
    }
    return work_on_list(intake) || intake->hints.first != NULL || intake->dir != NULL ||
           intake->scan_wanted;
}

void intake_hint(struct intake *intake, const char *name)
{
    if (drop_read(name) == DROP_NONE)
        return;
    names_push(intake, &intake->hints, name);
    intake->core->kick(intake->core);
}

unsigned long intake_scan(struct intake *intake)
{
    intake->scan_wanted = true;
    intake->core->kick(intake->core);
    return intake->scans + (intake->dir != NULL ? 2 : 1);
}

bool intake_idle(const struct intake *intake)
{
    return intake->hints.first == NULL && intake->dir == NULL && !intake->scan_wanted &&
           intake->list == NULL && intake->lists.first == NULL && intake->busy == NULL;
}

bool intake_taken(const struct intake *intake, unsigned long scans)
{
    if (intake->scans < scans || (intake->list != NULL && intake->list_look < scans))
        return false;
    if (intake->lists.first != NULL && intake->lists.first->look < scans)
        return false; /* those behind it were found later */
    for (const struct intake_name *name = intake->busy; name != NULL; name = name->hh.next)
        if (name->look < scans)
            return false;
    return true;
}

size_t intake_waiting(const struct intake *intake, const char **reason)
{
    bool list = intake->list != NULL && list_reason(intake->list) != NULL;

    *reason = list && intake->waiting == 0 ? intake->list_reason : intake->reason;
    return intake->waiting + (list ? 1 : 0);
}

struct intake *intake_open(struct core *core)
{
    struct intake *intake = xcalloc(1, sizeof *intake);

    intake->core = core;
    intake->templates = templates_new(core->spool, core->clock);
    intake->hints.last = &intake->hints.first;
    intake->lists.last = &intake->lists.first;
    uv_timer_init(core->loop, &intake->soon);
    intake->soon.data = intake;
    return intake;
}

static void intake_free(uv_handle_t *handle)
{
    struct intake *intake = handle->data;

    templates_free(intake->templates);
    free(intake->owner_name);
    free(intake);
}

void intake_close(struct intake *intake)
{
    char *name;

    if (intake == NULL)
        return;
    if (intake->dir != NULL)
        closedir(intake->dir);
    list_end(intake);
    while ((name = names_pop(&intake->hints)) != NULL || (name = names_pop(&intake->lists)) != NULL)
        free(name);
    uv_close((uv_handle_t *)&intake->soon, intake_free);
}
