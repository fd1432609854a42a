/* SPDX-License-Identifier: GPL-2.0-or-later */
/* health: whether this process lives, and whether it can take jobs. */
#include <microhttpd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "httpd/front.h"
#include "httpd/request.h"

static void get_health(struct request *request)
{
    request_json(request, MHD_HTTP_OK, json_pack("{s:s}", "status", "ok"));
}

/* Jobs are taken while no daemon runs, too: they wait in new/. */
static void get_ready(struct request *request)
{
    const struct spool *spool = request->front->spool;
    struct error error = {.kind = ERROR_NONE};

    if (spool_check(spool, &error) < 0) {
        request_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE, "spool", "%s", error.text);
        return;
    }
    if (faccessat(spool->dir[FOLDER_NEW], ".", W_OK | X_OK, AT_EACCESS) != 0) {
        request_problem(request, MHD_HTTP_SERVICE_UNAVAILABLE, "spool",
                        "new/ of %s cannot be written by this user", spool->path);
        return;
    }
    request_json(request, MHD_HTTP_OK,
                 json_pack("{s:s, s:b}", "status", "ok", "daemon", spool_owned(spool)));
}

const struct route health_routes[] = {
    {"GET", "/healthz", SCOPE_NONE, 0, get_health},
    {"GET", "/readyz", SCOPE_NONE, 0, get_ready},
    {NULL, NULL, SCOPE_NONE, 0, NULL},
};
