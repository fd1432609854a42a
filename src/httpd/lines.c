/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lines: many jobs posted as JSON Lines: judged in the pool, all or none, and dropped as lists.
 *
 * A first line {"run": NAME, "first": POSITION, "max_cost": AMOUNT} is that of lists in new/
 * (spool-layout/README, Lists).
 */
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/random.h"
#include "base/xalloc.h"
#include "client/locate.h"
#include "client/runname.h"
#include "httpd/gather.h"
#include "httpd/idempotency.h"
#include "httpd/runowner.h"
#include "httpd/submit.h"
#include "retain/members.h"

enum {
    LINES_MAX = 100 * 1000,
    LIST_JOBS = 1000,
    LIST_BYTES = 4 * 1024 * 1024,
    IDS_TOLD = 10 * 1000, /* above, the answer names a run only */
};

/* One file for new/. */
struct list {
    char name[NAME_LIMIT];
    struct buffer text;
    struct asked_for jobs[LIST_JOBS];
    size_t count;
};

struct lines {
    struct jobs *jobs;
    struct request *request; /* NULL: it is gone */
    struct idempotency_use use;
    unsigned repeated; /* the status of the answer before, or 0 */
    uv_work_t work;
    struct buffer body;
    char *user;
    bool own;             /* he may add to his own runs alone */
    char run[NAME_LIMIT]; /* "": none */
    json_t *max_cost;
    uint64_t first;
    bool headed; /* the first line was no job */

    /* What the pool made of it. */
    struct list **lists;
    size_t list_count;
    size_t count; /* of jobs */
    struct submit_problem problem;
    size_t bad_line; /* 0: none */
    bool refused;
    bool untaken;     /* whose the run is has to be seen on the loop, by its */
    struct id member; /* … job */
    json_t *told; /* array of {id, state}; NULL: too many */
};

static void lines_free(struct lines *lines)
{
    for (size_t i = 0; i < lines->list_count; i++) {
        buffer_free(&lines->lists[i]->text);
        free(lines->lists[i]);
    }
    free(lines->lists);
    json_decref(lines->max_cost);
    json_decref(lines->told);
    buffer_free(&lines->body);
    free(lines->user);
    free(lines);
}

static void refuse(struct lines *lines, unsigned status, const char *kind, const char *reason,
                   size_t line)
{
    lines->problem.status = status;
    lines->problem.kind = kind;
    lines->problem.reason = reason;
    lines->bad_line = line;
    lines->refused = true;
}

/* --- in the pool: the header --------------------------------------------------------------------- */

static const char *header_flaw(struct lines *lines, const json_t *header)
{
    const char *run = json_string_value(json_object_get(header, "run"));
    const json_t *first = json_object_get(header, "first");
    json_t *max_cost = json_object_get(header, "max_cost");

    if (run == NULL || !layout_name_ok(run))
        return "its name is none: 1 to 100 of A-Z a-z 0-9 . _ -, no leading dot, not 6 to 64 hex digits";
    if (lines->run[0] != '\0' && strcmp(lines->run, run) != 0)
        return "the query names another";
    if (json_object_size(header) != 1U + (first != NULL) + (max_cost != NULL))
        return "it has keys other than run, first and max_cost";
    if (first != NULL && (!json_is_integer(first) || json_integer_value(first) < 0))
        return "first is no position (0 or more)";
    if (max_cost != NULL && !json_is_number(max_cost) && !json_is_string(max_cost))
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

/* --- in the pool: jobs --------------------------------------------------------------------------- */

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

static void refuse_run(struct lines *lines)
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
        refuse_run(lines);
}

/* On the loop: its jobs may be those that were dropped here a moment ago. */
static void check_untaken(struct lines *lines)
{
    struct brief brief;
    bool known = lines->untaken && jobs_brief(lines->jobs, &lines->member, &brief);

    if (lines->untaken && (!known || !brief_is_of(&brief, lines->user)))
        refuse_run(lines);
    if (known)
        brief_clear(&brief);
}

