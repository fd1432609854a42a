/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lines_judge: see lines_parts.h. All in the pool.
 *
 * A first line {"run": NAME, "first": POSITION, "max_cost": AMOUNT} is that of lists in new/
 * (spool-layout/README, Lists).
 */
#include <stdio.h>
#include <string.h>

#include "base/amount.h"
#include "base/jsontext.h"
#include "base/random.h"
#include "base/xalloc.h"
#include "client/locate.h"
#include "client/runname.h"
#include "httpd/lines_parts.h"
#include "httpd/places.h"
#include "httpd/runowner.h"

/* 2^53 - 1: what is beyond is no JSON to the daemon. */
#define POSITION_LAST INT64_C(9007199254740991)

static void refuse(struct lines *lines, unsigned status, const char *kind, const char *reason,
                   size_t line)
{
    lines->problem.status = status;
    lines->problem.kind = kind;
    lines->problem.reason = reason;
    lines->bad_line = line;
    lines->refused = true;
}

/* --- the header --------------------------------------------------------------------- */

static const char *header_flaw(struct lines *lines, const json_t *header)
{
    const char *run = json_string_value(json_object_get(header, "run"));
    const json_t *first = json_object_get(header, "first");
    json_t *max_cost = json_object_get(header, "max_cost");
    int64_t nano;

    if (run == NULL || !layout_name_ok(run))
        return "its name is none: 1 to 100 of A-Z a-z 0-9 . _ -, no leading dot, not 6 to 64 hex digits";
    if (lines->run[0] != '\0' && strcmp(lines->run, run) != 0)
        return "the query names another";
    if (json_object_size(header) != 1U + (first != NULL) + (max_cost != NULL))
        return "it has keys other than run, first and max_cost";
    if (first != NULL && (!json_is_integer(first) || json_integer_value(first) < 0))
        return "first is no position (0 or more)";
    if (json_integer_value(first) > POSITION_LAST - LINES_MAX)
        return "first leaves no positions for its jobs";
    if (max_cost != NULL && !amount_of_json(max_cost, &nano))
        return "max_cost is no amount of money";
    (void)snprintf(lines->run, sizeof lines->run, "%s", run);
    lines->first = (uint64_t)json_integer_value(first);
    lines->max_cost = json_incref(max_cost);
    return NULL;
}

/* Whether a line is the header, which may be bad. */
static bool read_header(struct lines *lines, const char *text, size_t length)
{
    json_t *header = jsontext_read(text, length, NULL);
    const char *flaw;

    lines->headed = json_object_get(header, "run") != NULL;
    flaw = lines->headed ? header_flaw(lines, header) : NULL;
    json_decref(header);
    if (flaw != NULL) {
        error_set(&lines->problem.error, ERROR_DATA, "it names a run, but %s", flaw);
        refuse(lines, MHD_HTTP_UNPROCESSABLE_CONTENT, "refused", "bad_run", 1);
    }
    return lines->headed;
}

/* --- jobs --------------------------------------------------------------------------- */

static struct list *list_for(struct lines *lines, size_t length)
{
    struct list *list = lines->list_count > 0 ? lines->lists[lines->list_count - 1] : NULL;

    if (list != NULL && list->count < LIST_JOBS && list->text.length + length <= LIST_BYTES)
        return list;
    lines->lists = xrealloc(lines->lists, (lines->list_count + 1) * sizeof(struct list *));
    list = xcalloc(1, sizeof *list);
    lines->lists[lines->list_count++] = list;
    return list;
}

