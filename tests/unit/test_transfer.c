/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_transfer: requests against a server that misbehaves on request. */
#include "web.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

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

static void a_redirect_to_another_port_is_never_followed(void **state)
{
    struct fixture *fixture = *state;
    struct fixture *elsewhere;
    assert_int_equal(set_up((void **)&elsewhere), 0);
    fixture->server.elsewhere = elsewhere->server.port;
    struct seen seen = ask(fixture, "/away");
    assert_int_equal(seen.end, TRANSFER_ANSWERED);
    assert_int_equal(seen.status, 307);
    assert_int_equal(atomic_load(&elsewhere->server.accepted), 0);
    free(seen.body);
    seen = ask(elsewhere, "/ok"); /* though it is there */
    assert_answer(&seen, "hello");
    assert_int_equal(tear_down((void **)&elsewhere), 0);
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

/* Tests: bytes as they come. */

/* What was told of an answer. */
struct told {
    struct buffer body;
    int calls;
    int stop_at; /* the call that breaks it off */
    int status;
    char header[40]; /* x-mixed-case */
};

static bool on_told(void *context, const struct transfer_head *head, const char *bytes,
                    size_t length)
{
    struct told *told = context;
    told->status = head->status;
    for (size_t i = 0; i < head->header_count; i++) {
        if (strcmp(head->headers[i].name, "x-mixed-case") == 0)
            (void)snprintf(told->header, sizeof told->header, "%s", head->headers[i].value);
    }
    buffer_append(&told->body, bytes, length);
    return ++told->calls != told->stop_at;
}

static struct seen ask_told(struct fixture *fixture, const char *path, struct told *told)
{
    char url[200];
    struct seen seen = {0};
    struct transfer_request request = request_to(fixture, url, path, NULL);
    request.on_data = on_told;
    request.data_context = told;
    request.identity = true;
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_int_equal(seen.calls, 1);
    return seen;
}

static void bytes_are_told_as_they_come_and_kept(void **state)
{
    struct fixture *fixture = *state;
    struct told told = {0};
    struct seen seen = ask_told(fixture, "/ok", &told);
    assert_answer(&seen, "hello");
    assert_string_equal(told.body.bytes, "hello");
    assert_string_equal(told.header, "spaced");
    assert_int_equal(told.status, 200);
    assert_true(atomic_load(&fixture->server.saw_identity));
    buffer_free(&told.body);
    told = (struct told){0};
    seen = ask_told(fixture, "/drip", &told);
    assert_answer(&seen, "dddddddddd");
    assert_string_equal(told.body.bytes, "dddddddddd");
    assert_true(told.calls > 1);
    buffer_free(&told.body);
}

static void who_is_told_may_break_off(void **state)
{
    static const char *const paths[] = {"/drip", "/ok", "/chunked"};
    for (size_t i = 0; i < UNIT_COUNT(paths); i++) {
        struct told told = {.stop_at = 1};
        struct seen seen = ask_told(*state, paths[i], &told);
        assert_true(seen.stopped);
        assert_false(seen.too_large);
        assert_int_equal(told.calls, 1); /* not asked again */
        assert_int_equal(seen.length, told.body.length);
        assert_non_null(strstr(seen.message, "broken off"));
        assert_unknown(&seen, CURLE_WRITE_ERROR); /* though /ok had come as a whole */
        buffer_free(&told.body);
    }
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
    fixture->transfers = transfers_open(&fixture->loop, 1, NULL, NULL, &error);
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

static void an_answer_that_ends_within_its_headers_is_unknown(void **state)
{
    struct seen seen = ask(*state, "/line");
    assert_non_null(strstr(seen.message, "within its headers"));
    assert_unknown(&seen, CURLE_OK);
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

static void silence_within_an_answer_ends_at_the_idle_timeout(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    struct seen seen = {0};
    struct transfer_request request = request_to(fixture, url, "/stall", NULL);
    request.idle_timeout_ms = 50;
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_true(seen.timed_out);
    assert_false(seen.before_first_byte);
    assert_true(seen.total_ms >= seen.first_byte_ms + 50); /* never early */
    assert_non_null(strstr(seen.message, "no further byte"));
    assert_string_equal(seen.body, "one piece");
    assert_unknown(&seen, CURLE_OPERATION_TIMEDOUT);
}

static void the_idle_timeout_does_not_run_before_the_first_byte(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    struct seen seen = {0};
    struct transfer_request request = request_to(fixture, url, "/hang", NULL);
    request.idle_timeout_ms = 20;
    request.first_byte_timeout_ms = 100;
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_true(seen.timed_out && seen.before_first_byte);
    assert_true(seen.total_ms >= 100);
    free(seen.body);
}

static void each_byte_puts_the_idle_timeout_off(void **state)
{
    struct fixture *fixture = *state;
    char url[200];
    struct seen seen = {0};
    struct transfer_request request = request_to(fixture, url, "/drip", NULL);
    request.idle_timeout_ms = DRIPS * TICK_MS * 4 / 5; /* less than all of it takes */
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
        TEST(a_redirect_to_another_port_is_never_followed),
        TEST(a_proxy_in_the_environment_is_ignored),
        TEST(two_mebibytes_go_out_at_once),
        TEST(bytes_are_told_as_they_come_and_kept),
        TEST(who_is_told_may_break_off),
        TEST(connections_are_used_again),
        TEST(a_crowd_is_served),
        TEST(the_callers_bound_on_connections_holds),
        TEST(a_farewell_on_an_idle_connection_wakes_nobody),
        TEST(a_kept_alive_connection_that_dies_is_never_sent_again),
        TEST(a_request_that_was_read_and_not_answered_is_unknown),
        TEST(half_an_answer_is_unknown_and_kept),
        TEST(an_answer_that_ends_within_its_headers_is_unknown),
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
        TEST(silence_within_an_answer_ends_at_the_idle_timeout),
        TEST(the_idle_timeout_does_not_run_before_the_first_byte),
        TEST(each_byte_puts_the_idle_timeout_off),
        TEST(an_aborted_request_is_told_at_once),
        TEST(the_end_of_one_may_abort_others_and_start_another),
        TEST(urls_of_other_kinds_are_refused),
        TEST(headers_that_would_break_out_are_refused),
    };
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return EXIT_FAILURE;
    return UNIT_RUN(tests);
}
