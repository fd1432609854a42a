/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list: see list.h.
 */
#include "daemon/list_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/admit.h"
#include "daemon/attach.h"
#include "daemon/batches.h"
#include "daemon/refusal.h"
#include "daemon/run_ends.h"
#include "daemon/rules.h"
#include "job/templates.h"
#include "spool/move.h"

enum { LINES_A_TURN = 64 };

/* One line on its way: tells its list. */
struct list_line {
    struct drop drop;
    struct list *list;
    size_t start;
    size_t number;
};

struct list *list_open(struct core *core, const char *name, struct take *take,
                       const char *owner, bool trusted)
{
    struct list *list = xcalloc(1, sizeof *list);

    list->core = core;
    list->name = xstrdup(name);
    list->owner = xstrdup(owner);
    list->trusted = trusted;
    list->templates = templates_new(core->spool, core->clock);
    list->take = *take;
    list->number = 1;
    buffer_reserve(&list->text, 1); /* an empty list has a text, too */
    if (take_read(take, &list->text) < 0) {
        list_close(list);
        return NULL;
    }
    return list;
}

void list_close(struct list *list)
{
    if (list == NULL)
        return;
    if (list->limit != NULL)
        list->limit->list = NULL;
    if (list->stage == LIST_WRITING)
        manifest_forget(list->manifest);
    else
        manifest_free(list->manifest);
    templates_free(list->templates);
    batch_file_free(list->batch);
    json_decref(list->header.job);
    json_decref(list->header.mail);
    take_close(&list->take);
    buffer_free(&list->text);
    free(list->later);
    free(list->pass);
    free(list->owner);
    free(list->name);
    free(list);
}

static void list_remember(struct list *list, size_t start, size_t number)
{
    if (2 * list->again + 2 > list->later_capacity) {
        list->later_capacity = 2 * list->later_capacity + 16;
        list->later = xrealloc(list->later, list->later_capacity * sizeof *list->later);
    }
    list->later[2 * list->again] = start;
    list->later[2 * list->again + 1] = number;
    list->again++;
}

static void line_ended(struct drop *drop, enum drop_end end)
{
    struct list_line *line = drop->context;
    struct list *list = line->list;

    list->pending--;
    if (end == DROP_LATER)
        list_remember(list, line->start, line->number);
    core_touch(list->core);
    free(line);
}

static void line_refused(void *context, int result, int failed_file)
{
    struct list_line *line = context;

    (void)failed_file;
    line_ended(&line->drop, result == 0 || result == -EEXIST ? DROP_ANSWERED : DROP_LATER);
}

int64_t list_submitted(const struct list *list)
{
    return clock_ms(list->take.status.st_ctim);
}

/* Whether its jobs are a run's. */
static bool is_named(const struct list *list)
{
    return list->header.name[0] != '\0';
}

static struct list_line *line_new(struct list *list, size_t start, size_t number)
{
    struct list_line *line = xcalloc(1, sizeof *line);

    *line = (struct list_line){.list = list, .start = start, .number = number};
    line->drop = (struct drop){.name = list->name,
                               .fd = -1,
                               .status = list->take.status,
                               .submitted = list_submitted(list),
                               .in_run = is_named(list) ? list->header.name : NULL,
                               .ended = line_ended,
                               .context = line};
    list->pending++;
    return line;
}

size_t list_line_length(const struct list *list, size_t start)
{
    const char *text = list->text.bytes + start;
    const char *end = memchr(text, '\n', list->text.length - start);

    return end != NULL ? (size_t)(end - text) : list->text.length - start;
}

bool list_line_blank(const char *text, size_t length)
{
    return strspn(text, " \t\r") >= length;
}

struct job_context list_context(const struct list *list, const char **reason)
{
    return (struct job_context){.default_model = list->core->spool->default_model,
                                .submitted = {list_submitted(list)},
                                .owner = list->owner,
                                .trusted = list->trusted,
                                .mail_allow = list->core->config->mail_allow,
                                .templates = list->templates,
                                .reason = reason};
}

struct job *list_line_read(struct list *list, size_t start, const char **reason,
                             struct error *error)
{
    struct job_context context = list_context(list, reason);
    const char *text = list->text.bytes + start;
    size_t length = list_line_length(list, start);
    struct job *job = list->batch != NULL
                          ? batch_file_job(list->batch, text, length, &context, error)
                          : job_read(text, length, &context, error);

    if (job == NULL || job->after == NULL || list->body == 0)
        return job;
    if (reason != NULL)
        *reason = "unsupported";
    error_set(error, ERROR_DATA, "a job of a run cannot be after others: that is what flows are for");
    job_free(job);
    return NULL;
}

/* Whether a job may come in: by the rules, and where it is to take another's place because it says
 * whose. */
bool list_line_allowed(const struct list *list, const struct job *job, const char **reason,
                         struct error *error)
{
    struct id old;

