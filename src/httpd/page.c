/* SPDX-License-Identifier: GPL-2.0-or-later */
/* page: see page.h. */
#include "httpd/page.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "httpd/request.h"
#include "httpd/route.h"

/* Whatever ends up in the page, it can load, run and reach nothing but this server (CSP level 3).
 */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

static const char *type_of(const char *path)
{
    const char *end = strrchr(path, '.');

    if (strcmp(end, ".css") == 0)
        return "text/css; charset=utf-8";
    if (strcmp(end, ".js") == 0)
        return "text/javascript; charset=utf-8";
    return "text/html; charset=utf-8";
}

static const struct page_file *file_at(const char *path)
{
    const struct page_file *file = page_files;

    if (strcmp(path, "/") == 0)
        path = "/index.html";
    while (file->path != NULL && strcmp(file->path, path) != 0)
        file++;
    assert(file->path != NULL);
    return file;
}

/* Whether If-None-Match has the tag (RFC 9110, 13.1.2): weak comparison, in a list. */
static bool is_known(const struct request *request, const char *tag)
{
    const char *known = request_header(request, MHD_HTTP_HEADER_IF_NONE_MATCH);

    return known != NULL && (strcmp(known, "*") == 0 || strstr(known, tag) != NULL);
}

static void get_page(struct request *request)
{
    const struct page_file *file = file_at(request->path);

    request_add_header(request, MHD_HTTP_HEADER_ETAG, "%s", file->tag);
    request_add_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    request_add_header(request, "Content-Security-Policy", POLICY);
    request_add_header(request, "X-Content-Type-Options", "nosniff");
    request_add_header(request, "Referrer-Policy", "no-referrer");
    request_add_header(request, "Cross-Origin-Opener-Policy", "same-origin");
    if (is_known(request, file->tag))
        request_reply(request, MHD_HTTP_NOT_MODIFIED, NULL, NULL);
    else
        request_static(request, MHD_HTTP_OK, type_of(file->path), file->text, strlen(file->text));
}

const struct route page_routes[] = {
    {"GET", "/", SCOPE_NONE, 0, get_page},
    {"GET", "/index.html", SCOPE_NONE, 0, get_page},
    {"GET", "/page.css", SCOPE_NONE, 0, get_page},
    {"GET", "/page.js", SCOPE_NONE, 0, get_page},
    {NULL, NULL, SCOPE_NONE, 0, NULL},
};
