/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_transfer: requests against a server that misbehaves on request. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/xalloc.h"
#include "upstream/transfer.h"

#define KEY "sk-canary-0123456789"

enum { PEERS_MAX = 400, TICK_MS = 20, DRIPS = 10, HEADER_FLOOD = 400 };

/* The server: one thread, one poll loop, an answer by the path that was asked for. */

struct peer {
    int fd;
    struct buffer in;
    unsigned served; /* requests */
    int drips_left;
    bool answered_early; /* nothing more is read; reset when the test says so */
};

struct server {
    pthread_t thread;
    int listener;
    int stop[2]; /* written to at the end */
    unsigned short port;
    struct peer peers[PEERS_MAX];
    size_t peer_count;
    atomic_uint requests;
    atomic_uint reused; /* of those, on a connection that had one before */
    atomic_uint accepted;
    atomic_uint farewells; /* connections closed after their answer */
    atomic_bool answered_early;
    atomic_bool reset_now; /* those who were */
    atomic_bool saw_expect;
    atomic_bool saw_key;
};

/* A gzip member that holds "hello". */
static const unsigned char gzipped[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd,
    0xc9, 0xc9, 0x07, 0x00, 0x86, 0xa6, 0x10, 0x36, 0x05, 0x00, 0x00, 0x00,
};

static void peer_say(struct peer *peer, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t sent = send(peer->fd, at, length, MSG_NOSIGNAL);
        if (sent == -1 && errno == EINTR)
            continue;
        if (sent <= 0)
            return; /* the other side left */
        at += sent;
        length -= (size_t)sent;
    }
}

static void peer_tell(struct peer *peer, const char *text)
{
    peer_say(peer, text, strlen(text));
}

static void peer_answer(struct peer *peer, const char *headers, const void *body, size_t length)
{
    struct buffer head = {0};
    buffer_printf(&head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n", length, headers);
    peer_say(peer, head.bytes, head.length);
    peer_say(peer, body, length);
    buffer_free(&head);
}

/* What each path does. true: the connection stays. */
typedef bool behaviour(struct server *server, struct peer *peer, const char *body, size_t length);

static bool behave_ok(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)body, (void)length;
    peer_answer(peer, "X-Mixed-Case:  spaced \t\r\nX-Empty:\r\n", "hello", 5);
    return true;
}

static bool behave_echo(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server;
    peer_answer(peer, "", body, length);
    return true;
}

static bool behave_close(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)peer, (void)body, (void)length;
    return false;
}

static bool behave_reset(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)body, (void)length;
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    return false;
}

static bool behave_half(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)body, (void)length;
    peer_tell(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly half");
    return false;
}

static bool behave_cut(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)body, (void)length;
    peer_tell(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    return false;
}

static bool behave_chunked(struct server *server, struct peer *peer, const char *body,
                           size_t length)
{
    (void)server, (void)body, (void)length;
    peer_tell(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
    return true;
}

static bool behave_eof(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)body, (void)length;
    peer_tell(peer, "HTTP/1.0 200 OK\r\n\r\nhello");
    return false;
}

static bool behave_drip(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)body, (void)length;
    char head[80];
    (void)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", DRIPS);
    peer_tell(peer, head);
    peer->drips_left = DRIPS;
    return true;
}

static bool behave_hang(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)peer, (void)body, (void)length;
    return true;
}

static bool behave_big(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)body, (void)length;
    char *big = xmalloc(100000);
    memset(big, 'x', 100000);
    peer_answer(peer, "", big, 100000);
    free(big);
    return true;
}

static bool behave_flood(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)body, (void)length;
    char header[1024];
    memset(header, 'h', sizeof header);
    memcpy(header, "X-Flood: ", 9);
    memcpy(header + sizeof header - 2, "\r\n", 2);
    peer_tell(peer, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < HEADER_FLOOD; i++)
        peer_say(peer, header, sizeof header);
    peer_tell(peer, "Content-Length: 0\r\n\r\n");
    return false;
}

static bool behave_hints(struct server *server, struct peer *peer, const char *body, size_t length)
{
    peer_tell(peer, "HTTP/1.1 103 Early Hints\r\nX-Hint: early\r\n\r\n");
    return behave_ok(server, peer, body, length);
}

static bool behave_redirect(struct server *server, struct peer *peer, const char *body,
                            size_t length)
{
    (void)server, (void)body, (void)length;
    peer_tell(peer, "HTTP/1.1 307 Elsewhere\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
    return true;
}

static bool behave_gzip(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)body, (void)length;
    peer_answer(peer, "Content-Encoding: gzip\r\n", gzipped, sizeof gzipped);
    return true;
}

