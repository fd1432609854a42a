/* SPDX-License-Identifier: GPL-2.0-or-later */
/* web: a server that misbehaves on request, and a client of src/upstream/transfer for it. */
#include "web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

enum { HEADER_FLOOD = 400 };

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

static bool behave_away(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)body, (void)length;
    struct buffer head = {0};
    buffer_printf(&head,
                  "HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:%d/ok\r\n"
                  "Content-Length: 0\r\n\r\n",
                  server->elsewhere);
    peer_say(peer, head.bytes, head.length);
    buffer_free(&head);
    return true;
}

static bool behave_line(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)body, (void)length;
    peer_tell(peer, "HTTP/1.1 200 OK\r\n");
    return false;
}

static bool behave_head(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)body, (void)length;
    peer_tell(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    return false;
}

/* One piece, and then nothing more. */
static bool behave_stall(struct server *server, struct peer *peer, const char *body, size_t length)
{
    (void)server, (void)body, (void)length;
    peer_tell(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\none piece");
    return true;
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
    {"/bye", behave_bye},     {"/away", behave_away},         {"/line", behave_line},
    {"/head", behave_head},   {"/stall", behave_stall},
};

/* Counts a request that has come as a whole. */
static void server_note(struct server *server, struct peer *peer, const char *body, size_t length)
{
    atomic_fetch_add(&server->requests, 1);
    if (peer->served++ > 0)
        atomic_fetch_add(&server->reused, 1);
    if (strcasestr(peer->in.bytes, "\r\nExpect:") != NULL)
        atomic_store(&server->saw_expect, true);
    if (strstr(peer->in.bytes, "\r\nAuthorization: Bearer " KEY "\r\n") != NULL)
        atomic_store(&server->saw_key, true);
    if (strcasestr(peer->in.bytes, "\r\nAccept-Encoding: identity\r\n") != NULL)
        atomic_store(&server->saw_identity, true);
    if (length > 0 && body[0] >= '0' && body[0] <= '9')
        atomic_fetch_add(&server->paid[strtoul(body, NULL, 10) % IDS_MAX], 1);
}

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
        server_note(server, peer, peer->in.bytes + head, length);
        stays = server_dispatch(server, peer, peer->in.bytes + head, length);
        buffer_drop(&peer->in, head + length);
    } else if (strncmp(peer->in.bytes, "POST /early ", 12) == 0) { /* an answer to half a request */
        atomic_fetch_add(&server->requests, 1);
        (void)behave_ok(server, peer, NULL, 0);
        peer->answered_early = true;
        atomic_store(&server->answered_early, true);
    } else if (strncmp(peer->in.bytes, "POST /leave ", 12) == 0) { /* has enough of the head */
        stays = false;
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

int listen_loopback(int backlog, unsigned short *port)
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

void on_done(void *context, struct transfer_result *result)
{
    struct seen *seen = context;
    free(seen->body);
    *seen = (struct seen){
        .calls = seen->calls + 1,
        .end = result->end,
        .timed_out = result->timed_out,
        .before_first_byte = result->before_first_byte,
        .too_large = result->too_large,
        .stopped = result->stopped,
        .forbidden = result->forbidden,
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

int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct error error = {0};
    server_start(&fixture->server);
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    fixture->transfers = transfers_open(&fixture->loop, 0, NULL, NULL, &error);
    assert_non_null(fixture->transfers);
    *state = fixture;
    return 0;
}

int tear_down(void **state)
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

struct transfer_request request_to(const struct fixture *fixture, char url[200],
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

struct transfer *begin(struct fixture *fixture, const struct transfer_request *request,
                              struct seen *seen)
{
    struct error error = {0};
    struct transfer *transfer = transfer_start(fixture->transfers, request, on_done, seen, &error);
    assert_string_equal(error.text, "");
    assert_non_null(transfer);
    return transfer;
}

void finish(struct fixture *fixture)
{
    assert_int_equal(uv_run(&fixture->loop, UV_RUN_DEFAULT), 0);
}

struct seen ask(struct fixture *fixture, const char *path)
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

void assert_answer(struct seen *seen, const char *body)
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

void assert_unknown(struct seen *seen, int code)
{
    assert_int_equal(seen->code, code);
    assert_int_equal(seen->end, TRANSFER_UNKNOWN);
    assert_string_not_equal(seen->message, "");
    free(seen->body);
    seen->body = NULL;
}

void assert_not_sent(struct seen *seen)
{
    assert_int_equal(seen->end, TRANSFER_NOT_SENT);
    assert_int_equal(seen->status, 0);
    assert_int_equal(seen->first_byte_ms, -1);
    assert_string_not_equal(seen->message, "");
    free(seen->body);
    seen->body = NULL;
}
