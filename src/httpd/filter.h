/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter: which events a stream tells.
 *
 * Floor: httpd.
 */
#ifndef HTTPD_FILTER_H
#define HTTPD_FILTER_H

#include <stdbool.h>

#include "base/error.h"
#include "httpd/event.h"
#include "httpd/request.h"
#include "httpd/roster.h"

/* All conditions must hold; NULL: any. */
struct filter {
    char *types; /* words with a NUL behind each and one more behind the last */
    char *model; /* a pattern of fnmatch(3) */
    char *user;
    char *owner; /* the user who asks, where he may see his own alone */
    struct roster *roster; /* of a run */
    char *since;           /* a time as events have it; those before it are not meant */
    bool one_job;
    struct id job;
};

/* Reads ?types=, ?model=, ?user= and ?run= of a request, and what its caller may see. Returns 0, or
 * -1 with an error (ERROR_USAGE: the query is wrong; ERROR_ABSENT: there is no such run, or the
 * caller may not see it). The
 * filter is freed in any case. */
int filter_read(struct filter *filter, const struct request *request, struct error *error);

bool filter_takes(struct filter *filter, const struct event *event);

void filter_free(struct filter *filter);

/* Whether the caller may see what happens to his own jobs only. */
bool filter_restricts(const struct request *request);

#endif