static bool behave_bye(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)behave_ok(server, peer, body, length);
    assert_int_equal(shutdown(peer->fd, SHUT_RDWR), 0);
    atomic_fetch_add(&server->farewells, 1);
    return false;
}

static const struct {
    const char *path;
    behaviour *behave;
} behaviours[] = {
    {"/ok", behave_ok},       {"/echo", behave_echo},         {"/close", behave_close},
    {"/reset", behave_reset}, {"/half", behave_half},         {"/cut", behave_cut},
    {"/eof", behave_eof},     {"/chunked", behave_chunked},   {"/drip", behave_drip},
    {"/hang", behave_hang},   {"/big", behave_big},           {"/flood", behave_flood},
    {"/hints", behave_hints}, {"/redirect", behave_redirect}, {"/gzip", behave_gzip},
    {"/bye", behave_bye},
};

static bool server_dispatch(struct server *server, struct peer *peer, const char *body,
                            size_t length)
{
    const char *path = strchr(peer->in.bytes, ' ') + 1;
    size_t path_length = strcspn(path, " ");
    for (size_t i = 0; i < UNIT_COUNT(behaviours); i++) {
        if (strlen(behaviours[i].path) == path_length &&
            memcmp(path, behaviours[i].path, path_length) == 0)
            return behaviours[i].behave(server, peer, body, length);
    }
    return false;
}

/* Serves the request at the front of what came in, if it is whole. false: the connection ends. */
static bool server_serve(struct server *server, struct peer *peer)
{
    char *end = peer->in.bytes != NULL ? strstr(peer->in.bytes, "\r\n\r\n") : NULL;
    if (end == NULL)
        return peer->in.length == 0 || peer->in.bytes[0] != 0x16; /* TLS is not spoken here */
    end[2] = '\0';                                                /* the headers are a string */
    const char *length_header = strcasestr(peer->in.bytes, "\r\nContent-Length:");
    size_t length = length_header != NULL ? strtoul(length_header + 17, NULL, 10) : 0;
    size_t head = (size_t)(end - peer->in.bytes) + 4;
    bool stays = true;
    if (peer->in.length - head >= length) {
        atomic_fetch_add(&server->requests, 1);
        if (peer->served++ > 0)
            atomic_fetch_add(&server->reused, 1);
        if (strcasestr(peer->in.bytes, "\r\nExpect:") != NULL)
            atomic_store(&server->saw_expect, true);
        if (strstr(peer->in.bytes, "\r\nAuthorization: Bearer " KEY "\r\n") != NULL)
            atomic_store(&server->saw_key, true);
        stays = server_dispatch(server, peer, peer->in.bytes + head, length);
        buffer_drop(&peer->in, head + length);
    } else if (strncmp(peer->in.bytes, "POST /early ", 12) == 0) { /* an answer to half a request */
        atomic_fetch_add(&server->requests, 1);
        (void)behave_ok(server, peer, NULL, 0);
        peer->answered_early = true;
        atomic_store(&server->answered_early, true);
    } else {
        end[2] = '\r';
    }
    return stays;
}

static bool server_receive(struct server *server, struct peer *peer)
{
    char bytes[65536];
    ssize_t got = recv(peer->fd, bytes, sizeof bytes, 0);
    if (got <= 0)
        return false;
    buffer_append(&peer->in, bytes, (size_t)got);
    return server_serve(server, peer);
}

static void server_forget(struct server *server, size_t i)
{
    (void)close(server->peers[i].fd);
    buffer_free(&server->peers[i].in);
    server->peers[i] = server->peers[--server->peer_count];
}

static void server_accept(struct server *server)
{
    int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0 && server->peer_count < PEERS_MAX);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), 0);
    server->peers[server->peer_count++] = (struct peer){.fd = fd};
    atomic_fetch_add(&server->accepted, 1);
}

/* What happens without being asked for. true: it is to be called again after a while. */
static bool server_tick(struct server *server)
{
    bool again = false;
    for (size_t i = server->peer_count; i-- > 0;) {
        struct peer *peer = &server->peers[i];
        if (peer->drips_left > 0) {
            peer_tell(peer, "d");
            peer->drips_left--;
        }
        again = again || peer->drips_left > 0 || peer->answered_early;
        if (peer->answered_early && atomic_load(&server->reset_now)) {
            (void)behave_reset(server, peer, NULL, 0);
            server_forget(server, i);
        }
    }
    return again;
}

