/* SPDX-License-Identifier: GPL-2.0-or-later */
/* submit: see submit.h; and one job. */
#include "httpd/submit.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/pressure.h"
#include "httpd/gather.h"
#include "httpd/idempotency.h"
#include "job/flow.h"
#include "job/mail.h"

enum {
    BODY_LIMIT = 64 * 1024 * 1024,
    CHECK_MS = 1000, /* between looks whether the spool is there, and how many wait */
};

#define ACCEPTED_TYPES "application/json, application/x-ndjson, application/jsonl"

/* --- reading a job ----------------------------------------------------------------------------- */

static struct job *refuse(struct submit_problem *problem, unsigned status, const char *kind,
                          const char *reason)
{
    problem->status = status;
    problem->kind = kind;
    problem->reason = reason;
    return NULL;
}

static void point(struct submit_problem *problem, const char *name, size_t length)
{
    if (length > 0 && length < sizeof problem->pointer - 1 && memchr(name, '~', length) == NULL &&
        memchr(name, '/', length) == NULL)
        (void)snprintf(problem->pointer, sizeof problem->pointer, "/%.*s", (int)length, name);
}

/* The sentences begin with the key that is wrong, as text in quotes. */
static void point_by_words(struct submit_problem *problem, const char *reason)
{
    static const char unknown[] = "unknown key ";
    const char *text = problem->error.text;
    const char *end;

    if (strcmp(reason, "unknown_type") == 0)
        point(problem, "type", strlen("type"));
    if (strncmp(text, unknown, sizeof unknown - 1) == 0)
        text += sizeof unknown - 1;
    end = *text == '"' ? strchr(text + 1, '"') : NULL;
    if (end != NULL)
        point(problem, text + 1, (size_t)(end - text) - 1);
}

/* Whose job it is: the caller's, where he has a name. */
static bool claim(const struct submit_context *context, json_t *document,
                  struct submit_problem *problem)
{
    const json_t *user = json_object_get(document, "user");

    if (context->user == NULL)
        return true;
    if (user == NULL) {
        json_object_set_new(document, "user", json_string(context->user));
        return true;
    }
    if (json_is_string(user) && strcmp(json_string_value(user), context->user) == 0)
        return true;
    error_set(&problem->error, ERROR_DATA,
              "\"user\" is another than this token's, %s; leave \"user\" out", context->user);
    point(problem, "user", strlen("user"));
    (void)refuse(problem, MHD_HTTP_FORBIDDEN, "forbidden", "foreign_user");
    return false;
}

/* The daemon trusts this server in whom mail goes to, so whom a token's user may name is settled here. */
static bool may_mail(const struct submit_context *context, const json_t *document,
                     struct submit_problem *problem)
{
    const char *to = mail_to(json_object_get(document, "mail"));

    if (context->user == NULL || to == NULL || mail_allowed(to, context->user, NULL))
        return true;
    error_set(&problem->error, ERROR_DATA, MAIL_FOREIGN, to, context->user);
    point(problem, "mail", strlen("mail"));
    (void)refuse(problem, MHD_HTTP_FORBIDDEN, "forbidden", "foreign_mail");
    return false;
}

static struct job *read_document(const struct submit_context *context, json_t *document,
                                 struct submit_problem *problem)
{
    const char *reason = "bad_value";
    const struct job_context job_context = {
        .default_model = context->spool->default_model,
        .submitted = context->now,
        .owner = context->owner,
        .trusted = true, /* whether we are is for the daemon to know */
        .templates = context->templates,
        .reason = &reason,
    };
    struct job *job;

    if (json_is_object(document) && flow_is(document)) {
        error_set(&problem->error, ERROR_DATA,
                  "this is a flow of several jobs: llmspool-submit --flow takes it");
        return refuse(problem, MHD_HTTP_UNPROCESSABLE_CONTENT, "refused", "unsupported");
    }
    if (json_is_object(document) &&
        (!claim(context, document, problem) || !may_mail(context, document, problem)))
        return NULL;
    job = job_from_json(document, &job_context, &problem->error);
    if (job != NULL)
        return job;
    point_by_words(problem, reason);
    return refuse(problem, MHD_HTTP_UNPROCESSABLE_CONTENT, "refused", reason);
}

struct job *submit_read(const struct submit_context *context, const char *text, size_t length,
                        struct submit_problem *problem)
{
    json_t *document;
    struct job *job;

