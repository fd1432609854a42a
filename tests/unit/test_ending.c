/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ending: a kept-alive connection dies in each phase of a request, which is never sent again.
 *
 * LLMSPOOL_LONG=1: thousands of times. */
#include "web.h"

#include <signal.h>

enum { ROUNDS = 25, ROUNDS_LONG = 1000, LARGE = 300000 };

/* Where the server ends the connection. */
struct phase {
    const char *path;   /* of the request that meets it */
    const char *before; /* of one on the same connection before */
    size_t size;        /* of the body */
    unsigned paid_least;
    bool may_be_answered;
};

static const struct phase phases[] = {
    {"/ok", "/bye", 0, 0, true},        /* before the request, while it sets out perhaps */
    {"/leave", "/ok", LARGE, 0, false}, /* when it has read the head */
    {"/close", "/ok", 0, 1, false},     /* when it has read all */
    {"/reset", "/ok", 0, 1, false},     {"/line", "/ok", 0, 1, false}, /* after the status line */
    {"/head", "/ok", 0, 1, false},                                     /* after the headers */
    {"/half", "/ok", 0, 1, false},                                     /* within the body */
    {"/cut", "/ok", 0, 1, false},
};

static unsigned rounds(void)
{
    const char *is_long = getenv("LLMSPOOL_LONG");
    return is_long != NULL && *is_long == '1' ? ROUNDS_LONG : ROUNDS;
}

static struct seen post(struct fixture *fixture, const char *path, unsigned id, size_t size)
{
    char url[200];
    struct seen seen = {0};
    struct buffer body = {0};
    buffer_printf(&body, "%u ", id);
    while (body.length < size)
        buffer_text(&body, "                                ");
    struct transfer_request request = request_to(fixture, url, path, &body);
    (void)begin(fixture, &request, &seen);
    finish(fixture);
    assert_int_equal(seen.calls, 1);
    free(seen.body);
    seen.body = NULL;
    return seen;
}

static void meet(struct fixture *fixture, const struct phase *phase, unsigned id)
{
    (void)post(fixture, phase->before, id + 1, 0);
    assert_int_equal(atomic_load(&fixture->server.paid[id + 1]), 1);
    struct seen seen = post(fixture, phase->path, id, phase->size);
    unsigned paid = atomic_load(&fixture->server.paid[id]);
    assert_in_range(paid, phase->paid_least, 1);
    if (seen.end == TRANSFER_ANSWERED) {
        assert_true(phase->may_be_answered);
        assert_int_equal(paid, 1);
    } else if (paid > 0) {
        assert_int_equal(seen.end, TRANSFER_UNKNOWN);
    }
}

static void a_connection_that_dies_in_any_phase_pays_once_at_most(void **state)
{
    struct fixture *fixture = *state;
    unsigned id = 0;
    for (unsigned round = rounds(); round > 0; round--) {
        for (size_t i = 0; i < UNIT_COUNT(phases); i++, id += 2)
            meet(fixture, &phases[i], id);
    }
    /* It was about connections that had served before. */
    assert_true(atomic_load(&fixture->server.reused) >= id / 2 * 5 / 8);
}

/* All phases at once, on a crowd of connections. */
static void a_crowd_that_meets_all_phases_pays_once_at_most(void **state)
{
    enum { CROWD = 64 };
    struct fixture *fixture = *state;
    unsigned ids = rounds() * CROWD / 8;
    struct seen *seen = xcalloc(ids, sizeof *seen);
    for (unsigned id = 0; id < ids; id++) {
        const struct phase *phase = &phases[id % UNIT_COUNT(phases)];
        char url[200];
        struct buffer body = {0};
        buffer_printf(&body, "%u ", id);
        struct transfer_request request =
            request_to(fixture, url, id / 8 % 2 == 0 ? phase->path : phase->before, &body);
        (void)begin(fixture, &request, &seen[id]);
        if (id % CROWD == CROWD - 1 || id == ids - 1)
            finish(fixture);
    }
    for (unsigned id = 0; id < ids; id++) {
        unsigned paid = atomic_load(&fixture->server.paid[id]);
        assert_int_equal(seen[id].calls, 1);
        assert_in_range(paid, 0, 1);
        assert_true(paid == 0 || seen[id].end != TRANSFER_NOT_SENT);
        free(seen[id].body);
    }
    free(seen);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_that_dies_in_any_phase_pays_once_at_most,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crowd_that_meets_all_phases_pays_once_at_most, set_up,
                                        tear_down),
    };
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return EXIT_FAILURE;
    return UNIT_RUN(tests);
}
