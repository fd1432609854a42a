/* SPDX-License-Identifier: GPL-2.0-or-later */
/* job_get: one job read: how it stands, when it has ended, its versions. */
#include <string.h>

#include "base/timetext.h"
#include "client/locate.h"
#include "httpd/await.h"
#include "httpd/jobs.h"
#include "httpd/kept.h"
#include "httpd/versions.h"

enum { WAIT_MAX_MS = 60 * 1000 };

/* Whether the client has what the tag names (RFC 9110, 13.1.2); a tag has no comma or quote in it. */
static bool has_already(const struct request *request, const char *tag)
{
    const char *known = request_header(request, MHD_HTTP_HEADER_IF_NONE_MATCH);
    char quoted[BRIEF_TAG_SIZE + 2];

    (void)snprintf(quoted, sizeof quoted, "\"%s\"", tag);
    return known != NULL && (strcmp(known, "*") == 0 || strstr(known, quoted) != NULL);
}

/* Names what will be answered. Returns whether it need not be sent. */
static bool answer_known(struct request *request, const char *tag)
{
    request_add_header(request, MHD_HTTP_HEADER_ETAG, "\"%s\"", tag);
    request_add_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "private, no-cache");
    if (!has_already(request, tag))
        return false;
    request_reply(request, MHD_HTTP_NOT_MODIFIED, NULL, NULL);
    return true;
}

/* Whether the job can be told as it was a moment ago: anybody may see it, and it lies where jobs lie. */
static bool may_keep(const struct request *request, const struct brief *brief)
{
    return !request->front->spool->owner_only && brief->status.st_ino != 0 &&
           strcmp(brief->state, "dropped") != 0;
}

static void answer_job(struct request *request, struct brief *brief)
{
    struct buffer text = {0};
    char tag[BRIEF_TAG_SIZE];

    if (brief_ended(brief)) {
        brief_tag(brief, tag);
        if (answer_known(request, tag))
            return;
    }
    brief_write(brief, true, &text);
    buffer_byte(&text, '\n');
    if (may_keep(request, brief))
        kept_add(request->front->jobs->kept, brief, &text, clock_mono(request->front->clock));
    request_reply(request, MHD_HTTP_OK, "application/json", &text);
}

/* Answers with what was answered a moment ago. Returns false when that will not do. */
static bool answer_kept(struct request *request, bool waits)
{
    struct jobs *jobs = request->front->jobs;
    const struct kept_answer *answer;
    struct buffer text = {0};
    struct id id;
    bool again;

    if (!id_read(request->params[0], &id))
        return false;
    answer = kept_find(jobs->kept, &id, clock_mono(request->front->clock));
    if (answer == NULL || (waits && !answer->ended) || asked_has(jobs->asked, &id, &again))
        return false;
    if (answer->ended && answer_known(request, answer->tag))
        return true;
    buffer_append(&text, answer->text.bytes, answer->text.length);
    request_reply(request, MHD_HTTP_OK, "application/json", &text);
    return true;
}

/* How long the client wants to wait; -1: what it says is no duration. */
static int64_t read_wait(const struct request *request)
{
    const char *text = request_query(request, "wait");
    int64_t ms;

    if (text == NULL)
        return 0;
    if (timetext_read_duration(text, &ms) < 0)
        return -1;
    return ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
}

static void found_job(struct request *request, struct brief *brief)
{
    int64_t wait_ms = read_wait(request);

    if (wait_ms <= 0 || brief_ended(brief))
        answer_job(request, brief);
    else
        await_add(request->front->jobs->await, request, &brief->id, wait_ms, answer_job);
}

static void get_job(struct request *request)
{
    int64_t wait_ms = read_wait(request);

    if (wait_ms < 0)
        request_problem(request, MHD_HTTP_BAD_REQUEST, "bad-request",
                        "wait is a duration, such as 30s");
    else if (!answer_kept(request, wait_ms > 0))
        jobs_find(request, request->params[0], found_job);
}

/* --- versions -------------------------------------------------------------------------------- */

static void get_versions(struct request *request)
{
    jobs_find(request, request->params[0], versions_tell);
}

/* The file as it lies there. */
static void found_version(struct request *request, struct brief *brief)
{
    struct buffer text = {0};
    struct stat status;
    char tag[BRIEF_TAG_SIZE];
    unsigned version;

    if (!locate_version(request->params[1], &version) ||
        versions_load(request->front->spool, &brief->id, version, &text, &status) < 0) {
        buffer_free(&text);
        request_problem(request, MHD_HTTP_NOT_FOUND, "not-found", "the job has no such version");
        return;
    }
    (void)snprintf(tag, sizeof tag, "v%u-%llx-%llx", version, (unsigned long long)status.st_ino,
                   (unsigned long long)status.st_mtim.tv_sec);
    if (answer_known(request, tag))
        buffer_free(&text);
    else
        request_reply(request, MHD_HTTP_OK, "application/json", &text);
}

static void get_version(struct request *request)
{
    jobs_find(request, request->params[0], found_version);
}

const struct route jobs_routes[] = {
    {"GET", "/v1/jobs/{id}", SCOPE_READ, 0, get_job},
    {"GET", "/v1/jobs/{id}/versions", SCOPE_READ, 0, get_versions},
    {"GET", "/v1/jobs/{id}/versions/{version}", SCOPE_READ, 0, get_version},
    {NULL, NULL, SCOPE_NONE, 0, NULL},
};
