/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server: see server.h. */
#include "httpd/server.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/listen.h"
#include "base/notify.h"
#include "base/xalloc.h"
#include "httpd/connections.h"
#include "httpd/exchange.h"
#include "httpd/front.h"
#include "httpd/request.h"
#include "httpd/tls.h"

enum {
    DESCRIPTORS_KEPT = 64,         /* for all but connections */
    CONNECTION_MEMORY = 6656, /* of a request's head and of one write: all that an idle stream keeps */
};

struct server {
    struct front *front;
    struct MHD_Daemon *daemon;
    int fd;
    bool local;
    uv_poll_t poll;
    uv_prepare_t turn;
    uv_timer_t timer;
    bool stirred; /* the library has work */
    struct exchange exchange;
    char url[LISTEN_URL_SIZE + 1];
};

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
    if (server->stirred)
        (void)uv_timer_start(&server->timer, stir, 0, 0);
    else if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES)
        (void)uv_timer_start(&server->timer, stir, wait_ms, 0);
    else
        (void)uv_timer_stop(&server->timer);
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

/* --- the library --- */

/* As many descriptors as the system lets us have. Returns how many connections fit. */
static int64_t raise_descriptors(int64_t wanted)
{
    struct rlimit limit;
    int64_t room;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return wanted < 512 ? wanted : 512;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    room = limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? (int64_t)limit.rlim_cur - DESCRIPTORS_KEPT
                                                 : DESCRIPTORS_KEPT;
    return room < wanted ? room : wanted;
}

static int open_socket(struct server *server, struct error *error)
{
    const struct front_options *options = server->front->options;
    char url[LISTEN_URL_SIZE];
    int fd = notify_socket();

    if (fd < 0)
        fd = listen_open(options->listen, options->allow_remote, url, error);
    else if (listen_adopt(fd, options->allow_remote, url, error) < 0)
        fd = -1;
    if (fd < 0)
        return -1;
    server->fd = fd;
    server->local = listen_is_local(fd);
    (void)snprintf(server->url, sizeof server->url, "%s%s",
                   server->front->tls != NULL ? "https" : "http", url + strlen("http"));
    return 0;
}

/* gnutls_certificate_retrieve_function2; the session's pointer is the library's connection. */
static int retrieve(gnutls_session_t session, const gnutls_datum_t *names, int name_count,
                    const gnutls_pk_algorithm_t *kinds, int kind_count, gnutls_pcert_st **chain,
                    unsigned *length, gnutls_privkey_t *key)
{
    struct MHD_Connection *library = gnutls_session_get_ptr(session);

    (void)names, (void)name_count, (void)kinds, (void)kind_count;
    tls_retrieve(connection_front(connection_of(library))->tls, chain, length, key);
    return 0;
}

/* Without MHD_OPTION_STRICT_FOR_CLIENT: head is stricter, and where the library itself refuses a
 * head after its last line, version 0.9.75 sends the head of its answer twice. */
static int start_library(struct server *server, struct error *error)
{
    struct front *front = server->front;
    int64_t most = raise_descriptors(front->options->limits.connections);
    unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (front->tls != NULL ? MHD_USE_TLS : 0);
    const struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)retrieve},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL}};

    if (open_socket(server, error) < 0)
        return -1;
    front->connections = connections_open(front, most);
    server->daemon = MHD_start_daemon(
        flags, 0, connections_accept, front->connections, exchange_step, &server->exchange,
        MHD_OPTION_LISTEN_SOCKET, server->fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)most,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED,
        exchange_end, &server->exchange, MHD_OPTION_NOTIFY_CONNECTION, connections_notify,
        front->connections, MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, &server->exchange,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(front->options->limits.idle_ms / 1000),
        front->tls != NULL ? MHD_OPTION_ARRAY : MHD_OPTION_END, secure, MHD_OPTION_END);
    if (server->daemon != NULL)
        return 0;
    error_system(error, errno, "cannot start to serve %s", server->url);
    (void)close(server->fd);
    connections_close(front->connections);
    return -1;
}

/* --- the server --- */

struct server *server_open(struct front *front, struct error *error)
{
    struct server *server = xcalloc(1, sizeof *server);

    server->front = front;
    server->stirred = true;
    server->exchange.front = front;
    LIST_INIT(&server->exchange.requests);
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

void server_stir(struct server *server)
{
    server->stirred = true;
}

bool server_is_local(const struct server *server)
{
    return server->local;
}

size_t server_requests(const struct server *server)
{
    size_t count = 0;
    const struct request *request;

    LIST_FOREACH(request, &server->exchange.requests, entry)
    count++;
    return count;
}

void server_drain(struct server *server)
{
    struct request *request;
    int fd = MHD_quiesce_daemon(server->daemon);

    if (fd >= 0)
        (void)close(fd);
    LIST_FOREACH(request, &server->exchange.requests, entry)
    request_end_soon(request);
    server->stirred = true;
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Nobody may sleep when the library stops: it would not know how to close a suspended connection.
 */
void server_close(struct server *server)
{
    struct request *request;

    if (server == NULL)
        return;
    LIST_FOREACH(request, &server->exchange.requests, entry)
    request_wake(request);
    (void)uv_poll_stop(&server->poll);
    MHD_stop_daemon(server->daemon);
    connections_close(server->front->connections);
    uv_close((uv_handle_t *)&server->poll, NULL);
    uv_close((uv_handle_t *)&server->turn, NULL);
    uv_close((uv_handle_t *)&server->timer, closed);
}
