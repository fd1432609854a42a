/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jobs: see jobs.h; and how the parts of it live and end. */
#include "httpd/jobs.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/locate.h"
#include "httpd/await.h"
#include "httpd/gather.h"
#include "httpd/idempotency.h"
#include "httpd/kept.h"
#include "httpd/listing.h"
#include "httpd/lookup.h"
#include "httpd/share.h"
#include "httpd/versions.h"

enum {
    WRITERS = 2,            /* threads of the pool that write at once */
    ASKED_MAX = 200 * 1000, /* jobs that are remembered until the daemon has taken them */
};

/* --- life ------------------------------------------------------------------------------------ */

/* The login name that the daemon sees behind files of ours. */
static char *own_name(void)
{
    const struct passwd *entry = getpwuid(geteuid());

    return entry != NULL ? xstrdup(entry->pw_name) : xasprintf("%u", (unsigned)geteuid());
}

struct jobs *jobs_open(struct front *front)
{
    struct jobs *jobs = xcalloc(1, sizeof *jobs);

    jobs->front = front;
    jobs->publish = publish_open(front->loop, front->spool, WRITERS);
    jobs->templates = templates_new(front->spool, front->clock);
    jobs->owner = front->spool->shared ? own_name() : NULL;
    jobs->asked = asked_new(front->spool, ASKED_MAX);
    jobs->reasons = reasons_new(front->spool);
    jobs->await = await_new(jobs);
    jobs->gather = gather_new(jobs);
    jobs->idempotency = idempotency_new(jobs);
    jobs->kept = kept_new(front->spool);
    jobs->listing = listing_new(jobs);
    jobs->lookup = lookup_new(jobs);
    TAILQ_INIT(&jobs->runs);
    jobs->versions = versions_new(jobs);
    return jobs;
}

void jobs_close(struct jobs *jobs)
{
    if (jobs == NULL)
        return;
    while (jobs->busy > 0 || !publish_idle(jobs->publish))
        (void)uv_run(jobs->front->loop, UV_RUN_ONCE);
    versions_free(jobs->versions);
    lookup_free(jobs->lookup);
    listing_free(jobs->listing);
    kept_free(jobs->kept);
    idempotency_free(jobs->idempotency);
    gather_free(jobs->gather);
    await_free(jobs->await);
    reasons_free(jobs->reasons);
    asked_free(jobs->asked);
    free(jobs->owner);
    templates_free(jobs->templates);
    publish_close(jobs->publish);
    free(jobs);
}

/* --- answers --------------------------------------------------------------------------------- */

void jobs_answer(struct request *request, unsigned status, const struct brief *brief, bool whole)
{
    struct buffer text = {0};

    brief_write(brief, whole, &text);
    buffer_byte(&text, '\n');
    request_reply(request, status, "application/json", &text);
}

void jobs_unavailable(struct request *request, const char *format, ...)
{
    va_list arguments;
    char *text;
    int length;

    va_start(arguments, format);
    length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        text = NULL;
    request_add_header(request, MHD_HTTP_HEADER_RETRY_AFTER, "5");
    request_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE, "spool", "%s",
                    text != NULL ? text : "not now");
    free(text);
}

void jobs_crowded(struct request *request, const char *what)
{
    request_add_header(request, MHD_HTTP_HEADER_RETRY_AFTER, "%d", SHARE_RETRY_S);
    request_problem(request, MHD_HTTP_TOO_MANY_REQUESTS, "rate",
                    "this token has as many as one may of %s", what);
}

void jobs_not_durable(struct request *request, int result)
{
    jobs_unavailable(request, "the spool cannot be written: %s; nothing is acknowledged, try again",
                     strerror(-result));
}

/* --- rights ---------------------------------------------------------------------------------- */

bool jobs_restricted(const struct request *request)
{
    const struct caller *caller = &request->caller;

    return caller->user != NULL && (caller->scopes & SCOPE_ADMIN) == 0 &&
           request->front->spool->owner_only;
}

bool jobs_visible(const struct request *request, const struct brief *brief)
{
    return !jobs_restricted(request) || brief_is_of(brief, request->caller.user);
}