static void *server_run(void *context)
{
    struct server *server = context;
    bool ticking = false;
    for (;;) {
        struct pollfd polls[PEERS_MAX + 2] = {
            {.fd = server->stop[0], .events = POLLIN},
            {.fd = server->listener, .events = POLLIN},
        };
        size_t count = server->peer_count;
        for (size_t i = 0; i < count; i++)
            polls[i + 2] = (struct pollfd){
                .fd = server->peers[i].answered_early ? -1 : server->peers[i].fd, .events = POLLIN};
        (void)poll(polls, count + 2, ticking ? TICK_MS : -1);
        if (polls[0].revents != 0)
            return NULL;
        for (size_t i = count; i-- > 0;) { /* backwards: forgetting moves the last one here */
            if (polls[i + 2].revents != 0 && !server_receive(server, &server->peers[i]))
                server_forget(server, i);
        }
        if (polls[1].revents != 0)
            server_accept(server);
        ticking = server_tick(server);
    }
}

static int listen_loopback(int backlog, unsigned short *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void server_start(struct server *server)
{
    *server = (struct server){0};
    server->listener = listen_loopback(SOMAXCONN, &server->port);
    assert_int_equal(pipe(server->stop), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void server_stop(struct server *server)
{
    assert_int_equal(write(server->stop[1], "", 1), 1);
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    while (server->peer_count > 0)
        server_forget(server, 0);
    (void)close(server->listener);
    (void)close(server->stop[0]);
    (void)close(server->stop[1]);
}

/* The client's side: what became of a request. */

struct seen {
    int calls;
    enum transfer_end end;
    bool timed_out;
    bool before_first_byte;
    bool too_large;
    int code;
    int status;
    char message[300];
    char header[40]; /* x-mixed-case */
    bool empty_header;
    bool hint;
    size_t length;
    char *body;
    int64_t first_byte_ms;
    int64_t total_ms;
};

struct fixture {
    struct server server;
    uv_loop_t loop;
    struct transfers *transfers;
};

static void on_done(void *context, struct transfer_result *result)
{
    struct seen *seen = context;
    free(seen->body);
    *seen = (struct seen){
        .calls = seen->calls + 1,
        .end = result->end,
        .timed_out = result->timed_out,
        .before_first_byte = result->before_first_byte,
        .too_large = result->too_large,
        .code = result->curl_code,
        .status = result->status,
        .length = result->body.length,
        .first_byte_ms = result->first_byte_ms,
        .total_ms = result->total_ms,
    };
    memcpy(seen->message, result->message, sizeof seen->message);
    assert_null(strstr(result->message, KEY));
    for (size_t i = 0; i < result->header_count; i++) {
        const struct transfer_header *header = &result->headers[i];
        if (strcmp(header->name, "x-mixed-case") == 0)
            (void)snprintf(seen->header, sizeof seen->header, "%s", header->value);
        seen->empty_header |= strcmp(header->name, "x-empty") == 0 && *header->value == '\0';
        seen->hint |= strcmp(header->name, "x-hint") == 0;
    }
    seen->body = buffer_take(&result->body);
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct error error = {0};
    server_start(&fixture->server);
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    fixture->transfers = transfers_open(&fixture->loop, 0, NULL, &error);
    assert_non_null(fixture->transfers);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(transfers_counts(fixture->transfers).in_flight, 0);
    transfers_close(fixture->transfers);
    assert_int_equal(uv_run(&fixture->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&fixture->loop), 0); /* no handle was left behind */
    server_stop(&fixture->server);
    free(fixture);
    return 0;
}

static const char *const json_headers[] = {"Content-Type: application/json", NULL};

/* A request to a path of the server, to be changed before it is started. */
static struct transfer_request request_to(const struct fixture *fixture, char url[200],
                                          const char *path, struct buffer *body)
{
    (void)snprintf(url, 200, "http://127.0.0.1:%d%s", fixture->server.port, path);
    return (struct transfer_request){
        .url = url,
        .headers = json_headers,
        .secret_header = "Authorization: Bearer " KEY,
        .body = body,
        .connect_timeout_ms = 10000,
        .first_byte_timeout_ms = 20000,
        .total_timeout_ms = 30000,
        .answer_limit = 10 * 1024 * 1024,
    };
}

static struct transfer *begin(struct fixture *fixture, const struct transfer_request *request,
                              struct seen *seen)
{
    struct error error = {0};
    struct transfer *transfer = transfer_start(fixture->transfers, request, on_done, seen, &error);
    assert_string_equal(error.text, "");
    assert_non_null(transfer);
    return transfer;
}

/* The loop ends by itself when nothing is in flight: idle connections do not hold it. */
static void finish(struct fixture *fixture)
{
    assert_int_equal(uv_run(&fixture->loop, UV_RUN_DEFAULT), 0);
}

static struct seen ask(struct fixture *fixture, const char *path)
{
    char url[200];
    struct seen seen = {0};
    struct buffer body = {0};
    buffer_text(&body, "{\"model\": \"m\"}");
    struct transfer_request request = request_to(fixture, url, path, &body);
    (void)begin(fixture, &request, &seen);
    assert_null(body.bytes); /* taken over */
    finish(fixture);
    assert_int_equal(seen.calls, 1);
    return seen;
}

static void assert_answer(struct seen *seen, const char *body)
{
    assert_string_equal(seen->message, "");
    assert_int_equal(seen->end, TRANSFER_ANSWERED);
    assert_int_equal(seen->code, CURLE_OK);
    assert_int_equal(seen->status, 200);
    assert_int_equal(seen->length, strlen(body));
    assert_string_equal(seen->body, body);
    assert_true(seen->first_byte_ms >= 0 && seen->total_ms >= seen->first_byte_ms);
    free(seen->body);
    seen->body = NULL;
}

static void assert_unknown(struct seen *seen, int code)
{
    assert_int_equal(seen->code, code);
    assert_int_equal(seen->end, TRANSFER_UNKNOWN);
    assert_string_not_equal(seen->message, "");
    free(seen->body);
    seen->body = NULL;
}

static void assert_not_sent(struct seen *seen)
{
    assert_int_equal(seen->end, TRANSFER_NOT_SENT);
    assert_int_equal(seen->status, 0);
    assert_int_equal(seen->first_byte_ms, -1);
    assert_string_not_equal(seen->message, "");
    free(seen->body);
    seen->body = NULL;
}

/* Tests: answers. */

static void a_post_is_answered_with_headers_and_body(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = ask(fixture, "/ok");
    assert_string_equal(seen.header, "spaced");
    assert_true(seen.empty_header);
    assert_answer(&seen, "hello");
    assert_true(atomic_load(&fixture->server.saw_key));
    struct transfers_counts counts = transfers_counts(fixture->transfers);
    assert_int_equal(counts.started, 1);
    assert_int_equal(counts.connections, 1);
    assert_int_equal(counts.in_flight, 0);
}

static void a_request_without_a_body_is_a_get(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    struct seen seen = {0};
    struct transfer_request request = request_to(fixture, url, "/echo", NULL);
    request.secret_header = NULL;
    request.headers = NULL;
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_answer(&seen, "");
    assert_false(atomic_load(&fixture->server.saw_key));
}

static void an_empty_body_is_posted(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    struct buffer body = {0};
    for (int i = 0; i < 2; i++) {
        struct seen seen = {0};
        struct transfer_request request = request_to(fixture, url, "/echo", &body);
        (void)begin(fixture, &request, &seen);
        finish(fixture);
        assert_answer(&seen, "");
    }
    /* Only a connection of its own is safe from being tried again behind our back. */
    assert_int_equal(transfers_counts(fixture->transfers).connections, 2);
}

static void the_ends_that_http_knows_are_answers(void **state)
{
    struct fixture *fixture = *state;
    static const char *const paths[] = {"/chunked", "/eof", "/gzip"};
    for (size_t i = 0; i < UNIT_COUNT(paths); i++) {
        struct seen seen = ask(fixture, paths[i]);
        assert_answer(&seen, "hello");
    }
}

static void an_informational_answer_leaves_no_trace(void **state)
{
    struct seen seen = ask(*state, "/hints");
    assert_false(seen.hint);
    assert_string_equal(seen.header, "spaced");
    assert_answer(&seen, "hello");
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = ask(fixture, "/redirect");
    assert_int_equal(seen.end, TRANSFER_ANSWERED);
    assert_int_equal(seen.status, 307);
    assert_int_equal(atomic_load(&fixture->server.requests), 1);
    free(seen.body);
}

static void a_proxy_in_the_environment_is_ignored(void **state)
{
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:9", 1), 0);
    struct seen seen = ask(*state, "/ok");
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_answer(&seen, "hello");
}

static void two_mebibytes_go_out_at_once(void **state)
{
    struct fixture *fixture = *state;
    const size_t length = 2 * 1024 * 1024;
    char url[200];
    struct seen seen = {0};
    struct buffer body = {0};
    for (size_t i = 0; i < length; i++)
        buffer_byte(&body, (char)('a' + i % 23));
    char *copy = xmemdup(body.bytes, length);
    struct transfer_request request = request_to(fixture, url, "/echo", &body);
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_int_equal(seen.end, TRANSFER_ANSWERED);
    assert_int_equal(seen.length, length);
    assert_memory_equal(seen.body, copy, length);
    assert_false(atomic_load(&fixture->server.saw_expect));
    free(seen.body);
    free(copy);
}

/* Tests: connections. */

static void connections_are_used_again(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 100; i++) {
        struct seen seen = ask(fixture, "/ok");
        assert_answer(&seen, "hello");
    }
    assert_int_equal(transfers_counts(fixture->transfers).connections, 1);
    assert_int_equal(atomic_load(&fixture->server.accepted), 1);
}

static void a_crowd_is_served(void **state)
{
    enum { CROWD = 300 };
    struct fixture *fixture = *state;
    struct seen *seen = xcalloc(CROWD, sizeof *seen);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CROWD; i++) {
            char url[200];
            struct buffer body = {0};
            buffer_printf(&body, "number %d", i);
            struct transfer_request request = request_to(fixture, url, "/echo", &body);
            (void)begin(fixture, &request, &seen[i]);
        }
        assert_int_equal(transfers_counts(fixture->transfers).in_flight, CROWD);
        finish(fixture);
        for (int i = 0; i < CROWD; i++) {
            char wanted[20];
            (void)snprintf(wanted, sizeof wanted, "number %d", i);
            assert_int_equal(seen[i].calls, round + 1);
            assert_string_equal(seen[i].body, wanted);
        }
    }
    assert_int_equal(atomic_load(&fixture->server.requests), 2 * CROWD);
    assert_true(transfers_counts(fixture->transfers).connections <= CROWD);
    for (int i = 0; i < CROWD; i++)
        free(seen[i].body);
    free(seen);
}

