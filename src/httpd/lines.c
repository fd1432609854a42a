/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lines: many jobs posted as JSON Lines: judged in the pool, all or none, and dropped as lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/xalloc.h"
#include "httpd/gather.h"
#include "httpd/lines_parts.h"

/* Posts that are judged or dropped at once: each holds its jobs in memory. */
enum { LISTS_AT_ONCE = 64 };

static void lines_free(struct lines *lines)
{
    turns_end(&lines->jobs->runs, &lines->turn);
    lines->jobs->lists--;
    for (size_t i = 0; i < lines->list_count; i++) {
        buffer_free(&lines->lists[i]->text);
        free(lines->lists[i]);
    }
    free(lines->lists);
    json_decref(lines->max_cost);
    json_decref(lines->told);
    buffer_free(&lines->body);
    if (lines->held > 0)
        lines->jobs->front->bodies -= lines->held;
    free(lines->user);
    free(lines);
}

/* request_gone */
static void gone(void *state)
{
    ((struct lines *)state)->request = NULL;
}

/* What is remembered with a key: RUN/COUNT/DIGEST, where the run may be none. */
static void write_known(const struct lines *lines, struct key_answer *known)
{
    known->status = MHD_HTTP_CREATED;
    (void)snprintf(known->what, sizeof known->what, "%.100s/%zu/%s", lines->run, lines->count,
                   lines->digest);
}

/* Puts what was acknowledged before in the place of what the lines would be by now, with other templates
 * or another default model. Nothing where that is not known. */
static void recall(struct lines *lines)
{
    const char *what = lines->before.what, *slash = strchr(what, '/');
    char digest[SHA256_HEX_SIZE];
    size_t count;

    if (slash == NULL || slash - what > 100 ||
        sscanf(slash, "/%6zu/%64s", &count, digest) != 2) /* NOLINT: both are bounded */
        return;
    if (lines->refused || count != lines->count || strcmp(digest, lines->digest) != 0) {
        json_decref(lines->told);
        lines->told = NULL;
    }
    lines->refused = false;
    lines->count = count;
    (void)snprintf(lines->run, sizeof lines->run, "%.*s", (int)(slash - what), what);
}

static void answer(void *context)
{
    struct lines *lines = context;
    struct request *request = lines->request;
    const char *run = lines->run[0] != '\0' ? lines->run : NULL;
    json_t *links = json_object();

    if (run != NULL)
        json_object_set_new(links, "run", json_sprintf("/v1/runs/%s", run));
    if (request != NULL && lines->before.status != 0)
        request_add_header(request, "Idempotency-Replayed", "true");
    if (request != NULL)
        request_json(request, MHD_HTTP_CREATED,
                     json_pack("{s:s?, s:I, s:O?, s:O}", "run", run, "count",
                               (json_int_t)lines->count, "jobs",
                               lines->count <= IDS_TOLD ? lines->told : NULL, "links", links));
    json_decref(links);
    lines_free(lines);
}

/* Nothing is dropped, and the request answered or gone. */
static void give_up(struct lines *lines)
{
    idempotency_abandon(lines->jobs->idempotency, &lines->use);
    lines_free(lines);
}

static void dropped(void *context, int result, int failed_file)
{
    struct lines *lines = context;
    struct key_answer known;

    (void)failed_file;
    lines->jobs->busy--;
    turns_end(&lines->jobs->runs, &lines->turn);
    if (result < 0) {
        if (lines->request != NULL)
            jobs_not_durable(lines->request, result);
        give_up(lines);
        return;
    }
    for (size_t i = 0; i < lines->list_count; i++)
        asked_add(lines->jobs->asked, FOLDER_NEW, lines->lists[i]->name, lines->lists[i]->jobs,
                  lines->lists[i]->count);
    write_known(lines, &known);
    idempotency_end(lines->jobs->idempotency, &lines->use, &known, answer, lines);
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

static void refuse_request(struct lines *lines)
{
    if (lines->unclear)
        request_add_header(lines->request, MHD_HTTP_HEADER_RETRY_AFTER, "10");
    submit_refuse(lines->request, &lines->problem, lines->bad_line);
}

/* All was found right but that the client may be gone or the spool full. */
static void go_on(struct lines *lines)
{
    if (lines->request != NULL && submit_has_room(lines->request, lines->count))
        drop(lines);
    else
        give_up(lines);
}

/* On the loop: the run's jobs may be those that were dropped here a moment ago. */
static void check_untaken(struct lines *lines)
{
    struct brief brief;
    bool known = lines->untaken && jobs_brief(lines->jobs, &lines->member, &brief);

    if (lines->untaken && (!known || !brief_is_of(&brief, lines->user)))
        lines_refuse_run(lines);
    if (known)
        brief_clear(&brief);
}

static void checked(uv_work_t *work, int status)
{
    struct lines *lines = work->data;

    (void)status;
    lines->jobs->busy--;
    if (!lines->refused)
        check_untaken(lines);
    if (!lines->refused) {
        go_on(lines);
        return;
    }
    if (lines->request != NULL)
        refuse_request(lines);
    give_up(lines);
}

/* No other list of the run is on its way: until this one is in new/ or has failed, none will be. */
static void run_begin(void *context)
{
    struct lines *lines = context;

    if (lines->request == NULL) {
        give_up(lines);
        return;
    }
    lines->jobs->busy++;
    (void)uv_queue_work(lines->jobs->front->loop, &lines->work, lines_check_run, checked);
}

static void judged(uv_work_t *work, int status)
{
    struct lines *lines = work->data;
    bool again = lines->before.status != 0;

    (void)status;
    lines->jobs->busy--;
    if (again)
        recall(lines);
    if (lines->request == NULL) {
        give_up(lines);
    } else if (lines->refused) {
        refuse_request(lines);
        give_up(lines);
    } else if (again) {
        answer(lines);
    } else if (lines->run[0] != '\0') {
        turns_take(&lines->jobs->runs, &lines->turn, lines->run, run_begin, lines);
    } else {
        go_on(lines);
    }
}

/* Whether another list may be taken; else the request is answered. */
static bool has_turn(struct request *request)
{
    if (request->front->jobs->lists < LISTS_AT_ONCE)
        return true;
    request_add_header(request, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    request_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE, "full",
                    "%d lists of jobs are being taken, and the limit is %d", LISTS_AT_ONCE,
                    LISTS_AT_ONCE);
    return false;
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
    if (!has_turn(request))
        return;
    lines = xcalloc(1, sizeof *lines);
    lines->jobs = request->front->jobs;
    lines->jobs->lists++;
    if (idempotency_begin(request, &lines->use, &lines->before) == IDEMPOTENCY_ANSWERED) {
        lines_free(lines);
        return;
    }
    lines->request = request;
    lines->body = request->body;
    lines->held = request->held;
    request->body = (struct buffer){0};
    request->held = 0;
    lines->user = xstrdup(request->caller.user);
    lines->own = lines->user != NULL && (request->caller.scopes & SCOPE_ADMIN) == 0;
    lines->own = lines->user != NULL && (request->caller.scopes & SCOPE_ADMIN) == 0;
    (void)snprintf(lines->run, sizeof lines->run, "%s", run != NULL ? run : "");
    lines->work.data = lines;
    lines->jobs->busy++;
    request_wait(request, gone, lines);
    (void)uv_queue_work(lines->jobs->front->loop, &lines->work, lines_judge, judged);
}
