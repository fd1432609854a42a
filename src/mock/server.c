/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server: the callbacks of libmicrohttpd, and starting and stopping it. */
#include "mock/server.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/listen.h"
#include "base/xalloc.h"
#include "mock/delivery.h"
#include "mock/exchange.h"
#include "mock/journal.h"
#include "mock/route.h"

enum {
    BODY_MAX = 64 << 20,
    CONNECTIONS_MAX = 65536,
    DESCRIPTORS_KEPT = 32, /* for all but connections */
    IDLE_MAX_S = 300
};

struct server {
    struct mock mock;
    struct MHD_Daemon *daemon;
    atomic_ullong serial;
    char url[LISTEN_URL_SIZE];
};

static int64_t wall_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* MHD_NotifyConnectionCallback: each connection has a flag of its own. */
static void notice_connection(void *context, struct MHD_Connection *connection, void **own,
                              enum MHD_ConnectionNotificationCode code)
{
    (void)context;
    (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *own = xcalloc(1, sizeof(bool));
    } else {
        free(*own);
        *own = NULL;
    }
}

static bool *connection_flag(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info->socket_context;
}

static struct exchange *exchange_new(struct server *server, struct MHD_Connection *connection,
                                     const char *method, const char *url)
{
    struct exchange *exchange = xcalloc(1, sizeof *exchange);

    exchange->mock = &server->mock;
    exchange->connection = connection;
    exchange->settings = mock_settings(&server->mock);
    exchange->method = method;
    exchange->url = url;
    exchange->serial = atomic_fetch_add(&server->serial, 1) + 1;
    exchange->arrived_us = wall_us();
    exchange->started = clock_mono(server->mock.clock);
    exchange->doomed = connection_flag(connection);
    (void)snprintf(exchange->reply.request_id, sizeof exchange->reply.request_id,
                   "req_%016llx%08llx", (unsigned long long)exchange->arrived_us,
                   (unsigned long long)exchange->serial);
    return exchange;
}

static void exchange_free(struct exchange *exchange)
{
    settings_drop(exchange->settings);
    buffer_free(&exchange->body);
    reply_free(&exchange->reply);
    free(exchange);
}

static void append_body(struct exchange *exchange, const char *bytes, size_t length)
{
    exchange->arrived_bytes += length;
    if (exchange->oversized || length > BODY_MAX - exchange->body.length) {
        exchange->oversized = true;
        buffer_free(&exchange->body);
    } else {
        buffer_append(&exchange->body, bytes, length);
    }
}

/* Whether the client left in the middle of its body. The library watches for edges only: when the
 * end comes together with the bytes before it, the library reads these and never looks again. */
