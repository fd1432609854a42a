/* SPDX-License-Identifier: GPL-2.0-or-later */
/* route: see route.h. */
#include "httpd/route.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "httpd/request.h"

static const struct route *const tables[] = {
    health_routes,
    page_routes,
    status_routes,
    events_routes,
    submit_routes,
    listing_routes,
    jobs_routes,
    order_routes,
    openapi_routes,
    session_routes,
};

enum { TABLES = sizeof tables / sizeof tables[0] };

static void forget_params(struct request *request)
{
    for (size_t i = 0; i < ROUTE_PARAMS; i++) {
        free(request->params[i]);
        request->params[i] = NULL;
    }
}

/* Compares segment by segment; a place takes one that is not empty. */
static bool path_fits(struct request *request, const char *pattern, const char *path)
{
    size_t found = 0;

    forget_params(request);
    while (*pattern != '\0') {
        if (*pattern == '{') {
            size_t length = strcspn(path, "/");

            if (length == 0 || found == ROUTE_PARAMS)
                return false;
            request->params[found++] = xstrndup(path, length);
            path += length;
            pattern += strcspn(pattern, "}") + 1;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0';
}

static bool method_fits(const struct route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

const struct route *route_find(struct request *request)
{
    for (size_t i = 0; i < TABLES; i++) {
        for (const struct route *route = tables[i]; route->method != NULL; route++) {
            if (method_fits(route, request->method) &&
                path_fits(request, route->pattern, request->path)) {
                request->route = route;
                return route;
            }
        }
    }
    forget_params(request);
    return NULL;
}

/* The methods that the path has, as the value of Allow. */
static void list_methods(struct request *request, struct buffer *allow)
{
    for (size_t i = 0; i < TABLES; i++) {
        for (const struct route *route = tables[i]; route->method != NULL; route++) {
            if (!path_fits(request, route->pattern, request->path))
                continue;
            buffer_printf(allow, "%s%s", allow->length > 0 ? ", " : "", route->method);
            if (strcmp(route->method, "GET") == 0)
                buffer_text(allow, ", HEAD");
        }
    }
    forget_params(request);
    if (allow->length > 0)
        buffer_text(allow, ", OPTIONS");
}

static void answer_without_route(struct request *request)
{
    struct buffer allow = {0};

    list_methods(request, &allow);
    if (allow.length == 0) {
        request_problem(request, MHD_HTTP_NOT_FOUND, "not-found", "there is nothing at this path");
    } else {
        request_add_header(request, MHD_HTTP_HEADER_ALLOW, "%s", allow.bytes);
        if (strcmp(request->method, "OPTIONS") == 0)
            request_reply(request, MHD_HTTP_NO_CONTENT, NULL, NULL);
        else
            request_problem(request, MHD_HTTP_METHOD_NOT_ALLOWED, "method", "this path takes %s",
                            allow.bytes);
    }
    buffer_free(&allow);
}

void route_serve(struct request *request)
{
    if (request->route == NULL) {
        answer_without_route(request);
    } else if (request->oversized) {
        request_problem(request, MHD_HTTP_CONTENT_TOO_LARGE, "too-large",
                        "the body has more than %zu bytes", request_body_limit(request));
    } else {
        request->route->handle(request);
    }
}
