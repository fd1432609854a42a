/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics: GET /metrics, for Prometheus. */
#include <microhttpd.h>

#include "base/promtext.h"
#include "client/exposition.h"
#include "httpd/filter.h"
#include "httpd/front.h"
#include "httpd/request.h"
#include "httpd/traffic.h"

/* One format whatever is accepted: Prometheus asks for several and takes this one. */
static void get_metrics(struct request *request)
{
    struct front *front = request->front;
    struct buffer text = {0};

    if (filter_restricts(request)) {
        request_problem(request, MHD_HTTP_FORBIDDEN, "forbidden",
                        "metrics tell of others: where each sees his own jobs alone, they want "
                        "a token with the scope admin");
        return;
    }
    exposition_write(&text, front->spool, clock_wall(front->clock));
    traffic_write(&text, front->traffic, front->connections);
    request_add_header(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    request_reply(request, MHD_HTTP_OK, PROMTEXT_TYPE, &text);
}

const struct route metrics_routes[] = {
    {"GET", "/metrics", SCOPE_READ, 0, get_metrics},
    {NULL, NULL, SCOPE_NONE, 0, NULL},
};