static bool is_abandoned(const struct exchange *exchange)
{
    const char *text = MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND,
                                                   MHD_HTTP_HEADER_CONTENT_LENGTH);
    char byte;

    return text != NULL && exchange->arrived_bytes < strtoull(text, NULL, 10) &&
           recv(delivery_socket(exchange), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void sleep_exchange(struct guest *guest)
{
    MHD_suspend_connection(((struct exchange *)(void *)guest)->connection);
}

static void wake_exchange(struct guest *guest)
{
    MHD_resume_connection(((struct exchange *)(void *)guest)->connection);
}

/* Has the request served. Returns whether it waits now. */
static bool begin(struct exchange *exchange)
{
    exchange->whole = true;
    route_serve(exchange);
    if (!exchange->flying) {
        return false;
    }
    /* A refusal comes at once, whoever waits for a slot. */
    if (exchange->reply.refused) {
        return false;
    }
    return room_enter(exchange->mock->room, &exchange->guest, delivery_socket(exchange),
                      exchange->delay_ms);
}

/* MHD_AccessHandlerCallback: called with the head, with each piece of the body, with its end, and
 * again after waiting. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *bytes,
                              size_t *length, void **state)
{
    struct exchange *exchange = *state;

    (void)version;
    if (exchange == NULL) {
        *state = exchange_new(context, connection, method, url);
        return MHD_YES;
    }
    if (*length > 0) {
        append_body(exchange, bytes, *length);
        *length = 0;
        return is_abandoned(exchange) ? MHD_NO : MHD_YES;
    }
    if (!exchange->whole && begin(exchange)) {
        return MHD_YES;
    }
    return exchange->guest.gone ? MHD_NO : delivery_send(exchange);
}

/* MHD_RequestCompletedCallback */
static void complete(void *context, struct MHD_Connection *connection, void **state,
                     enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *state;

    (void)context;
    (void)connection;
    if (exchange == NULL) {
        return;
    }
    *state = NULL;
    if (!exchange->whole) {
        ledger_partial(exchange->mock->ledger);
    }
    exchange_settle(exchange, false);
    if (exchange->answered && code != MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        ledger_answer(exchange->mock->ledger, exchange_key(exchange), exchange->arrived_us, -1);
    }
    exchange_free(exchange);
}

/* As many descriptors as the system lets us have. Returns how many connections fit. */
static unsigned raise_descriptors(void)
{
    struct rlimit limit;
    rlim_t room;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 512;
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    room = limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? limit.rlim_cur - DESCRIPTORS_KEPT
                                                 : DESCRIPTORS_KEPT;
    return room < CONNECTIONS_MAX ? (unsigned)room : CONNECTIONS_MAX;
}

static int start_daemon(struct server *server, const struct server_options *options,
                        struct error *error)
{
    unsigned connections = raise_descriptors();
    int fd = listen_open(options->listen, options->allow_remote, server->url, error);

    if (fd < 0) {
        return -1;
    }
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME,
        0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
        options->threads, MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_NOTIFY_COMPLETED,
        complete, NULL, MHD_OPTION_NOTIFY_CONNECTION, notice_connection, NULL,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_MAX_S, MHD_OPTION_END);
    if (server->daemon == NULL) {
        error_system(error, errno, "cannot start to serve %s", server->url);
        (void)close(fd);
        return -1;
    }
    return 0;
}

static int start_parts(struct server *server, const struct server_options *options,
                       struct error *error)
{
    static const struct room_calls calls = {sleep_exchange, wake_exchange};
    struct mock *mock = &server->mock;

    mock->ledger = ledger_new();
    mock->limits = limits_new(mock->clock);
    if (options->ledger_file != NULL) {
        mock->journal_fd = journal_open(options->ledger_file, error);
        if (mock->journal_fd < 0) {
            return -1;
        }
    }
    mock->room = room_new(mock->clock, calls, error);
    if (mock->room == NULL) {
        return -1;
    }
    room_set_slots(mock->room, mock->settings->slots);
    return start_daemon(server, options, error);
}

struct server *server_start(const struct server_options *options, struct settings *settings,
                            const struct clock *clock, struct error *error)
{
    struct server *server = xcalloc(1, sizeof *server);

    (void)pthread_mutex_init(&server->mock.lock, NULL);
    atomic_init(&server->serial, 0);
    server->mock.clock = clock;
    server->mock.settings = settings;
    server->mock.journal_fd = -1;
    if (start_parts(server, options, error) != 0) {
        server_stop(server);
        return NULL;
    }
    return server;
}

const char *server_url(const struct server *server)
{
    return server->url;
}

/* Nobody may wait when the library stops: it would not know how to close a connection asleep. */
void server_stop(struct server *server)
{
    struct mock *mock;

    if (server == NULL) {
        return;
    }
    mock = &server->mock;
    if (mock->room != NULL) {
        room_close(mock->room);
    }
    if (server->daemon != NULL) {
        MHD_stop_daemon(server->daemon);
    }
    room_free(mock->room);
    limits_free(mock->limits);
    ledger_free(mock->ledger);
    if (mock->journal_fd >= 0) {
        (void)close(mock->journal_fd);
    }
    settings_drop(mock->settings);
    (void)pthread_mutex_destroy(&mock->lock);
    free(server);
}
