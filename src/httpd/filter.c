/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter: see filter.h. */
#include "httpd/filter.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "httpd/front.h"
#include "httpd/runowner.h"
#include "httpd/streams.h"

bool filter_restricts(const struct request *request)
{
    const struct spool *spool = request->front->spool;

    return request->caller.user != NULL && (request->caller.scopes & SCOPE_ADMIN) == 0 &&
           spool->shared && spool->owner_only;
}

/* Words of small letters and _, with commas between them. */
static int read_types(struct filter *filter, const char *text, struct error *error)
{
    size_t length = strlen(text);

    if (length == 0 || strspn(text, "abcdefghijklmnopqrstuvwxyz_,") != length || text[0] == ',' ||
        strstr(text, ",,") != NULL) {
        error_set(error, ERROR_USAGE,
                  "types wants names of events with commas between them, such as completed,failed");
        return -1;
    }
    filter->types = xcalloc(1, length + 2);
    memcpy(filter->types, text, length);
    for (char *comma = filter->types; (comma = strchr(comma, ',')) != NULL;)
        *comma++ = '\0';
    return 0;
}

static bool has_type(const struct filter *filter, const char *kind)
{
    const char *word = filter->types;

    if (word == NULL)
        return true;
    for (; *word != '\0'; word += strlen(word) + 1) {
        if (strcmp(word, kind) == 0)
            return true;
    }
    return false;
}

static char *copy(const char *text)
{
    return text != NULL && text[0] != '\0' ? xstrdup(text) : NULL;
}

int filter_read(struct filter *filter, const struct request *request, struct error *error)
{
    const char *types = request_query(request, "types"), *run = request_query(request, "run");

    *filter = (struct filter){0};
    if (filter_restricts(request))
        filter->owner = xstrdup(request->caller.user);
    filter->model = copy(request_query(request, "model"));
    filter->user = copy(request_query(request, "user"));
    if (types != NULL && read_types(filter, types, error) < 0)
        return -1;
    if (run == NULL || run[0] == '\0')
        return 0;
    if (filter->owner != NULL && runowner_check(request->front->spool, run, filter->owner, error) < 0)
        return -1;
    filter->roster =
        roster_take(streams_rosters(request->front->streams), request->front, run, error);
    return filter->roster != NULL ? 0 : -1;
}

static bool equals(const char *wanted, const char *text)
{
    return wanted == NULL || (text != NULL && strcmp(wanted, text) == 0);
}

bool filter_takes(struct filter *filter, const struct event *event)
{
    return event->kind != NULL &&
           (!filter->one_job || (event->has_id && id_equal(&event->id, &filter->job))) &&
           has_type(filter, event->kind) && equals(filter->owner, event->user) &&
           equals(filter->user, event->user) &&
           (filter->model == NULL ||
            (event->model != NULL && fnmatch(filter->model, event->model, 0) == 0)) &&
           (filter->since == NULL || event->time == NULL ||
            strcmp(event->time, filter->since) >= 0) &&
           (filter->roster == NULL || roster_has(filter->roster, event));
}

void filter_free(struct filter *filter)
{
    free(filter->types);
    free(filter->model);
    free(filter->user);
    free(filter->owner);
    free(filter->since);
    roster_release(filter->roster);
    *filter = (struct filter){0};
}
