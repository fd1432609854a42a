/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connections: see connections.h. */
#include "httpd/connections.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "base/xalloc.h"
#include "httpd/front.h"
#include "httpd/server.h"

#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

enum { LOOK_MS = 250, TELL_MS = 5000 };

/* All connections of an address. */
struct crowd {
    unsigned char key[PEER_KEY_SIZE];
    int64_t count;
    UT_hash_handle hh;
};

TAILQ_HEAD(connection_list, connection);

struct connection {
    struct connections *all;
    TAILQ_ENTRY(connection) entry;
    enum phase phase;
    struct mono ends; /* of the phase */
    bool cut;
    int fd;
    struct peer peer;
};

struct connections {
    struct front *front;
    int64_t count, most;
    /* By phase: a phase has one length, so the first of each list ends first. */
    struct connection_list at[PHASES];
    struct crowd *crowds;
    struct connections_tally tally;
    uint64_t told; /* of those that were cut */
    struct mono told_next;
    uv_timer_t timer;
};

static int64_t phase_ms(const struct connections *all, enum phase phase)
{
    const struct front_limits *limits = &all->front->options->limits;

    switch (phase) {
    case PHASE_HEAD:
        return limits->head_ms;
    case PHASE_BODY:
        return limits->body_ms;
    case PHASE_ANSWER:
        return limits->answer_ms;
    case PHASE_IDLE:
        return limits->idle_ms;
    case PHASE_SERVED:
    case PHASES:
        break;
    }
    return INT64_MAX / 2;
}

/* --- cutting --- */

/* The library sees the end of the connection and closes it as any other. */
static void cut(struct connection *connection)
{
    connection->cut = true;
    (void)shutdown(connection->fd, SHUT_RDWR);
}