/* A slow one and a quick one at once. */
static void ask_twice(struct fixture *fixture)
{
    char url[200];
    struct seen slow = {0}, quick = {0};
    struct transfer_request request = request_to(fixture, url, "/drip", NULL);
    (void)begin(fixture, &request, &slow);
    request = request_to(fixture, url, "/ok", NULL);
    (void)begin(fixture, &request, &quick);
    finish(fixture);
    assert_answer(&slow, "dddddddddd");
    assert_answer(&quick, "hello");
}

static void the_callers_bound_on_connections_holds(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    ask_twice(fixture);
    ask_twice(fixture);
    assert_int_equal(transfers_counts(fixture->transfers).connections, 2);
    transfers_close(fixture->transfers);
    fixture->transfers = transfers_open(&fixture->loop, 1, NULL, &error);
    ask_twice(fixture); /* the quick one's connection is not kept beside the slow one's */
    ask_twice(fixture);
    assert_int_equal(transfers_counts(fixture->transfers).connections, 3);
}

static void a_farewell_on_an_idle_connection_wakes_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = ask(fixture, "/bye");
    assert_answer(&seen, "hello");
    while (atomic_load(&fixture->server.farewells) == 0)
        (void)usleep(1000);

    uv_async_t holds; /* something active, so that the loop would wait */
    assert_int_equal(uv_async_init(&fixture->loop, &holds, NULL), 0);
    (void)uv_run(&fixture->loop, UV_RUN_NOWAIT); /* closes nothing, only takes what is due */
    struct pollfd backend = {.fd = uv_backend_fd(&fixture->loop), .events = POLLIN};
    int events = poll(&backend, 1, 0);
    int timeout = uv_backend_timeout(&fixture->loop);
    uv_close((uv_handle_t *)&holds, NULL);
    finish(fixture);
    assert_int_equal(events, 0);
    assert_int_equal(timeout, -1); /* no timer */
}

