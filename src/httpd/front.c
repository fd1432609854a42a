/* SPDX-License-Identifier: GPL-2.0-or-later */
/* front: see front.h. */
#include "httpd/front.h"

#include <stdlib.h>
#include <string.h>

#include "base/notify.h"
#include "base/xalloc.h"
#include "client/cli.h"
#include "httpd/connections.h"
#include "httpd/glance.h"
#include "httpd/jobs.h"
#include "httpd/origin.h"
#include "httpd/reload.h"
#include "httpd/server.h"
#include "httpd/streams.h"
#include "httpd/tail.h"
#include "httpd/sessions.h"
#include "httpd/tempo.h"
#include "httpd/tls.h"
#include "httpd/tokens.h"
#include "httpd/traffic.h"

enum { DRAIN_MS = 10000, DRAIN_LOOK_MS = 20 };

static int open_tls(struct front *front, struct error *error)
{
    const struct front_options *options = front->options;

    if (options->tls_certificate == NULL && options->tls_key == NULL)
        return 0;
    if (options->tls_certificate == NULL || options->tls_key == NULL) {
        error_set(error, ERROR_USAGE, "tls_certificate and tls_key need each other");
        return -1;
    }
    front->tls = tls_open(options->tls_certificate, options->tls_key, front->clock, error);
    return front->tls != NULL ? 0 : -1;
}

/* Whoever can be reached from other machines has something to show at the door. */
static int check_remote(const struct front *front, struct error *error)
{
    if (server_is_local(front->server))
        return 0;
    if (tokens_count(front->tokens) == 0) {
        error_set(error, ERROR_USAGE,
                  "%s can be reached from other machines, and there is no token yet: "
                  "llmspool-httpd --new-token USER",
                  server_url(front->server));
        return -1;
    }
    if (front->tls == NULL && !front->options->insecure) {
        error_set(error, ERROR_USAGE,
                  "%s can be reached from other machines, and without TLS everybody on the way "
                  "reads tokens: set tls_certificate and tls_key, or insecure = yes behind a "
                  "proxy that has TLS",
                  server_url(front->server));
        return -1;
    }
    return 0;
}

/* A proxy may pass requests on without a word of it, and then the whole world comes from here. */
static int check_proxy(const struct front *front, struct error *error)
{
    const struct front_options *options = front->options;

    if (tokens_asked(front->tokens) || (options->public_url == NULL && options->hosts == NULL))
        return 0;
    error_set(error, ERROR_USAGE,
              "%s says that clients come through a proxy, and without a tokens file all of them "
              "could do everything: llmspool-httpd --new-token USER",
              options->public_url != NULL ? "public_url" : "hosts");
    return -1;
}

static int open_parts(struct front *front, struct error *error)
{
    const struct front_options *options = front->options;
    const struct front_limits *limits = &options->limits;

    front->spool = cli_spool(options->spool, error);
    if (front->spool == NULL)
        return -1;
    front->tokens = tokens_open(options->tokens, error);
    if (front->tokens == NULL || open_tls(front, error) < 0)
        return -1;
    front->secure = front->tls != NULL || (options->public_url != NULL &&
                                           strncmp(options->public_url, "https://", 8) == 0);
    front->glance = glance_open(front);
    front->sessions = sessions_open(front->clock);
    if (limits->rate > 0)
        front->tempo = tempo_open(limits->rate, limits->burst, front->clock);
    front->tail = tail_open(front);
    front->jobs = jobs_open(front);
    front->server = server_open(front, error);
    if (front->server == NULL || check_remote(front, error) < 0)
        return -1;
    front->streams = streams_open(front);
    front->origins =
        origins_open(server_url(front->server), front->tls != NULL, options->public_url,
                     options->hosts, options->cors_origins, error);
    return front->origins != NULL ? check_proxy(front, error) : -1;
}

struct front *front_open(uv_loop_t *loop, const struct front_options *options, struct error *error)
{
    struct front *front = xmalloc(sizeof *front);

    *front = (struct front){.loop = loop, .options = options, .clock = &clock_system};
    front->traffic = traffic_open();
    log_init(&front->log, options->level);
    if (open_parts(front, error) < 0) {
        front_close(front);
        return NULL;
    }
    front->reload = reload_open(front);
    return front;
}

const char *front_url(const struct front *front)
{
    return server_url(front->server);
}

void front_reload(struct front *front)
{
    reload_now(front->reload);
}

static void look_drained(uv_timer_t *timer)
{
    struct front *front = timer->data;
    size_t left = server_requests(front->server);

    if (left > 0 && clock_mono(front->clock).ms < front->drain_ends.ms)
        return;
    if (left > 0)
        log_warning(&front->log, "ended with %zu requests that were not answered", left);
    uv_stop(front->loop);
}

void front_drain(struct front *front)
{
    if (front->draining)
        return;
    front->draining = true;
    front->drain_ends.ms = clock_mono(front->clock).ms + DRAIN_MS;
    (void)uv_timer_init(front->loop, &front->drain);
    front->drain.data = front;
    (void)uv_timer_start(&front->drain, look_drained, 0, DRAIN_LOOK_MS);
    server_drain(front->server);
}

/* The drain's timer is a part of the front, which is gone when the loop comes to it. */
static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

void front_close(struct front *front)
{
    if (front == NULL)
        return;
    if (front->draining)
        (void)uv_timer_stop(&front->drain);
    reload_close(front->reload);
    server_close(front->server);
    glance_close(front->glance);
    streams_close(front->streams);
    jobs_close(front->jobs);
    tail_close(front->tail);
    origins_close(front->origins);
    tempo_close(front->tempo);
    sessions_close(front->sessions);
    tls_close(front->tls);
    tokens_close(front->tokens);
    traffic_close(front->traffic);
    spool_close(front->spool);
    if (front->draining)
        uv_close((uv_handle_t *)&front->drain, closed);
    else
        free(front);
}