static bool lies_in(const struct spool *spool, enum folder folder, const struct id *id)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(ENTRY_JOB, id, 0, name);
    return faccessat(spool->dir[folder], name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* How a job stands that is asked for once more by this; *again: it will be run once more. */
static const char *standing(const struct spool *spool, const struct job *job, bool *again)
{
    const char *state = NULL;

    *again = false;
    if (lies_in(spool, FOLDER_CUR, &job->id))
        state = locate_state(spool, &job->id);
    else if (lies_in(spool, FOLDER_FAILED, &job->id))
        *again = true;
    else if (lies_in(spool, FOLDER_DONE, &job->id) && !(*again = job->max_age == 0))
        state = "completed";
    return state != NULL ? state : "dropped";
}

static void add_job(struct lines *lines, const struct job *job)
{
    const struct spool *spool = lines->jobs->front->spool;
    struct buffer text = {0};
    struct list *list;
    struct asked_for *wanted;
    const char *state;
    char hex[ID_TEXT_SIZE];

    job_write(job, &text);
    list = list_for(lines, text.length);
    wanted = &list->jobs[list->count++];
    *wanted = (struct asked_for){.id = job->id, .at = list->text.length, .length = text.length};
    state = standing(spool, job, &wanted->again);
    buffer_append(&list->text, text.bytes, text.length);
    buffer_free(&text);
    lines->count++;
    if (lines->count > IDS_TOLD)
        return;
    id_write(&job->id, hex);
    json_array_append_new(lines->told, json_pack("{s:s, s:s}", "id", hex, "state", state));
}

static void read_line(struct lines *lines, const struct submit_context *context, const char *text,
                      size_t length, size_t number)
{
    struct job *job;

    if (strspn(text, " \t\r") >= length || (number == 1 && read_header(lines, text, length)))
        return;
    if (lines->count == LINES_MAX) {
        error_set(&lines->problem.error, ERROR_DATA, "there are more than %d jobs", LINES_MAX);
        refuse(lines, MHD_HTTP_CONTENT_TOO_LARGE, "too-large", "too_large", number);
        return;
    }
    job = submit_read(context, text, length, &lines->problem);
    if (job != NULL && job->after != NULL && lines->run[0] != '\0') {
        error_set(&lines->problem.error, ERROR_DATA,
                  "a job of a run cannot be after others: that is what flows are for");
        (void)snprintf(lines->problem.pointer, sizeof lines->problem.pointer, "/after");
        refuse(lines, MHD_HTTP_UNPROCESSABLE_CONTENT, "refused", "unsupported", number);
    } else if (job != NULL) {
        add_job(lines, job);
    } else {
        refuse(lines, lines->problem.status, lines->problem.kind, lines->problem.reason, number);
    }
    job_free(job);
}

static void read_lines(struct lines *lines, const struct submit_context *context)
{
    const char *text = lines->body.bytes;
    size_t left = lines->body.length;

    for (size_t number = 1; left > 0 && !lines->refused; number++) {
        const char *end = memchr(text, '\n', left);
        size_t length = end != NULL ? (size_t)(end - text) : left;

        read_line(lines, context, text, length, number);
        text += length + (end != NULL);
        left -= length + (end != NULL);
    }
    if (lines->count == 0 && !lines->refused) {
        error_set(&lines->problem.error, ERROR_DATA, "there is no job in it");
        refuse(lines, MHD_HTTP_UNPROCESSABLE_CONTENT, "refused", "bad_value", 0);
    }
}

/* The job that is to have a position. */
static const struct id *at_position(const struct lines *lines, uint64_t position)
{
    for (size_t i = 0; i < lines->list_count && position >= lines->first; i++) {
        const struct list *list = lines->lists[i];

        if (position - lines->first < list->count)
            return &list->jobs[position - lines->first].id;
        position -= list->count;
    }
    return NULL;
}

/* places_visit. A run keeps its places: the same jobs may be posted again, others not. */
static bool check_place(void *context, uint64_t position, const struct id *id)
{
    struct lines *lines = context;
    const struct id *ours = at_position(lines, position);

    if (ours == NULL || (id != NULL && id_equal(ours, id)))
        return true;
    if (id != NULL)
        error_set(&lines->problem.error, ERROR_DATA,
                  "run %s has another job at position %llu: name another run, or the first position "
                  "in a first line {\"run\": …, \"first\": …}",
                  lines->run, (unsigned long long)position);
    else
        error_set(&lines->problem.error, ERROR_DATA,
                  "the daemon has not taken all earlier jobs of run %s yet, and one of them has "
                  "position %llu: try again, or name another run",
                  lines->run, (unsigned long long)position);
    lines->unclear = id == NULL;
    refuse(lines, MHD_HTTP_CONFLICT, "conflict", "run_exists", 0);
    return false;
}

/* Each list names itself and, in a run, where in it its jobs are. */
static void finish_lists(struct lines *lines)
{
    uint64_t position = lines->first;

    for (size_t i = 0; i < lines->list_count; i++) {
        struct list *list = lines->lists[i];
        struct buffer text = {0};
        char unique[RANDOM_NAME_SIZE];

        random_name(unique);
        (void)snprintf(list->name, sizeof list->name, "%s.jsonl", unique);
        if (lines->run[0] != '\0') {
            json_t *header = json_pack("{s:s, s:I, s:O*}", "run", lines->run, "first",
                                       (json_int_t)position, "max_cost", lines->max_cost);

            jsontext_write(&text, header);
            buffer_byte(&text, '\n');
            json_decref(header);
        }
        for (size_t job = 0; job < list->count; job++)
            list->jobs[job].at += text.length;
        buffer_append(&text, list->text.bytes, list->text.length);
        buffer_free(&list->text);
        list->text = text;
        position += list->count;
    }
}

/* Of the IDs, in their order. */
static void digest_ids(struct lines *lines)
{
    struct sha256 *sha256 = sha256_start();
    unsigned char digest[SHA256_SIZE];

    for (size_t i = 0; i < lines->list_count; i++)
        for (size_t job = 0; job < lines->lists[i]->count; job++)
            sha256_add(sha256, lines->lists[i]->jobs[job].id.bytes, ID_SIZE);
    sha256_end(sha256, digest);
    hex_write(digest, SHA256_SIZE, lines->digest);
}

static struct submit_context context_of(const struct lines *lines)
{
    const struct front *front = lines->jobs->front;

    return (struct submit_context){
        .spool = front->spool,
        .templates = templates_new(front->spool, front->clock),
        .owner = lines->jobs->owner,
        .user = lines->user,
        .now = clock_wall(front->clock),
    };
}

void lines_judge(uv_work_t *work)
{
    struct lines *lines = work->data;
    const struct submit_context context = context_of(lines);

    lines->told = json_array();
    read_lines(lines, &context);
    templates_free(context.templates);
    buffer_free(&lines->body);
    digest_ids(lines);
    if (lines->count > IDS_TOLD && lines->run[0] == '\0')
        runname_make(context.spool, NULL, context.now, lines->run);
    if (!lines->refused)
        finish_lists(lines);
}

void lines_refuse_run(struct lines *lines)
{
    error_set(&lines->problem.error, ERROR_DATA,
              "run %s is there and is not known to be yours: name another run", lines->run);
    refuse(lines, MHD_HTTP_CONFLICT, "conflict", "run_exists", 0);
}

/* Whether he may add to a run that is there, and set what it may cost. */
static void check_owner(struct lines *lines)
{
    enum run_owner owner =
        runowner_of(lines->jobs->front->spool, lines->run, lines->user, &lines->member);

    lines->untaken = owner == RUN_UNTAKEN;
    if (owner == RUN_FOREIGN)
        lines_refuse_run(lines);
}

void lines_check_run(uv_work_t *work)
{
    struct lines *lines = work->data;
    struct submit_context context;
    const struct places_range range = {lines->run, lines->first, lines->count};

    if (lines->own)
        check_owner(lines);
    if (lines->refused)
        return;
    context = context_of(lines);
    places_each(&context, &range, check_place, lines);
    templates_free(context.templates);
}