/* Tests: what may have been paid for. */

static void a_kept_alive_connection_that_dies_is_never_sent_again(void **state)
{
    static const char *const paths[] = {"/close", "/reset"};
    static const int codes[] = {CURLE_SEND_FAIL_REWIND, CURLE_RECV_ERROR};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < UNIT_COUNT(paths); i++) {
        struct seen first = ask(fixture, "/ok");
        assert_answer(&first, "hello");
        unsigned before = atomic_load(&fixture->server.requests);
        struct seen second = ask(fixture, paths[i]);
        /* On the same connection, once, and nobody knows what became of it. */
        assert_int_equal(atomic_load(&fixture->server.requests), before + 1);
        assert_int_equal(atomic_load(&fixture->server.reused), i + 1);
        assert_true(second.code == codes[i] || second.code == CURLE_SEND_FAIL_REWIND);
        assert_unknown(&second, second.code);
    }
}

static void a_request_that_was_read_and_not_answered_is_unknown(void **state)
{
    struct fixture *fixture = *state;
    struct seen closed = ask(fixture, "/close");
    assert_unknown(&closed, CURLE_GOT_NOTHING);
    struct seen reset = ask(fixture, "/reset");
    assert_unknown(&reset, CURLE_RECV_ERROR);
    assert_int_equal(atomic_load(&fixture->server.requests), 2);
}

static void half_an_answer_is_unknown_and_kept(void **state)
{
    struct seen half = ask(*state, "/half");
    assert_int_equal(half.status, 200);
    assert_string_equal(half.body, "only half");
    assert_unknown(&half, CURLE_PARTIAL_FILE);
    struct seen cut = ask(*state, "/cut");
    assert_string_equal(cut.body, "hello");
    assert_unknown(&cut, CURLE_PARTIAL_FILE);
}

