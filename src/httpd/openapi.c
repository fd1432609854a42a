/* SPDX-License-Identifier: GPL-2.0-or-later */
/* openapi: GET /openapi.json: what this server serves, for programs. */
#include "httpd/openapi.h"

#include <string.h>

#include "httpd/request.h"

static void get_openapi(struct request *request)
{
    request_static(request, MHD_HTTP_OK, "application/json", openapi_text, strlen(openapi_text));
}

const struct route openapi_routes[] = {
    {"GET", "/openapi.json", SCOPE_NONE, 0, get_openapi},
    {NULL, NULL, SCOPE_NONE, 0, NULL},
};
