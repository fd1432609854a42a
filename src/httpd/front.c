/* SPDX-License-Identifier: GPL-2.0-or-later */
/* front: see front.h. */
#include "httpd/front.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "client/cli.h"
#include "httpd/glance.h"
#include "httpd/server.h"

struct front *front_open(uv_loop_t *loop, const struct front_options *options, struct error *error)
{
    struct front *front = xmalloc(sizeof *front);

    *front = (struct front){.loop = loop, .options = options, .clock = &clock_system};
    log_init(&front->log, LOG_LEVEL_INFO);
    front->spool = cli_spool(options->spool, error);
    if (front->spool == NULL) {
        front_close(front);
        return NULL;
    }
    front->glance = glance_open(front);
    front->server = server_open(front, error);
    if (front->server == NULL) {
        front_close(front);
        return NULL;
    }
    return front;
}

const char *front_url(const struct front *front)
{
    return server_url(front->server);
}

void front_close(struct front *front)
{
    if (front == NULL)
        return;
    server_close(front->server);
    glance_close(front->glance);
    spool_close(front->spool);
    free(front);
}