static void a_whole_answer_counts_though_the_connection_breaks_after_it(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    struct seen seen = {0};
    struct buffer body = {0};
    buffer_reserve(&body, 16 << 20); /* more than sockets hold: it breaks while it is sent */
    body.length = 16 << 20;
    memset(body.bytes, 'x', body.length);
    struct transfer_request request = request_to(fixture, url, "/early", &body);
    (void)begin(fixture, &request, &seen);
    while (!atomic_load(&fixture->server.answered_early))
        (void)uv_run(&fixture->loop, UV_RUN_NOWAIT);
    struct pollfd backend = {.fd = uv_backend_fd(&fixture->loop), .events = POLLIN};
    do /* until all is read and nothing more can be sent */
        (void)uv_run(&fixture->loop, UV_RUN_NOWAIT);
    while (poll(&backend, 1, 0) > 0);
    atomic_store(&fixture->server.reset_now, true);
    finish(fixture);
    assert_int_equal(seen.end, TRANSFER_ANSWERED);
    assert_int_not_equal(seen.code, CURLE_OK);
    assert_int_equal(seen.status, 200);
    assert_string_equal(seen.body, "hello");
    assert_int_equal(atomic_load(&fixture->server.requests), 1);
    free(seen.body);
}

static void an_answer_that_is_too_large_is_cut(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    struct seen seen = {0};
    struct transfer_request request = request_to(fixture, url, "/big", NULL);
    request.answer_limit = 1000;
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_true(seen.too_large);
    assert_int_equal(seen.length, 1000);
    assert_non_null(strstr(seen.message, "larger than 1000 bytes"));
    assert_unknown(&seen, CURLE_WRITE_ERROR);

    request.answer_limit = 100000; /* exactly what comes */
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_false(seen.too_large);
    assert_int_equal(seen.end, TRANSFER_ANSWERED);
    assert_int_equal(seen.length, 100000);
    free(seen.body);
}

static void a_flood_of_headers_is_cut(void **state)
{
    struct seen seen = ask(*state, "/flood");
    assert_true(seen.too_large);
    assert_non_null(strstr(seen.message, "headers"));
    assert_unknown(&seen, CURLE_WRITE_ERROR);
}

/* Tests: surely not sent. */

static void a_refused_connection_is_not_sent(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    unsigned short port;
    struct seen seen = {0};
    (void)close(listen_loopback(1, &port));
    struct buffer body = {0};
    buffer_text(&body, "{}");
    struct transfer_request request = request_to(fixture, url, "/ok", &body);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/ok", port);
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_int_equal(seen.code, CURLE_COULDNT_CONNECT);
    assert_not_sent(&seen);
}

