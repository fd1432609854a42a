/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list_run: what of a list comes before its first line is taken: its header, its run and manifest, the batch that
 * it may be.
 */
#include "daemon/list_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "daemon/debt_hook.h"
#include "daemon/refusal.h"
#include "job/mail.h"

enum {
    LINES_A_TURN = 64,
    YOUNG_MS = 2000, /* a list this young that is empty, or a batch that is no good, may still be written */
};

static void list_refuse(struct list *list, const char *reason, const struct error *error)
{
    refusal_file(list->core, FOLDER_NEW, list->name,
                 &(struct refusal){.reason = reason,
                                   .message = error->text,
                                   .submitted = list_submitted(list)});
    list->left = true;
}

static bool list_young(const struct list *list)
{
    return clock_wall(list->core->clock).ms - clock_ms(list->take.status.st_mtim) < YOUNG_MS;
}

/* A batch is refused as a whole, unless it may not be all there yet. */
static void list_refuse_batch(struct list *list, const char *reason, const struct error *error)
{
    list->put_off = list_young(list);
    list->left = true;
    if (!list->put_off)
        list_refuse(list, reason, error);
}

/* Whoever writes into new/ itself has made his file before he writes the first line. */
static bool list_not_begun(const struct list *list)
{
    return strspn(list->text.bytes, " \t\r\n") >= list->text.length && list_young(list);
}

/* Reads for the manifest, from the first job on. */
void list_gather_from(struct list *list)
{
    bool said = list->body > 0;

    if (list->batch != NULL) {
        batch_file_free(list->batch);
        list->batch = batch_file_new(list->core, list->name, &list->header, said);
    }
    list->position = list->body;
    list->number = said ? 2 : 1;
    list->manifest = manifest_new(list->core, &list->header, &list->take.status);
    list->stage = LIST_GATHERING;
}

/* Whether the mail that the list asks for may be sent; whose it is is settled here, as jobs of the run may
 * be of others. */
static int list_settle_mail(struct list *list, struct error *error)
{
    const struct core *core = list->core;
    json_t *mail = list->header.mail;
    char *to;

    if (mail == NULL)
        return 0;
    if (list->owner != NULL && !list->trusted && mail_to(mail) != NULL &&
        !mail_allowed(mail_to(mail), list->owner, core->config->mail_allow)) {
        error_set(error, ERROR_DATA, MAIL_FOREIGN, mail_to(mail), list->owner);
        return -1;
    }
    to = debt_mail_to(core, mail, list->owner);
    if (to != NULL)
        json_object_set_new(mail, "to", json_string(to));
    free(to);
    return 0;
}

/* Looks whether the first line names a run, and whether the others are a batch's. */
void list_begin(struct list *list)
{
    struct error error;
    size_t length = list_line_length(list, 0);
    int result = manifest_header_read(list->text.bytes, length, &list->header, &error);

    list->stage = LIST_TAKING;
    if (list_not_begun(list)) {
        list->put_off = list->left = true;
        return;
    }
    if (result > 0)
        list->body = length + 1 < list->text.length ? length + 1 : list->text.length;
    if (result >= 0 &&
        batch_file_is(list->text.bytes + list->body, list->text.length - list->body)) {
        result = batch_file_header(list->name, &list->header, &error) < 0 ? -1 : 1;
        if (result > 0)
            list->batch =
                batch_file_new(list->core, list->name, &list->header, list->body > 0);
    } else if (result > 0 && list->header.job != NULL) {
        error_set(&error, ERROR_DATA, "the first line has \"job\", which is for batches alone");
        result = -1;
    }
    if (result > 0 && list_settle_mail(list, &error) < 0)
        result = -1;
    if (result < 0)
        list_refuse(list, "bad_run", &error);
    else if (result > 0)
        list_gather_from(list);
}

static void limit_written(void *context, int result)
{
    struct limit *limit = context;
    struct list *list = limit->list;

    free(limit);
    if (list == NULL)
        return;
    list->limit = NULL;
    list->stage = result == 0 ? LIST_TAKING : LIST_FAILED;
    core_touch(list->core);
}

/* The most that the run may cost is durable before its first job is accepted. A higher one than before
 * may let jobs go that wait for it. */
static void list_limit(struct list *list)
{
    struct core *core = list->core;

    list->stage = LIST_TAKING;
    if (list->header.max_cost_nano < 0)
        return;
    list->stage = LIST_LIMITING;
    list->limit = xcalloc(1, sizeof *list->limit);
    list->limit->list = list;
    money_run_limit(core->money, list->header.name, list->header.max_cost_nano);
    core->asks = afford_count(core->afford);
    money_flush(core->money, limit_written, list->limit);
}

static void manifest_written(void *context, int result)
{
    struct list *list = context;

    list->manifest = NULL;
    list->position = list->body;
    list->number = list->body > 0 ? 2 : 1;
    if (result == 0)
        list_limit(list);
    else
        list->stage = LIST_FAILED;
    if (result < 0)
        log_warning(&list->core->log, "runs/%s: the manifest cannot be written, trying again: %s",
                    list->header.name, strerror(-result));
    core_touch(list->core);
}

static void batch_entered(void *context, int result)
{
    struct list *list = context;
    struct error error;

    core_touch(list->core);
    if (result == 0) {
        list->stage = LIST_WRITING;
        manifest_write(list->manifest, manifest_written, list);
        return;
    }
    manifest_free(list->manifest);
    list->manifest = NULL;
    if (result == -EEXIST) {
        error_set(&error, ERROR_DATA,
                  "there is a run %s already, of other work: drop it under another name, or begin it "
                  "with {\"run\": \"NAME\"}",
                  list->header.name);
        list_refuse(list, "run_exists", &error);
        return;
    }
    list->stage = LIST_FAILED;
    log_warning(&list->core->log, "runs/%s: the batch cannot be entered, trying again: %s",
                list->header.name, strerror(-result));
}

/* All lines were gathered: what they are of is made durable before the first of them is accepted. */
static void list_gathered(struct list *list)
{
    const char *reason;
    struct error error;

    if (list->batch == NULL) {
        list->stage = LIST_WRITING;
        manifest_write(list->manifest, manifest_written, list);
    } else if (batch_file_judge(list->batch, &reason, &error) < 0) {
        list_refuse_batch(list, reason, &error);
    } else {
        list->stage = LIST_ENTERING;
        batch_file_enter(list->batch, list->take.fd, (off_t)list->body, batch_entered, list);
    }
}

/* Adds a line to the manifest. Who will not come in takes nobody's place. */
static void list_gather_line(struct list *list, size_t start)
{
    const char *reason;
    struct job_context context = list_context(list, NULL);
    struct job *job;

    if (list->batch != NULL) {
        batch_file_gather(list->batch, list->manifest, list->number, list->text.bytes + start,
                          list_line_length(list, start), &context);
        return;
    }
    job = list_line_read(list, start, NULL, NULL);

    if (job != NULL && list->header.replace && !list_line_allowed(list, job, &reason, NULL)) {
        job_free(job);
        job = NULL;
    }
    manifest_add(list->manifest, job);
    job_free(job);
}

/* Adds some lines to the manifest, and has it written when all are there. */
bool list_gather(struct list *list)
{
    for (int i = 0; i < LINES_A_TURN; i++) {
        size_t start = list->position;
        size_t length;

        if (start >= list->text.length) {
            list_gathered(list);
            return list->left;
        }
        length = list_line_length(list, start);
        list->position = start + length + 1;
        if (!list_line_blank(list->text.bytes + start, length))
            list_gather_line(list, start);
        list->number++;
    }
    return true;
}
