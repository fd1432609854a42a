/* SPDX-License-Identifier: GPL-2.0-or-later */
/* orders: cancel, retry and rerun of one job, as files in ctl/. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/xalloc.h"
#include "client/verb.h"
#include "httpd/gather.h"
#include "httpd/jobs.h"

/* An order on its way. */
struct ordering {
    struct jobs *jobs;
    struct request *request; /* NULL: it is gone */
    char name[NAME_LIMIT];   /* in ctl/ */
    struct asked_for wanted;
};

/* request_gone */
static void gone(void *state)
{
    ((struct ordering *)state)->request = NULL;
}

/* publish_done */
static void ordered(void *context, int result, int failed_file)
{
    struct ordering *ordering = context;
    struct request *request = ordering->request;
    struct brief brief;

    (void)failed_file;
    if (result == 0 && ordering->wanted.again)
        asked_add(ordering->jobs->asked, FOLDER_CTL, ordering->name, &ordering->wanted, 1);
    if (request != NULL && result < 0) {
        jobs_not_durable(request, result);
    } else if (request != NULL && jobs_brief(ordering->jobs, &ordering->wanted.id, &brief)) {
        jobs_answer(request, MHD_HTTP_ACCEPTED, &brief, false);
        brief_clear(&brief);
    } else if (request != NULL) {
        request_problem(request, MHD_HTTP_NOT_FOUND, "not-found",
                        "the job went away meanwhile; the order waits for it");
    }
    free(ordering);
}

static void order(struct request *request, const struct verb *verb, const struct brief *brief)
{
    struct jobs *jobs = request->front->jobs;
    struct ordering *ordering = xcalloc(1, sizeof *ordering);
    struct publication *publication = publication_new(ordered, ordering);
    struct buffer text = {0};
    char unique[RANDOM_NAME_SIZE], hex[ID_TEXT_SIZE];

    ordering->jobs = jobs;
    ordering->request = request;
    ordering->wanted = (struct asked_for){.id = brief->id, .again = verb->kind != VERB_CANCEL};
    random_name(unique);
    id_write(&brief->id, hex);
    (void)snprintf(ordering->name, sizeof ordering->name, "%s.%s", verb->word, unique);
    buffer_printf(&text, "%s\n", hex);
    publication_file(publication, FOLDER_CTL, ordering->name,
                     gather_mode(request->front->spool), &text, false, FOLDER_TMP, unique);
    request_wait(request, gone, ordering);
    publish_add(jobs->publish, publication);
}

/* Whether an order that changes nothing asks for what is: a job that failed is not cancelled by it. */
static bool is_so_already(const struct verb *verb, const struct brief *brief)
{
    return verb->kind != VERB_CANCEL || strcmp(brief->state, "cancelled") == 0;
}

static void found(struct request *request, struct brief *brief, const char *word)
{
    const struct verb *verb = verb_find(word);
    struct ruling ruling = verb_ruling(verb, brief->state);

    if (!jobs_commanded(request, brief))
        request_problem(request, MHD_HTTP_FORBIDDEN, "forbidden",
                        "the job is another's: that needs a token with the scope admin");
    else if (strcmp(brief->state, "refused") == 0)
        request_problem(request, MHD_HTTP_CONFLICT, "conflict",
                        "the job was refused: mend it and post it again");
    else if (ruling.effect == EFFECT_ACT)
        order(request, verb, brief);
    else if (ruling.effect == EFFECT_NONE && is_so_already(verb, brief))
        jobs_answer(request, MHD_HTTP_OK, brief, false);
    else
        request_problem_with(request, MHD_HTTP_CONFLICT, "conflict",
                             json_pack("{s:s}", "state", brief->state), "the job %s", ruling.text);
}

static void found_cancel(struct request *request, struct brief *brief)
{
    found(request, brief, "cancel");
}

static void found_retry(struct request *request, struct brief *brief)
{
    found(request, brief, "retry");
}

static void found_rerun(struct request *request, struct brief *brief)
{
    found(request, brief, "rerun");
}

/* Nothing can be said beside the order itself. */
static void take(struct request *request, jobs_found *found_job)
{
    if (request->body.length > 0)
        request_problem(request, MHD_HTTP_BAD_REQUEST, "bad-request", "an order has no body");
    else
        jobs_find(request, request->params[0], found_job);
}

static void post_cancel(struct request *request)
{
    take(request, found_cancel);
}

static void post_retry(struct request *request)
{
    take(request, found_retry);
}

static void post_rerun(struct request *request)
{
    take(request, found_rerun);
}

const struct route order_routes[] = {
    {"POST", "/v1/jobs/{id}/cancel", SCOPE_SUBMIT, 1024, post_cancel},
    {"POST", "/v1/jobs/{id}/retry", SCOPE_SUBMIT, 1024, post_retry},
    {"POST", "/v1/jobs/{id}/rerun", SCOPE_SUBMIT, 1024, post_rerun},
    {NULL, NULL, SCOPE_NONE, 0, NULL},
};