static void a_host_that_cannot_exist_is_not_sent(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    char label[71]; /* DNS ends at 63: nobody has to be asked */
    struct seen seen = {0};
    memset(label, 'a', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    struct transfer_request request = request_to(fixture, url, "/ok", NULL);
    (void)snprintf(url, sizeof url, "http://%s.invalid/", label);
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_not_sent(&seen);
}

static void tls_that_cannot_be_set_up_is_not_sent(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    struct seen seen = {0};
    struct buffer body = {0};
    buffer_text(&body, "{}");
    struct transfer_request request = request_to(fixture, url, "/ok", &body);
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%d/ok", fixture->server.port);
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_int_equal(seen.code, CURLE_SSL_CONNECT_ERROR);
    assert_not_sent(&seen);
    assert_int_equal(atomic_load(&fixture->server.requests), 0);
}

/* A listener whose queue is full: the kernel drops what knocks. */
struct deaf {
    int listener;
    int knocks[4];
    unsigned short port;
};

static struct deaf deaf_start(void)
{
    struct deaf deaf;
    deaf.listener = listen_loopback(0, &deaf.port);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(deaf.port)};
    for (size_t i = 0; i < UNIT_COUNT(deaf.knocks); i++) {
        deaf.knocks[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(deaf.knocks[i], (struct sockaddr *)&address, sizeof address);
    }
    return deaf;
}

static void deaf_stop(const struct deaf *deaf)
{
    for (size_t i = 0; i < UNIT_COUNT(deaf->knocks); i++)
        (void)close(deaf->knocks[i]);
    (void)close(deaf->listener);
}

static void a_connection_that_takes_too_long_is_not_sent(void **state)
{
    struct fixture *fixture = *state;
    struct deaf deaf = deaf_start();
    for (int i = 0; i < 3; i++) {
        char url[200];
        struct seen seen = {0};
        struct buffer body = {0};
        buffer_text(&body, "{}");
        struct transfer_request request = request_to(fixture, url, "/ok", &body);
        (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", deaf.port);
        int64_t *which[] = {&request.connect_timeout_ms, &request.first_byte_timeout_ms,
                            &request.total_timeout_ms};
        *which[i] = 50;
        (void)begin(fixture, &request, &seen);
        finish(fixture);
        assert_true(seen.timed_out && seen.before_first_byte);
        assert_int_equal(seen.code, CURLE_OPERATION_TIMEDOUT);
        assert_not_sent(&seen);
    }
    deaf_stop(&deaf);
}

/* Tests: time-outs after it was sent. */

static void silence_ends_at_the_first_byte_timeout(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen[3] = {0};
    static const int64_t limits_ms[] = {90, 30, 60}; /* the heap has to order them */
    for (size_t i = 0; i < UNIT_COUNT(seen); i++) {
        char url[200];
        struct buffer body = {0};
        buffer_text(&body, "{}");
        struct transfer_request request = request_to(fixture, url, "/hang", &body);
        request.first_byte_timeout_ms = limits_ms[i];
        (void)begin(fixture, &request, &seen[i]);
    }
    finish(fixture);
    for (size_t i = 0; i < UNIT_COUNT(seen); i++) {
        assert_true(seen[i].timed_out && seen[i].before_first_byte);
        assert_true(seen[i].total_ms >= limits_ms[i]); /* never early */
        assert_int_equal(seen[i].first_byte_ms, -1);
        assert_unknown(&seen[i], CURLE_OPERATION_TIMEDOUT);
    }
    assert_int_equal(atomic_load(&fixture->server.requests), 3);
}

static void the_total_timeout_ends_silence_too(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    struct seen seen = {0};
    struct buffer body = {0};
    buffer_text(&body, "{}");
    struct transfer_request request = request_to(fixture, url, "/hang", &body);
    request.first_byte_timeout_ms = 0; /* none */
    request.total_timeout_ms = 50;
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_true(seen.timed_out && seen.before_first_byte);
    assert_unknown(&seen, CURLE_OPERATION_TIMEDOUT);
}

static void a_slow_drip_ends_at_the_total_timeout(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    struct seen seen = {0};
    struct transfer_request request = request_to(fixture, url, "/drip", NULL);
    request.total_timeout_ms = 3 * TICK_MS;
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_true(seen.timed_out);
    assert_false(seen.before_first_byte);
    assert_int_equal(seen.status, 200);
    assert_true(seen.length < DRIPS);
    assert_unknown(&seen, CURLE_OPERATION_TIMEDOUT);
}

static void after_the_first_byte_its_timeout_is_over(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    struct seen seen = {0};
    struct transfer_request request = request_to(fixture, url, "/drip", NULL);
    request.first_byte_timeout_ms = DRIPS * TICK_MS / 2;
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_answer(&seen, "dddddddddd");
}

/* Tests: calls from within calls. */

static void an_aborted_request_is_told_at_once(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    struct seen seen = {0};
    struct buffer body = {0};
    buffer_text(&body, "{}");
    struct transfer_request request = request_to(fixture, url, "/hang", &body);
    struct transfer *transfer = begin(fixture, &request, &seen);
    while (atomic_load(&fixture->server.requests) == 0)
        (void)uv_run(&fixture->loop, UV_RUN_NOWAIT);
    transfer_abort(transfer);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.end, TRANSFER_ABORTED);
    assert_false(seen.timed_out);
    assert_int_equal(transfers_counts(fixture->transfers).in_flight, 0);
    free(seen.body);
    finish(fixture);
    assert_int_equal(seen.calls, 1);
}

struct chain {
    struct fixture *fixture;
    struct transfer *victims[2];
    struct seen victims_seen[2];
    struct seen next;
    struct seen own;
};

/* Aborts others, of which one may have ended already inside libcurl, and starts a new one. */
static void on_chain(void *context, struct transfer_result *result)
{
    struct chain *chain = context;
    char url[200];
    for (size_t i = 0; i < UNIT_COUNT(chain->victims); i++) {
        if (chain->victims_seen[i].calls == 0)
            transfer_abort(chain->victims[i]);
    }
    struct transfer_request request = request_to(chain->fixture, url, "/ok", NULL);
    (void)begin(chain->fixture, &request, &chain->next);
    on_done(&chain->own, result);
}

static void the_end_of_one_may_abort_others_and_start_another(void **state)
{
    struct fixture *fixture = *state;
    struct chain chain = {.fixture = fixture};
    char url[200];
    static const char *const paths[] = {"/ok", "/hang"};
    struct error error;
    struct transfer_request request = request_to(fixture, url, "/ok", NULL);
    assert_non_null(transfer_start(fixture->transfers, &request, on_chain, &chain, &error));
    for (size_t i = 0; i < UNIT_COUNT(paths); i++) {
        request = request_to(fixture, url, paths[i], NULL);
        chain.victims[i] = begin(fixture, &request, &chain.victims_seen[i]);
    }
    finish(fixture);
    assert_int_equal(chain.victims_seen[0].calls, 1);
    assert_int_equal(chain.victims_seen[1].calls, 1);
    assert_int_equal(chain.victims_seen[1].end, TRANSFER_ABORTED);
    assert_answer(&chain.own, "hello");
    assert_answer(&chain.next, "hello");
    free(chain.victims_seen[0].body);
    free(chain.victims_seen[1].body);
}

/* Tests: what is refused at once. */

static void refuse(struct fixture *fixture, const struct transfer_request *request,
                   const char *reason)
{
    struct error error = {0};
    struct seen seen = {0};
    assert_null(transfer_start(fixture->transfers, request, on_done, &seen, &error));
    assert_int_equal(error.kind, ERROR_DATA);
    assert_non_null(strstr(error.text, reason));
    assert_null(strstr(error.text, "sk-"));
    finish(fixture);
    assert_int_equal(seen.calls, 0);
    assert_int_equal(transfers_counts(fixture->transfers).started, 0);
}

static void urls_of_other_kinds_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    static const struct {
        const char *url;
        const char *reason;
    } refused[] = {
        {"ftp://127.0.0.1/", "neither"},
        {"file:///etc/passwd", "neither"},
        {"127.0.0.1/v1", "neither"},
        {"", "cannot be used"},
        {"http://user:sk-secret@127.0.0.1/", "user or password"},
        {"http://127.0.0.1:99999/", "cannot be used"},
        {"http://127.0.0.1/a b", "cannot be used"},
        {"http://127.0.0.1/a\nb", "cannot be used"},
    };
    for (size_t i = 0; i < UNIT_COUNT(refused); i++) {
        struct buffer body = {0};
        buffer_text(&body, "mine");
        struct transfer_request request = request_to(fixture, url, "", &body);
        request.url = refused[i].url;
        refuse(fixture, &request, refused[i].reason);
        assert_string_equal(body.bytes, "mine"); /* stays the caller's */
        buffer_free(&body);
    }
}

