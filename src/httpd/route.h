/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route: which handler serves which method and path.
 *
 * Floor: httpd. Each file of handlers offers one table of routes, ended by an empty one; route.c
 * lists the tables.
 */
#ifndef HTTPD_ROUTE_H
#define HTTPD_ROUTE_H

#include <stddef.h>

struct request;

enum {
    ROUTE_PARAMS = 2, /* places of a pattern */
};

/* What a caller must be allowed for a route. */
enum scope {
    SCOPE_NONE = 0, /* anybody */
    SCOPE_READ = 1,
    SCOPE_SUBMIT = 2,
    SCOPE_ADMIN = 4, /* orders for all jobs, and switches */
};

typedef void route_handler(struct request *request);

struct route {
    const char *method;
    const char *pattern; /* such as /v1/jobs/{id}/versions/{version} */
    enum scope scope;
    size_t body_limit; /* bytes; a longer body is answered with 413 */
    route_handler *handle;
};

/* GET /healthz, /readyz. */
extern const struct route health_routes[];

/* GET /v1/status, POST /v1/pause, /v1/resume. */
extern const struct route status_routes[];

/* The page: GET / and its files. */
extern const struct route page_routes[];

/* GET /v1/events, /v1/jobs/{id}/events. */
extern const struct route events_routes[];

/* POST /v1/jobs; GET /v1/jobs, /v1/runs/NAME; GET /v1/jobs/ID and its versions; orders for a job.
 */
extern const struct route submit_routes[];
extern const struct route listing_routes[];
extern const struct route jobs_routes[];
extern const struct route order_routes[];

/* GET /openapi.json. */
extern const struct route openapi_routes[];

/* GET, POST, DELETE /v1/session. */
extern const struct route session_routes[];

/* Has the request served: finds its route, else answers 404 or 405 (with Allow); HEAD is served as
 * GET, and OPTIONS tells the methods of a path. */
void route_serve(struct request *request);

/* Finds the route of a request by its method and path and fills request->route and its params. NULL
 * when there is none. */
const struct route *route_find(struct request *request);

#endif