/* A run that is there keeps the places that it has: the same jobs may be posted again, others not. */
static void check_run(struct lines *lines)
{
    const struct spool *spool = lines->jobs->front->spool;
    struct member *members;
    size_t count;

    if (lines->refused || lines->run[0] == '\0')
        return;
    if (lines->own)
        check_owner(lines);
    if (lines->refused || !members_known(spool, lines->run))
        return;
    members = members_read(spool, lines->run, &count, NULL);
    for (size_t i = 0; members != NULL && i < count && !lines->refused; i++) {
        const struct id *id = at_position(lines, members[i].position);

        if (id == NULL || id_equal(id, &members[i].id))
            continue;
        error_set(&lines->problem.error, ERROR_DATA,
                  "run %s has another job at position %llu: name another run, or the first position "
                  "in a first line {\"run\": …, \"first\": …}",
                  lines->run, (unsigned long long)members[i].position);
        refuse(lines, MHD_HTTP_CONFLICT, "conflict", "run_exists", 0);
    }
    free(members);
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

static void judge(uv_work_t *work)
{
    struct lines *lines = work->data;
    const struct front *front = lines->jobs->front;
    const struct submit_context context = {
        .spool = front->spool,
        .templates = templates_new(front->spool, front->clock),
        .owner = lines->jobs->owner,
        .user = lines->user,
        .now = clock_wall(front->clock),
    };

    lines->told = json_array();
    read_lines(lines, &context);
    templates_free(context.templates);
    if (lines->count > IDS_TOLD && lines->run[0] == '\0')
        runname_make(front->spool, NULL, context.now, lines->run);
    check_run(lines);
    if (!lines->refused)
        finish_lists(lines);
}

/* --- on the loop --------------------------------------------------------------------------------- */

/* request_gone */
static void gone(void *state)
{
    ((struct lines *)state)->request = NULL;
}

static void answer(void *context)
{
    struct lines *lines = context;
    struct request *request = lines->request;
    const char *run = lines->run[0] != '\0' ? lines->run : NULL;
    json_t *links = json_object();

    if (run != NULL)
        json_object_set_new(links, "run", json_sprintf("/v1/runs/%s", run));
    if (request != NULL && lines->repeated != 0)
        request_add_header(request, "Idempotency-Replayed", "true");
    if (request != NULL)
        request_json(request, MHD_HTTP_CREATED,
                     json_pack("{s:s?, s:I, s:O?, s:O}", "run", run, "count",
                               (json_int_t)lines->count, "jobs",
                               lines->count <= IDS_TOLD ? lines->told : NULL, "links", links));
    json_decref(links);
    lines_free(lines);
}

static void dropped(void *context, int result, int failed_file)
{
    struct lines *lines = context;

    (void)failed_file;
    lines->jobs->busy--;
    if (result < 0) {
        idempotency_abandon(lines->jobs->idempotency, &lines->use);
        if (lines->request != NULL)
            jobs_not_durable(lines->request, result);
        lines_free(lines);
        return;
    }
    for (size_t i = 0; i < lines->list_count; i++)
        asked_add(lines->jobs->asked, FOLDER_NEW, lines->lists[i]->name, lines->lists[i]->jobs,
                  lines->lists[i]->count);
    idempotency_end(lines->jobs->idempotency, &lines->use, MHD_HTTP_CREATED, answer, lines);
}

static void drop(struct lines *lines)
{
    struct publication *publication = publication_new(dropped, lines);

    for (size_t i = 0; i < lines->list_count; i++) {
        struct list *list = lines->lists[i];
        char unique[RANDOM_NAME_SIZE];

        random_name(unique);
        publication_file(publication, FOLDER_NEW, list->name,
                         gather_mode(lines->jobs->front->spool), &list->text, false, FOLDER_TMP,
                         unique);
    }
    lines->jobs->busy++;
    publish_add(lines->jobs->publish, publication);
}

static void judged(uv_work_t *work, int status)
{
    struct lines *lines = work->data;
    struct request *request = lines->request;

    (void)status;
    lines->jobs->busy--;
    if (request != NULL && !lines->refused)
        check_untaken(lines);
    if (request != NULL && !lines->refused && lines->repeated == 0 &&
        submit_has_room(request, lines->count)) {
        drop(lines);
        return;
    }
    idempotency_abandon(lines->jobs->idempotency, &lines->use);
    if (request != NULL && lines->refused)
        submit_refuse(request, &lines->problem, lines->bad_line);
    if (request != NULL && !lines->refused && lines->repeated != 0)
        answer(lines);
    else
        lines_free(lines);
}

void lines_post(struct request *request)
{
    const char *run = request_query(request, "run");
    struct lines *lines;

    if (run != NULL && !layout_name_ok(run)) {
        request_problem(request, MHD_HTTP_BAD_REQUEST, "bad-request",
                        "run is no name: 1 to 100 of A-Z a-z 0-9 . _ -, no leading dot, not 6 to 64 "
                        "hex digits");
        return;
    }
    lines = xcalloc(1, sizeof *lines);
    if (idempotency_begin(request, &lines->use, &lines->repeated) == IDEMPOTENCY_ANSWERED) {
        lines_free(lines);
        return;
    }
    lines->jobs = request->front->jobs;
    lines->request = request;
    lines->body = request->body;
    request->body = (struct buffer){0};
    lines->user = xstrdup(request->caller.user);
    lines->own = lines->user != NULL && (request->caller.scopes & SCOPE_ADMIN) == 0;
    (void)snprintf(lines->run, sizeof lines->run, "%s", run != NULL ? run : "");
    lines->work.data = lines;
    lines->jobs->busy++;
    request_wait(request, gone, lines);
    (void)uv_queue_work(lines->jobs->front->loop, &lines->work, judge, judged);
}
