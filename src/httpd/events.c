/* SPDX-License-Identifier: GPL-2.0-or-later */
/* events: GET /v1/events and /v1/jobs/ID/events, as Server-Sent Events. */
#include <stdlib.h>
#include <string.h>

#include "httpd/front.h"
#include "httpd/jobs.h"
#include "httpd/request.h"
#include "httpd/stream.h"
#include "httpd/streams.h"
#include "httpd/watched.h"

enum {
    RETRY_MS = 1000, /* a client comes again after this or up to twice this */
    RETRY_MS_MAX = 60000,
    RETRY_AFTER_S = 30,
};

#define OFFSET_MAX (UINT64_C(1) << 40)

/* --- the query --- */

/* A whole number from 0 to most. Returns 0 (and otherwise where there is none), or -1 with an
 * answer. */
static int read_number(struct request *request, const char *name, uint64_t most, uint64_t otherwise,
                       uint64_t *number)
{
    const char *text = request_query(request, name);
    size_t length = text != NULL ? strlen(text) : 0;

    *number = otherwise;
    if (text == NULL)
        return 0;
    if (length > 0 && length <= 16 && strspn(text, "0123456789") == length)
        *number = strtoull(text, NULL, 10);
    if (length == 0 || length > 16 || strspn(text, "0123456789") != length || *number > most) {
        request_problem(request, MHD_HTTP_BAD_REQUEST, "bad-request",
                        "%s wants a number from 0 to %llu", name, (unsigned long long)most);
        return -1;
    }
    return 0;
}

/* Clients that were cut at once do not come again at once. */
static uint64_t some_retry(const struct request *request)
{
    return RETRY_MS + (uint64_t)((uintptr_t)request / 64 % RETRY_MS);
}

static const char *last_id(const struct request *request)
{
    const char *id = request_header(request, "Last-Event-ID");

    if (id == NULL || id[0] == '\0')
        id = request_query(request, "last_event_id");
    return id != NULL && id[0] != '\0' ? id : NULL;
}

/* Fills the plan but for the job. Returns 0, or -1 with an answer. */
static int read_plan(struct request *request, struct stream_plan *plan)
{
    struct error error = {.kind = ERROR_NONE};
    uint64_t retry_ms;

    *plan =
        (struct stream_plan){.last_id = last_id(request), .since = request_query(request, "since")};
    if (!streams_room(request->front->streams)) {
        request_add_header(request, MHD_HTTP_HEADER_RETRY_AFTER, "%d", RETRY_AFTER_S);
        request_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE, "rate",
                        "as many event streams are open as this server has; come again later");
        return -1;
    }
    if (!streams_share(request->front->streams, request->token_id)) {
        request_add_header(request, MHD_HTTP_HEADER_RETRY_AFTER, "%d", RETRY_AFTER_S);
        request_problem(request, MHD_HTTP_TOO_MANY_REQUESTS, "rate",
                        "this token has as many event streams open as one may; end some");
        return -1;
    }
    if (read_number(request, "retry", RETRY_MS_MAX, some_retry(request), &retry_ms) < 0)
        return -1;
    plan->retry_ms = (unsigned)retry_ms;
    if (filter_read(&plan->filter, request, &error) < 0) {
        filter_free(&plan->filter);
        if (error.kind == ERROR_ABSENT)
            request_problem(request, MHD_HTTP_NOT_FOUND, "not-found", "%s", error.text);
        else
            request_problem(request, MHD_HTTP_BAD_REQUEST, "bad-request", "%s", error.text);
        return -1;
    }
    return 0;
}

/* --- all events --- */

static void get_events(struct request *request)
{
    struct stream_plan plan;

    if (read_plan(request, &plan) == 0)
        stream_start(request->front->streams, request, &plan);
}

/* --- a job's --- */

/* Its text is told where it is asked for: tokens=1. Who may see the job hears all of it. */
static void tell_job(struct request *request, struct brief *brief)
{
    struct watched_plan watched = {.id = brief->id, .state = brief->state};
    const char *tokens = request_query(request, "tokens");
    struct stream_plan plan;

    if (read_number(request, "offset", OFFSET_MAX, 0, &watched.offset) < 0 ||
        read_plan(request, &plan) < 0)
        return;
    watched.tokens = tokens != NULL && strcmp(tokens, "1") == 0;
    free(plan.filter.owner);
    plan.filter.owner = NULL;
    plan.filter.one_job = true;
    plan.filter.job = watched.id;
    plan.watched = watched_open(request->front, &watched);
    stream_start(request->front->streams, request, &plan);
}

static void get_job_events(struct request *request)
{
    jobs_find(request, request->params[0], tell_job);
}

const struct route events_routes[] = {
    {"GET", "/v1/events", SCOPE_READ, 0, get_events},
    {"GET", "/v1/jobs/{id}/events", SCOPE_READ, 0, get_job_events},
    {NULL, NULL, SCOPE_NONE, 0, NULL},
};