bool jobs_commanded(const struct request *request, const struct brief *brief)
{
    const struct caller *caller = &request->caller;

    return (caller->scopes & SCOPE_ADMIN) != 0 ||
           (caller->user != NULL && brief_is_of(brief, caller->user));
}

/* --- finding --------------------------------------------------------------------------------- */

bool jobs_brief(struct jobs *jobs, const struct id *id, struct brief *brief)
{
    struct buffer text = {0};
    bool again;

    if (brief_read(brief, jobs->front->spool, id, jobs->reasons)) {
        if (brief_ended(brief) && asked_has(jobs->asked, id, &again) && again)
            brief_again(brief);
        return true;
    }
    if (!asked_has(jobs->asked, id, &again) || !asked_read(jobs->asked, id, &text)) {
        buffer_free(&text);
        return false;
    }
    brief_dropped(brief, id, &text);
    return true;
}

static void tell_found(struct request *request, struct brief *brief, jobs_found *found)
{
    if (jobs_visible(request, brief))
        found(request, brief);
    else
        request_problem(request, MHD_HTTP_NOT_FOUND, "not-found", "there is no such job");
    brief_clear(brief);
}

/* A request whose job is being looked up. */
struct finding {
    struct request *request; /* NULL: it is gone */
    jobs_found *found;
};

/* request_gone */
static void finding_gone(void *state)
{
    ((struct finding *)state)->request = NULL;
}

/* Whose the archived job is, and whose those are that a beginning of an ID means, nobody looked. */
static void tell_absent(struct request *request, const struct lookup_result *result)
{
    const char *words = result->error.text;
    bool told = !jobs_restricted(request);

    if (told && result->end == LOOKUP_ARCHIVED)
        request_problem(request, MHD_HTTP_GONE, "archived", "%s", words);
    else if (told && result->end == LOOKUP_UNCLEAR)
        request_problem(request, MHD_HTTP_CONFLICT, "conflict", "%s", words);
    else
        request_problem(request, MHD_HTTP_NOT_FOUND, "not-found", "there is no such job");
}

static void looked_up(void *context, struct lookup_result *result)
{
    struct finding *finding = context;
    struct request *request = finding->request;
    struct brief brief;
    bool known = false;

    if (request == NULL) {
        free(finding);
        return;
    }
    if (result->end == LOOKUP_ID)
        known = jobs_brief(request->front->jobs, &result->id, &brief);
    else if (result->end == LOOKUP_DROPPED)
        brief_dropped(&brief, &result->id, &result->job);
    else if (result->end == LOOKUP_REFUSED)
        brief_refused(&brief, &result->id, &result->job, &result->error_file);
    if (known || result->end == LOOKUP_DROPPED || result->end == LOOKUP_REFUSED)
        tell_found(request, &brief, finding->found);
    else
        tell_absent(request, result);
    free(finding);
}

static void look_up(struct request *request, const char *word, jobs_found *found)
{
    struct finding *finding = xmalloc(sizeof *finding);

    *finding = (struct finding){request, found};
    if (!lookup_start(request->front->jobs->lookup, request, word, looked_up, finding)) {
        free(finding);
        return;
    }
    request_wait(request, finding_gone, finding);
}

void jobs_find(struct request *request, const char *word, jobs_found *found)
{
    struct jobs *jobs = request->front->jobs;
    struct reference reference;
    struct brief brief;

    if (!id_read(word, &reference.id)) {
        if (!locate_is_prefix(word) && !layout_name_ok(word)) {
            request_problem(request, MHD_HTTP_NOT_FOUND, "not-found",
                            "this is neither an ID, nor 6 or more of its digits, nor a job's name");
            return;
        }
        if (locate_is_prefix(word) ||
            locate_reference(jobs->front->spool, word, &reference, NULL) < 0) {
            look_up(request, word, found);
            return;
        }
    }
    if (jobs_brief(jobs, &reference.id, &brief))
        tell_found(request, &brief, found);
    else
        look_up(request, word, found);
}