    problem->pointer[0] = '\0';
    if (length >= JOB_SIZE_LIMIT) {
        error_set(&problem->error, ERROR_DATA, "the job has %zu bytes, and the limit is %d", length,
                  JOB_SIZE_LIMIT - 1);
        return refuse(problem, MHD_HTTP_CONTENT_TOO_LARGE, "too-large", "too_large");
    }
    document = jsontext_read(text, length, &problem->error);
    if (document == NULL)
        return refuse(problem, MHD_HTTP_BAD_REQUEST, "bad-request", "bad_json");
    job = read_document(context, document, problem);
    json_decref(document);
    return job;
}

void submit_refuse(struct request *request, const struct submit_problem *problem, size_t line)
{
    json_t *members = json_pack("{s:s}", "reason", problem->reason);

    if (problem->pointer[0] != '\0')
        json_object_set_new(members, "pointer", json_string(problem->pointer));
    if (line > 0)
        json_object_set_new(members, "line", json_integer((json_int_t)line));
    if (line > 0)
        request_problem_with(request, problem->status, problem->kind, members, "line %zu: %s", line,
                             problem->error.text);
    else
        request_problem_with(request, problem->status, problem->kind, members, "%s",
                             problem->error.text);
}

/* --- room -------------------------------------------------------------------------------------- */

bool submit_has_room(struct request *request, size_t count)
{
    struct jobs *jobs = request->front->jobs;
    struct mono now = clock_mono(request->front->clock);
    uint64_t limit = (uint64_t)request->front->options->limits.waiting;
    struct error error;

    if (now.ms - jobs->checked.ms >= CHECK_MS) {
        if (spool_check(request->front->spool, &error) < 0) {
            jobs_unavailable(request, "%s", error.text);
            return false;
        }
        jobs->checked = now;
        jobs->waiting = pressure_in_cur(request->front->spool);
    }
    if (limit > 0 && jobs->waiting + asked_count(jobs->asked) + count > limit)
        asked_look(jobs->asked);
    if (limit == 0 || jobs->waiting + asked_count(jobs->asked) + count <= limit)
        return true;
    request_add_header(request, MHD_HTTP_HEADER_RETRY_AFTER, "10");
    request_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE, "full",
                    "%llu jobs wait in the spool, and the limit is %llu",
                    (unsigned long long)(jobs->waiting + asked_count(jobs->asked)),
                    (unsigned long long)limit);
    return false;
}

/* --- one job ----------------------------------------------------------------------------------- */

struct submission {
    struct jobs *jobs;
    struct request *request; /* NULL: it is gone */
    struct idempotency_use use;
    struct brief brief;
    unsigned status; /* of the answer */
};

/* request_gone */
static void gone(void *state)
{
    ((struct submission *)state)->request = NULL;
}

static void submission_free(struct submission *submission)
{
    brief_clear(&submission->brief);
    free(submission);
}

static void answer(void *context)
{
    struct submission *submission = context;
    struct request *request = submission->request;
    char hex[ID_TEXT_SIZE];

    if (request != NULL) {
        id_write(&submission->brief.id, hex);
        request_add_header(request, MHD_HTTP_HEADER_LOCATION, "/v1/jobs/%s", hex);
        jobs_answer(request, submission->status, &submission->brief,
                    submission->status == MHD_HTTP_OK);
    }
    submission_free(submission);
}

/* gather_done */
static void dropped(void *context, int result)
{
    struct submission *submission = context;
    struct idempotency *idempotency = submission->jobs->idempotency;
    struct key_answer known = {.status = submission->status};

    if (result == 0) {
        id_write(&submission->brief.id, known.what);
        idempotency_end(idempotency, &submission->use, &known, answer, submission);
        return;
    }
    idempotency_abandon(idempotency, &submission->use);
    if (submission->request != NULL)
        jobs_not_durable(submission->request, result);
    submission_free(submission);
}

/* Whether the daemon will run it once more: it failed, or its answer is older than the job accepts. */
static bool runs_again(const struct jobs *jobs, const struct job *job, const struct brief *brief)
{
    int64_t now = clock_wall(jobs->front->clock).ms;

    if (!brief_ended(brief))
        return false;
    if (brief->folder == FOLDER_FAILED)
        return true;
    return job->max_age >= 0 && now - brief->finished_ms >= job->max_age;
}

static void drop(struct submission *submission, const struct job *job, struct buffer *text)
{
    struct request *request = submission->request;
    struct jobs *jobs = submission->jobs;
    bool known = jobs_brief(jobs, &job->id, &submission->brief), again = false;

    if (known)
        again = runs_again(jobs, job, &submission->brief);
    if (again)
        brief_again(&submission->brief);
    submission->status = known ? MHD_HTTP_OK : MHD_HTTP_CREATED;
    request_wait(request, gone, submission);
    gather_add(jobs->gather, job, text, again, dropped, submission);
    if (!known)
        brief_dropped(&submission->brief, &job->id, text);
    if (!known)
        submission->brief.submitted_ms = clock_wall(jobs->front->clock).ms;
}

