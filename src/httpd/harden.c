/* SPDX-License-Identifier: GPL-2.0-or-later */
/* harden: see harden.h. */
#include "httpd/harden.h"

#include <strings.h>

#include "httpd/front.h"
#include "httpd/request.h"

#define POLICY "Content-Security-Policy"

void harden_page(struct request *request, const char *script, const char *style)
{
    request_add_header(request, POLICY,
                       "default-src 'none'; script-src %s; style-src %s; img-src 'self' data:; "
                       "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'none'",
                       script != NULL ? script : "'self'", style != NULL ? style : "'self'");
    request_add_header(request, "Cross-Origin-Opener-Policy", "same-origin");
}

static void add_unless_there(struct request *request, const char *name, const char *value)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, name) == 0)
            return;
    request_add_header(request, name, "%s", value);
}

/* Without credentials: a page of another origin sends a token, never our cookie. */
static void allow_reading(struct request *request)
{
    const char *origin = request_header(request, MHD_HTTP_HEADER_ORIGIN);

    if (!request->cors || origin == NULL)
        return;
    request_add_header(request, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, "%s", origin);
    request_add_header(request, "Access-Control-Expose-Headers", "Location, Retry-After, Link");
}

void harden_answer(struct request *request)
{
    add_unless_there(request, "X-Content-Type-Options", "nosniff");
    add_unless_there(request, "Referrer-Policy", "no-referrer");
    add_unless_there(request, "Cross-Origin-Resource-Policy", "same-origin");
    add_unless_there(request, POLICY, "default-src 'none'; frame-ancestors 'none'");
    add_unless_there(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (request->front->secure)
        add_unless_there(request, "Strict-Transport-Security", "max-age=31536000");
    if (request->front->options->cors_origins != NULL)
        request_add_header(request, MHD_HTTP_HEADER_VARY, "Origin");
    allow_reading(request);
    if (request->closing)
        request_add_header(request, MHD_HTTP_HEADER_CONNECTION, "close");
}
