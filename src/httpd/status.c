/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status: how the spool stands, and the switch that stops sending. */
#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/xalloc.h"
#include "client/drop.h"
#include "httpd/front.h"
#include "httpd/glance.h"
#include "httpd/request.h"

static void get_status(struct request *request)
{
    glance_answer(request->front->glance, request);
}

/* The switch is made durable, which may take a while: in the pool. */
struct turn {
    uv_work_t work;
    struct front *front;
    struct request *request; /* NULL: gone */
    bool on;
    int changed; /* as drop_switch */
    struct error error;
};

static void turn_switch(uv_work_t *work)
{
    struct turn *turn = work->data;

    turn->changed = drop_switch(turn->front->spool, "pause", turn->on, &turn->error);
}

static void turned(uv_work_t *work, int status)
{
    struct turn *turn = work->data;

    (void)status; /* it is never cancelled */
    glance_forget(turn->front->glance);
    if (turn->request != NULL && turn->changed < 0)
        request_problem(turn->request, MHD_HTTP_SERVICE_UNAVAILABLE, "spool", "%s",
                        turn->error.text);
    else if (turn->request != NULL)
        request_json(turn->request, MHD_HTTP_OK,
                     json_pack("{s:b, s:b}", "paused", turn->on, "changed", turn->changed));
    glance_release(turn->front->glance);
    free(turn);
}

/* request_gone */
static void turn_gone(void *state)
{
    ((struct turn *)state)->request = NULL;
}

static void turn_pause(struct request *request, bool on)
{
    struct turn *turn = xmalloc(sizeof *turn);
    int result;

    *turn = (struct turn){.front = request->front, .request = request, .on = on};
    turn->work.data = turn;
    request_wait(request, turn_gone, turn);
    glance_hold(request->front->glance);
    result = uv_queue_work(request->front->loop, &turn->work, turn_switch, turned);
    assert(result == 0);
}

static void post_pause(struct request *request)
{
    turn_pause(request, true);
}

static void post_resume(struct request *request)
{
    turn_pause(request, false);
}

const struct route status_routes[] = {
    {"GET", "/v1/status", SCOPE_READ, 0, get_status},
    {"POST", "/v1/pause", SCOPE_ADMIN, 1024, post_pause},
    {"POST", "/v1/resume", SCOPE_ADMIN, 1024, post_resume},
    {NULL, NULL, SCOPE_NONE, 0, NULL},
};