/* The job that the body is, as it would be submitted now; or NULL with a problem. */
static struct job *read_body(struct request *request, struct submit_problem *problem)
{
    struct jobs *jobs = request->front->jobs;
    const struct submit_context context = {
        .spool = request->front->spool,
        .templates = jobs->templates,
        .owner = jobs->owner,
        .user = request->caller.user,
        .now = clock_wall(request->front->clock),
    };

    templates_look_again(jobs->templates);
    return submit_read(&context, request->body.bytes != NULL ? request->body.bytes : "",
                       request->body.length, problem);
}

static void tell_again(struct request *request, const struct id *id, const struct job *job,
                       unsigned status)
{
    struct buffer text = {0};
    struct brief brief;
    char hex[ID_TEXT_SIZE];

    if (!jobs_brief(request->front->jobs, id, &brief)) {
        if (job != NULL && id_equal(&job->id, id))
            job_write(job, &text);
        brief_dropped(&brief, id, &text);
    }
    id_write(id, hex);
    request_add_header(request, MHD_HTTP_HEADER_LOCATION, "/v1/jobs/%s", hex);
    request_add_header(request, "Idempotency-Replayed", "true");
    jobs_answer(request, status, &brief, status == MHD_HTTP_OK);
    brief_clear(&brief);
}

/* The same was posted before with this key: the answer is that one, with that job as it is now. What the body
 * would be by now, with another template or default model, says nothing of it. */
static void repeat(struct request *request, const struct key_answer *before)
{
    struct submit_problem problem;
    struct job *job = read_body(request, &problem);
    struct id id;

    if (id_read(before->what, &id))
        tell_again(request, &id, job, before->status);
    else if (job != NULL) /* remembered by a server that did not know for what */
        tell_again(request, &job->id, job, before->status);
    else
        submit_refuse(request, &problem, 0);
    job_free(job);
}

/* Whether the drop has begun; else the request is answered. */
static bool post(struct request *request, const struct job *job,
                 const struct idempotency_use *use)
{
    struct buffer text = {0};
    bool fits;

    job_write(job, &text);
    fits = text.length <= JOB_SIZE_LIMIT;
    if (!fits)
        request_problem(request, MHD_HTTP_CONTENT_TOO_LARGE, "too-large",
                        "the completed job has %zu bytes, and the limit is %d", text.length,
                        JOB_SIZE_LIMIT);
    fits = fits && submit_has_room(request, 1);
    if (fits) {
        struct submission *submission = xcalloc(1, sizeof *submission);

        submission->jobs = request->front->jobs;
        submission->request = request;
        submission->use = *use;
        drop(submission, job, &text);
    }
    buffer_free(&text);
    return fits;
}

static void post_one(struct request *request)
{
    struct idempotency_use use;
    struct key_answer before;
    struct submit_problem problem;
    struct job *job;

    switch (idempotency_begin(request, &use, &before)) {
    case IDEMPOTENCY_REPEATED:
        repeat(request, &before);
        break;
    case IDEMPOTENCY_NONE:
        job = read_body(request, &problem);
        if (job == NULL)
            submit_refuse(request, &problem, 0);
        if (job == NULL || !post(request, job, &use))
            idempotency_abandon(request->front->jobs->idempotency, &use);
        job_free(job);
        break;
    case IDEMPOTENCY_ANSWERED:
        break;
    }
}

/* Whether a Content-Type is of this media type, whatever its parameters are. */
static bool is_type(const char *value, const char *type)
{
    size_t length = strlen(type);

    return strncasecmp(value, type, length) == 0 && strchr("; \t", value[length]) != NULL;
}

/* A form or a script of another site can send a text without asking first, but none of these types. */
static void post_jobs(struct request *request)
{
    const char *type = request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE);

    if (type != NULL && is_type(type, "application/json")) {
        post_one(request);
    } else if (type != NULL && (is_type(type, "application/x-ndjson") ||
                                is_type(type, "application/jsonl"))) {
        lines_post(request);
    } else {
        request_add_header(request, "Accept-Post", ACCEPTED_TYPES);
        request_problem(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "unsupported",
                        "the Content-Type must be one of " ACCEPTED_TYPES);
    }
}

const struct route submit_routes[] = {
    {"POST", "/v1/jobs", SCOPE_SUBMIT, BODY_LIMIT, post_jobs},
    {NULL, NULL, SCOPE_NONE, 0, NULL},
};