static void headers_that_would_break_out_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    static const char *const keys[] = {"Authorization: Bearer sk-1\r\nX-Evil: 1",
                                       "Authorization: Bearer sk-1\n", "sk-no-colon", ": sk-1",
                                       "Auth orization: sk-1"};
    for (size_t i = 0; i < UNIT_COUNT(keys); i++) {
        struct transfer_request request = request_to(fixture, url, "/ok", NULL);
        request.secret_header = keys[i];
        refuse(fixture, &request, "cannot be sent");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_post_is_answered_with_headers_and_body),
        TEST(a_request_without_a_body_is_a_get),
        TEST(an_empty_body_is_posted),
        TEST(the_ends_that_http_knows_are_answers),
        TEST(an_informational_answer_leaves_no_trace),
        TEST(a_redirect_is_an_answer_and_not_followed),
        TEST(a_proxy_in_the_environment_is_ignored),
        TEST(two_mebibytes_go_out_at_once),
        TEST(connections_are_used_again),
        TEST(a_crowd_is_served),
        TEST(the_callers_bound_on_connections_holds),
        TEST(a_farewell_on_an_idle_connection_wakes_nobody),
        TEST(a_kept_alive_connection_that_dies_is_never_sent_again),
        TEST(a_request_that_was_read_and_not_answered_is_unknown),
        TEST(half_an_answer_is_unknown_and_kept),
        TEST(a_whole_answer_counts_though_the_connection_breaks_after_it),
        TEST(an_answer_that_is_too_large_is_cut),
        TEST(a_flood_of_headers_is_cut),
        TEST(a_refused_connection_is_not_sent),
        TEST(a_host_that_cannot_exist_is_not_sent),
        TEST(tls_that_cannot_be_set_up_is_not_sent),
        TEST(a_connection_that_takes_too_long_is_not_sent),
        TEST(silence_ends_at_the_first_byte_timeout),
        TEST(the_total_timeout_ends_silence_too),
        TEST(a_slow_drip_ends_at_the_total_timeout),
        TEST(after_the_first_byte_its_timeout_is_over),
        TEST(an_aborted_request_is_told_at_once),
        TEST(the_end_of_one_may_abort_others_and_start_another),
        TEST(urls_of_other_kinds_are_refused),
        TEST(headers_that_would_break_out_are_refused),
    };
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return EXIT_FAILURE;
    return UNIT_RUN(tests);
}
