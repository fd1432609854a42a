/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list: see list.h.
 */
#include "daemon/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "daemon/admit.h"
#include "daemon/attach.h"
#include "daemon/manifest.h"
#include "daemon/refusal.h"
#include "daemon/rules.h"
#include "job/job.h"
#include "spool/move.h"

enum { LINES_A_TURN = 64 };

/* A list that names a run is read twice: its manifest is durable before its first job is accepted. */
enum list_stage {
    LIST_BEGIN,
    LIST_GATHERING, /* reading for the manifest */
    LIST_WRITING,   /* the manifest is being written */
    LIST_LIMITING,  /* what the run may cost is being written */
    LIST_FAILED,    /* it could not be: gathered again a second later */
    LIST_TAKING,    /* lines become jobs */
};

struct list {
    struct core *core;
    char *name;
    char *owner;
    bool trusted;
    struct take take;
    struct buffer text;
    enum list_stage stage;
    struct manifest_header header;
    struct manifest *manifest; /* while gathering and writing */
    struct limit *limit;       /* while limiting */
    size_t body;     /* where the jobs begin: behind the run's line, if there is one */
    size_t position; /* of the next line in text */
    size_t number;   /* of that line, from 1 */
    size_t pending;  /* lines handed on and not ended */
    size_t again;    /* lines of this pass that must be looked at again */
    size_t *later;   /* start and number of those lines, in pairs */
    size_t later_capacity;
    size_t *pass;    /* the pairs that this pass looks at; NULL in the first pass, which reads on */
    size_t pass_count;
    size_t pass_at;
    bool attachment; /* a line of this pass waits for one */
    bool left;
};

/* Waits for a list's max_cost to be durable; the list may go meanwhile. */
struct limit {
    struct list *list; /* NULL: it went */
};

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

static int64_t list_submitted(const struct list *list)
{
    struct timespec ctime = list->take.status.st_ctim;

    return (int64_t)ctime.tv_sec * 1000 + ctime.tv_nsec / 1000000;
}

static struct list_line *line_new(struct list *list, size_t start, size_t number)
{
    struct list_line *line = xcalloc(1, sizeof *line);

    *line = (struct list_line){.list = list, .start = start, .number = number};
    line->drop = (struct drop){.name = list->name,
                               .fd = -1,
                               .status = list->take.status,
                               .submitted = list_submitted(list),
                               .in_run = list->body > 0 ? list->header.name : NULL,
                               .ended = line_ended,
                               .context = line};
    list->pending++;
    return line;
}

static size_t line_length(const struct list *list, size_t start)
{
    const char *text = list->text.bytes + start;
    const char *end = memchr(text, '\n', list->text.length - start);

    return end != NULL ? (size_t)(end - text) : list->text.length - start;
}

static bool is_blank(const char *text, size_t length)
{
    return strspn(text, " \t\r") >= length;
}

static struct job *line_read(struct list *list, size_t start, const char **reason,
                             struct error *error)
{
    int64_t submitted = list_submitted(list);

    return job_read(list->text.bytes + start, line_length(list, start),
                    &(struct job_context){.default_model = list->core->spool->default_model,
                                          .submitted = {submitted},
                                          .owner = list->owner,
                                          .trusted = list->trusted,
                                          .reason = reason},
                    error);
}

/* Whether a job may come in: by the rules, and where it is to take another's place because it says
 * whose. */
static bool line_allowed(const struct list *list, const struct job *job, const char **reason,
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
    size_t length = line_length(list, start);
    const char *reason = "bad_job";
    struct list_line *line;
    struct error error;
    struct job *job;

    if (is_blank(text, length))
        return;
    line = line_new(list, start, number);
    job = line_read(list, start, &reason, &error);
    if (job != NULL && line_allowed(list, job, &reason, &error)) {
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
                                   .submitted = line->drop.submitted},
                 line_refused, line);
}

/* Reads on: the next line that was never looked at. Returns false at the end. */
static bool list_next_line(struct list *list)
{
    size_t start = list->position;

    if (start >= list->text.length)
        return false;
    list->position = start + line_length(list, start) + 1;
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

/* --- the run --------------------------------------------------------------------------------------------- */

static void list_refuse(struct list *list, const struct error *error)
{
    refusal_file(list->core, FOLDER_NEW, list->name,
                 &(struct refusal){.reason = "bad_run",
                                   .message = error->text,
                                   .submitted = list_submitted(list)});
    list->left = true;
}

/* Looks whether the first line names a run. */
static void list_begin(struct list *list)
{
    struct error error;
    size_t length = line_length(list, 0);
    int result = manifest_header_read(list->text.bytes, length, &list->header, &error);

    list->stage = LIST_TAKING;
    if (result < 0) {
        list_refuse(list, &error);
    } else if (result > 0) {
        list->body = length + 1;
        list->position = list->body;
        list->number = 2;
        list->manifest = manifest_new(list->core, &list->header, &list->take.status);
        list->stage = LIST_GATHERING;
    }
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
    if (result == 0)
        list_limit(list);
    else
        list->stage = LIST_FAILED;
    if (result < 0)
        log_warning(&list->core->log, "runs/%s: the manifest cannot be written, trying again: %s",
                    list->header.name, strerror(-result));
    core_touch(list->core);
}

/* Adds a line to the manifest. Who will not come in takes nobody's place. */
static void list_gather_line(struct list *list, size_t start)
{
    const char *reason;
    struct job *job = line_read(list, start, NULL, NULL);

    if (job != NULL && list->header.replace && !line_allowed(list, job, &reason, NULL)) {
        job_free(job);
        job = NULL;
    }
    manifest_add(list->manifest, job);
    job_free(job);
}

/* Adds some lines to the manifest, and has it written when all are there. */
static bool list_gather(struct list *list)
{
    for (int i = 0; i < LINES_A_TURN; i++) {
        size_t start = list->position;
        size_t length;

        if (start >= list->text.length) {
            list->stage = LIST_WRITING;
            manifest_write(list->manifest, manifest_written, list);
            return false;
        }
        length = line_length(list, start);
        list->position = start + length + 1;
        if (is_blank(list->text.bytes + start, length))
            continue;
        list_gather_line(list, start);
    }
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
        list->stage = LIST_GATHERING;
        list->manifest = manifest_new(list->core, &list->header, &list->take.status);
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
    if (result < 0 && result != -ENOENT)
        log_warning(&core->log, "new/%s cannot be removed, it will be looked at again: %s",
                    list->name, strerror(-result));
    core_progress(core);
}

static bool list_take_lines(struct list *list)
{
    for (int i = 0; i < LINES_A_TURN; i++) {
        if (list->pass == NULL ? list_next_line(list) : list_next_again(list))
            continue;
        if (list->pending > 0)
            return false; /* line_ended asks for another turn */
        if (list->again == 0 && !list->left)
            list_leave(list);
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
        return list_gather(list);
    case LIST_TAKING:
        return list->left ? false : list_take_lines(list);
    case LIST_WRITING:
    case LIST_LIMITING:
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