    if (list->header.replace && !manifest_replaced(job, &old)) {
        *reason = "bad_run";
        error_set(error, ERROR_DATA,
                  "the list's jobs take others' places in run %s, and metadata.derived_from does "
                  "not say with a full ID whose",
                  list->header.name);
        return false;
    }
    return rules_allow(list->core, job, reason, error);
}

static void line_look(struct list *list, size_t start, size_t number)
{
    struct core *core = list->core;
    const char *text = list->text.bytes + start;
    size_t length = list_line_length(list, start);
    const char *reason = "bad_job";
    struct list_line *line;
    struct error error;
    struct job *job;

    if (list_line_blank(text, length))
        return;
    line = line_new(list, start, number);
    job = list_line_read(list, start, &reason, &error);
    if (job != NULL && list_line_allowed(list, job, &reason, &error)) {
        switch (attach_look(core->attach, job, line->drop.submitted, true, &error)) {
        case ATTACH_HERE:
            admit(core, job, &line->drop);
            return;
        case ATTACH_LATER:
            job_free(job);
            list->attachment = true;
            line_ended(&line->drop, DROP_LATER);
            return;
        case ATTACH_NEVER:
            reason = "no_attachment";
            break;
        }
    }
    job_free(job);
    error_prefix(&error, "line %zu of %s", number, list->name);
    refusal_line(core, list->name, number, text, length,
                 &(struct refusal){.reason = reason,
                                   .message = error.text,
                                   .submitted = line->drop.submitted,
                                   .owner = list->take.status.st_uid},
                 line_refused, line);
}

/* Reads on: the next line that was never looked at. Returns false at the end. */
static bool list_next_line(struct list *list)
{
    size_t start = list->position;

    if (start >= list->text.length)
        return false;
    list->position = start + list_line_length(list, start) + 1;
    line_look(list, start, list->number++);
    return true;
}

static bool list_next_again(struct list *list)
{
    size_t at = list->pass_at;

    if (at >= list->pass_count)
        return false;
    list->pass_at++;
    line_look(list, list->pass[2 * at], list->pass[2 * at + 1]);
    return true;
}

/* --- in portions ----------------------------------------------------------------------------------------- */

bool list_waits(const struct list *list)
{
    bool through = list->pass == NULL ? list->position >= list->text.length
                                      : list->pass_at >= list->pass_count;

    if (list->stage != LIST_TAKING)
        return list->stage == LIST_FAILED;
    return through && list->pending == 0 && list->again > 0;
}

void list_again(struct list *list)
{
    if (list->stage == LIST_FAILED) {
        list_gather_from(list);
        return;
    }
    free(list->pass);
    list->pass = list->later;
    list->pass_count = list->again;
    list->pass_at = 0;
    list->later = NULL;
    list->later_capacity = 0;
    list->again = 0;
    list->attachment = false;
}

static void list_leave(struct list *list)
{
    struct core *core = list->core;
    int result = move_out(core->spool, FOLDER_NEW, list->name, &list->take.status);

    list->left = true;
    if (list->batch != NULL)
        batches_add(core->batches, list->header.name);
    if (is_named(list))
        run_ends_add(core->run_ends, list->header.name);
    if (result < 0 && result != -ENOENT)
        log_warning(&core->log, "new/%s cannot be removed, it will be looked at again: %s",
                    list->name, strerror(-result));
    core_progress(core);
}

static void batch_accepted(void *context, int result)
{
    struct list *list = context;

    list->noted = result == 0;
    list->stage = list->noted ? LIST_TAKING : LIST_FAILED;
    if (result < 0)
        log_warning(&list->core->log, "runs/%s: the batch's record cannot be written, trying again: %s",
                    list->header.name, strerror(-result));
    core_touch(list->core);
}

/* The record of a batch is ahead of its file's leaving: by it a start knows what is still to be done. */
static void list_through(struct list *list)
{
    if (list->batch == NULL || list->noted) {
        list_leave(list);
        return;
    }
    list->stage = LIST_ACCEPTED;
    batch_file_accepted(list->batch, batch_accepted, list);
}

static bool list_take_lines(struct list *list)
{
    for (int i = 0; i < LINES_A_TURN; i++) {
        if (list->pass == NULL ? list_next_line(list) : list_next_again(list))
            continue;
        if (list->pending > 0)
            return false; /* line_ended asks for another turn */
        if (list->again == 0 && !list->left)
            list_through(list);
        return false;
    }
    return true;
}

bool list_work(struct list *list)
{
    switch (list->stage) {
    case LIST_BEGIN:
        list_begin(list);
        return true;
    case LIST_GATHERING:
        return list->left ? false : list_gather(list);
    case LIST_TAKING:
        return list->left ? false : list_take_lines(list);
    case LIST_ENTERING:
    case LIST_WRITING:
    case LIST_LIMITING:
    case LIST_ACCEPTED:
    case LIST_FAILED:
        break;
    }
    return false;
}

const char *list_reason(const struct list *list)
{
    return list->attachment ? attach_reason(list->core->attach) : NULL;
}

bool list_finished(const struct list *list)
{
    return list->left;
}

bool list_put_off(const struct list *list)
{
    return list->put_off;
}