/* A client over plain HTTP that has begun is told why; the library has sent nothing yet. */
static void tell_slow(const struct connection *connection)
{
    static const char words[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
                                "Content-Length: 0\r\n\r\n";

    if (connection->all->front->tls == NULL && connection->phase <= PHASE_BODY)
        (void)send(connection->fd, words, sizeof words - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void cut_slow(struct connections *all, enum phase phase, int64_t now_ms)
{
    struct connection *connection;

    TAILQ_FOREACH(connection, &all->at[phase], entry)
    {
        if (connection->ends.ms > now_ms)
            break;
        if (connection->cut)
            continue;
        if (phase != PHASE_IDLE)
            all->tally.cut[phase]++;
        tell_slow(connection);
        cut(connection);
    }
}

/* Now and then, and not for each of thousands. */
static void tell_cut(struct connections *all, int64_t now_ms)
{
    const struct connections_tally *tally = &all->tally;
    uint64_t sum =
        tally->shed + tally->cut[PHASE_HEAD] + tally->cut[PHASE_BODY] + tally->cut[PHASE_ANSWER];

    if (sum == all->told || now_ms < all->told_next.ms)
        return;
    log_info(&all->front->log,
             "cut %llu slow connections since the start (head %llu, body %llu, answer %llu; for "
             "want of room %llu)",
             (unsigned long long)sum, (unsigned long long)tally->cut[PHASE_HEAD],
             (unsigned long long)tally->cut[PHASE_BODY],
             (unsigned long long)tally->cut[PHASE_ANSWER], (unsigned long long)tally->shed);
    all->told = sum;
    all->told_next.ms = now_ms + TELL_MS;
}

static void look(uv_timer_t *timer)
{
    struct connections *all = timer->data;
    int64_t now_ms = clock_mono(all->front->clock).ms;

    for (enum phase phase = 0; phase < PHASES; phase++)
        cut_slow(all, phase, now_ms);
    tell_cut(all, now_ms);
}

/* Whoever waits longest without having sent a head makes room, or is the one to be served next. */
static void make_room(struct connections *all)
{
    static const enum phase order[] = {PHASE_HEAD, PHASE_IDLE};

    for (size_t i = 0; i < 2; i++) {
        struct connection *connection;

        TAILQ_FOREACH(connection, &all->at[order[i]], entry)
        {
            if (connection->cut)
                continue;
            all->tally.shed++;
            cut(connection);
            return;
        }
    }
}

/* --- one by one --- */

static struct crowd *find_crowd(struct connections *all, const struct peer *peer)
{
    struct crowd *crowd;

    HASH_FIND(hh, all->crowds, peer->key, sizeof peer->key, crowd);
    return crowd;
}

enum MHD_Result connections_accept(void *context, const struct sockaddr *address, socklen_t length)
{
    struct connections *all = context;
    const struct front_limits *limits = &all->front->options->limits;
    const struct crowd *crowd;
    struct peer peer;

    (void)length;
    peer_read(&peer, address);
    if (limits->per_address == 0 || (peer.loopback && !limits->limit_loopback))
        return MHD_YES;
    crowd = find_crowd(all, &peer);
    if (crowd == NULL || crowd->count < limits->per_address)
        return MHD_YES;
    all->tally.crowded++;
    return MHD_NO;
}

static void join_crowd(struct connections *all, const struct peer *peer)
{
    struct crowd *crowd = find_crowd(all, peer);

    if (crowd == NULL) {
        crowd = xcalloc(1, sizeof *crowd);
        memcpy(crowd->key, peer->key, sizeof crowd->key);
        HASH_ADD(hh, all->crowds, key, sizeof crowd->key, crowd);
    }
    crowd->count++;
}

static void leave_crowd(struct connections *all, const struct peer *peer)
{
    struct crowd *crowd = find_crowd(all, peer);

    if (--crowd->count > 0)
        return;
    HASH_DEL(all->crowds, crowd);
    free(crowd);
}

static void set_phase(struct connection *connection, enum phase phase)
{
    struct connections *all = connection->all;

    connection->phase = phase;
    connection->ends.ms = clock_mono(all->front->clock).ms + phase_ms(all, phase);
    TAILQ_INSERT_TAIL(&all->at[phase], connection, entry);
}

static struct connection *enter(struct connections *all, struct MHD_Connection *library)
{
    struct connection *connection = xcalloc(1, sizeof *connection);

    connection->all = all;
    connection->fd =
        MHD_get_connection_info(library, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    peer_read(&connection->peer,
              MHD_get_connection_info(library, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr);
    join_crowd(all, &connection->peer);
    set_phase(connection, PHASE_HEAD);
    if (++all->count >= all->most)
        make_room(all);
    return connection;
}

void connections_notify(void *context, struct MHD_Connection *library, void **state,
                        enum MHD_ConnectionNotificationCode code)
{
    struct connections *all = context;
    struct connection *connection = *state;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *state = enter(all, library);
    } else if (connection != NULL) {
        TAILQ_REMOVE(&all->at[connection->phase], connection, entry);
        leave_crowd(all, &connection->peer);
        /* Nothing else tells the library that it may accept again. */
        if (all->count-- >= all->most && all->front->server != NULL)
            server_stir(all->front->server);
        free(connection);
        *state = NULL;
    }
}

struct connection *connection_of(struct MHD_Connection *library)
{
    return MHD_get_connection_info(library, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

struct front *connection_front(const struct connection *connection)
{
    return connection->all->front;
}

const struct peer *connection_peer(const struct connection *connection)
{
    return &connection->peer;
}

void connection_texts(struct MHD_Connection *library, char from[PEER_TEXT_SIZE],
                      char to[PEER_TEXT_SIZE])
{
    struct sockaddr_storage local;
    socklen_t length = sizeof local;

    peer_text(MHD_get_connection_info(library, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
              from);
    to[0] = '\0';
    if (getsockname(connection_of(library)->fd, (struct sockaddr *)&local, &length) == 0)
        peer_text((const struct sockaddr *)&local, to);
}

void connection_phase(struct connection *connection, enum phase phase)
{
    if (connection->phase == PHASE_HEAD && phase == PHASE_HEAD)
        return;
    TAILQ_REMOVE(&connection->all->at[connection->phase], connection, entry);
    set_phase(connection, phase);
}

/* The library may have read a request up to its last byte and take the end of what the client
 * sends, which stood behind it, for bytes that are still to come: its epoll is edge-triggered. */
void connection_rest(struct connection *connection)
{
    char byte;

    connection_phase(connection, PHASE_IDLE);
    if (recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        cut(connection);
}

/* --- all --- */

struct connections *connections_open(struct front *front, int64_t most)
{
    struct connections *all = xcalloc(1, sizeof *all);

    all->front = front;
    all->most = most;
    for (size_t i = 0; i < PHASES; i++)
        TAILQ_INIT(&all->at[i]);
    (void)uv_timer_init(front->loop, &all->timer);
    all->timer.data = all;
    (void)uv_timer_start(&all->timer, look, LOOK_MS, LOOK_MS);
    return all;
}

int64_t connections_most(const struct connections *connections)
{
    return connections->most;
}

int64_t connections_count(const struct connections *connections)
{
    return connections->count;
}

const struct connections_tally *connections_tally(const struct connections *connections)
{
    return &connections->tally;
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

void connections_close(struct connections *connections)
{
    if (connections != NULL)
        uv_close((uv_handle_t *)&connections->timer, closed);
}
