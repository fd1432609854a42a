/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server: see server.h. */
#include "httpd/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/listen.h"
#include "base/xalloc.h"
#include "httpd/front.h"
#include "httpd/request.h"
#include "httpd/route.h"

enum {
    CONNECTIONS_MAX = 16384,
    DESCRIPTORS_KEPT = 64,         /* for all but connections */
    CONNECTION_MEMORY = 16 * 1024, /* of a request's head and of one write */
    IDLE_S = 60,
};

struct server {
    struct front *front;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_prepare_t turn;
    uv_timer_t timer;
    LIST_HEAD(, request) requests; /* not ended yet */
    bool stirred;                  /* the library has work */
    char url[LISTEN_URL_SIZE];
};

/* --- requests --- */

static void append_body(struct request *request, const char *bytes, size_t length)
{
    size_t limit = request->route != NULL ? request->route->body_limit : 0;

    if (request->oversized || length > limit - request->body.length) {
        request->oversized = true;
        buffer_free(&request->body);
    } else {
        buffer_append(&request->body, bytes, length);
    }
}

static void begin(struct server *server, struct MHD_Connection *connection, const char *method,
                  const char *path, void **state)
{
    struct request *request = request_new(server->front, connection, method, path);

    LIST_INSERT_HEAD(&server->requests, request, entry);
    request->caller.scopes = SCOPE_READ | SCOPE_SUBMIT | SCOPE_ADMIN;
    (void)route_find(request);
    *state = request;
}

/* MHD_AccessHandlerCallback: called with the head, with each piece of the body, with its end, and
 * again after waiting. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *bytes,
                              size_t *length, void **state)
{
    struct request *request = *state;

    (void)version;
    if (request == NULL) {
        begin(context, connection, method, path, state);
        return MHD_YES;
    }
    if (*length > 0) {
        append_body(request, bytes, *length);
        *length = 0;
        return MHD_YES;
    }
    if (!request->whole) {
        request->whole = true;
        route_serve(request);
    }
    return request->response != NULL && !request->queued ? request_send(request) : MHD_YES;
}

/* MHD_RequestCompletedCallback */
static void complete(void *context, struct MHD_Connection *connection, void **state,
                     enum MHD_RequestTerminationCode code)
{
    struct request *request = *state;

    (void)context;
    (void)connection;
    (void)code;
    if (request == NULL)
        return;
    LIST_REMOVE(request, entry);
    request_free(request);
    *state = NULL;
}

/* --- the loop --- */

static void stir(uv_timer_t *timer)
{
    ((struct server *)timer->data)->stirred = true;
}

static void readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    ((struct server *)poll->data)->stirred = true;
}

/* Before the loop sleeps: the library's turn, and when it wants the next. */
static void turn(uv_prepare_t *prepare)
{
    struct server *server = prepare->data;
    MHD_UNSIGNED_LONG_LONG wait_ms;

    if (!server->stirred)
        return;
    server->stirred = false;
    (void)MHD_run(server->daemon);
    if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES)
        (void)uv_timer_start(&server->timer, stir, wait_ms, 0);
    else
        (void)uv_timer_stop(&server->timer);
}

/* As many descriptors as the system lets us have. Returns how many connections fit. */
static unsigned raise_descriptors(void)
{
    struct rlimit limit;
    rlim_t room;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 512;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    room = limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? limit.rlim_cur - DESCRIPTORS_KEPT
                                                 : DESCRIPTORS_KEPT;
    return room < CONNECTIONS_MAX ? (unsigned)room : CONNECTIONS_MAX;
}

static int start_library(struct server *server, struct error *error)
{
    int fd = listen_open(server->front->options->listen, false, server->url, error);
    unsigned connections = raise_descriptors();

    if (fd < 0)
        return -1;
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle, server,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED,
        complete, NULL, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_END);
    if (server->daemon == NULL) {
        error_system(error, errno, "cannot start to serve %s", server->url);
        (void)close(fd);
        return -1;
    }
    return 0;
}

static int join_loop(struct server *server, struct error *error)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uv_loop_t *loop = server->front->loop;
    int failed = info == NULL ? UV_EBADF : uv_poll_init(loop, &server->poll, info->epoll_fd);

    if (failed != 0) {
        error_set(error, ERROR_SYSTEM, "cannot poll %s: %s", server->url, uv_strerror(failed));
        MHD_stop_daemon(server->daemon);
        return -1;
    }
    (void)uv_prepare_init(loop, &server->turn);
    (void)uv_timer_init(loop, &server->timer);
    server->poll.data = server->turn.data = server->timer.data = server;
    (void)uv_poll_start(&server->poll, UV_READABLE, readable);
    (void)uv_prepare_start(&server->turn, turn);
    return 0;
}

struct server *server_open(struct front *front, struct error *error)
{
    struct server *server = xcalloc(1, sizeof *server);

    server->front = front;
    server->stirred = true;
    LIST_INIT(&server->requests);
    if (start_library(server, error) < 0 || join_loop(server, error) < 0) {
        free(server);
        return NULL;
    }
    return server;
}

const char *server_url(const struct server *server)
{
    return server->url;
}

unsigned server_connections(const struct server *server)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info != NULL ? info->num_connections : 0;
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Nobody may sleep when the library stops: it would not know how to close a suspended connection. */
void server_close(struct server *server)
{
    struct request *request;

    if (server == NULL)
        return;
    LIST_FOREACH(request, &server->requests, entry)
        request_wake(request);
    (void)uv_poll_stop(&server->poll);
    MHD_stop_daemon(server->daemon);
    uv_close((uv_handle_t *)&server->poll, NULL);
    uv_close((uv_handle_t *)&server->turn, NULL);
    uv_close((uv_handle_t *)&server->timer, closed);
}
