/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_lane: which task goes next, and where to: gates, several upstreams, fallbacks, waking. */
#include "config_fixture.h"

#include "daemon/lane.h"

enum { MINUTE_MS = 60 * 1000, START_MS = 1000000 };

/* Lanes with all that they need, and the tasks that were dropped. */
struct desk {
    struct config *config;
    struct random random;
    struct shares *shares;
    struct upstreams *upstreams;
    struct lanes *lanes;
    struct task tasks[32];
    size_t count;
};

static struct mono at(int64_t ms)
{
    return (struct mono){START_MS + ms};
}

static struct wall wall_at(int64_t ms)
{
    return (struct wall){1700000000000 + ms};
}

static struct desk *desk_open(const struct fixture *fixture, const char *text)
{
    struct desk *desk = xcalloc(1, sizeof *desk);

    desk->config = accept(fixture, text);
    random_init(&desk->random, 1);
    desk->shares = shares_open();
    desk->upstreams = upstreams_open(desk->config, &desk->random, at(0));
    desk->lanes = lanes_open(desk->config, desk->upstreams, desk->shares);
    return desk;
}

static void desk_close(struct desk *desk)
{
    for (size_t i = 0; i < desk->count; i++)
        if (desk->tasks[i].ready_place != HEAP_NOWHERE)
            lane_unready(desk->lanes, &desk->tasks[i]);
    lanes_close(desk->lanes);
    shares_close(desk->shares);
    upstreams_close(desk->upstreams);
    config_free(desk->config);
    free(desk);
}

static struct task *drop_for(struct desk *desk, const struct lane_want *want, int priority)
{
    struct task *task = &desk->tasks[desk->count];

    task->id.bytes[0] = (unsigned char)++desk->count;
    task->priority = priority;
    task->submitted = wall_at(0).ms;
    task->sequence = desk->count;
    task->input_tokens = task->output_tokens = 10;
    task->share = shares_get(desk->shares, want->user != NULL ? want->user : "");
    task->lane = lanes_get(desk->lanes, want);
    lane_ready(desk->lanes, task, wall_at(0));
    return task;
}

static struct task *drop(struct desk *desk, const char *model)
{
    return drop_for(desk, &(struct lane_want){.model = model, .type = "chat"}, 5);
}

/* Sends the next task and returns it with where it went; NULL: none may go. */
static struct task *send(struct desk *desk, int64_t ms, struct pick *pick,
                         struct gate_ticket *ticket)
{
    if (!lanes_pick(desk->lanes, wall_at(ms), at(ms), pick))
        return NULL;
    lane_unready(desk->lanes, pick->task);
    *ticket = gate_sent(pick->upstream->gate, &pick->cost, at(ms));
    ready_sent(pick->task, ready_backlog(&pick->task->lane->ready, pick->task->share), wall_at(ms));
    return pick->task;
}

static void land(struct pick *pick, struct gate_ticket ticket, enum outcome outcome,
                 int64_t wait_ms, int64_t ms)
{
    gate_ended(pick->upstream->gate, ticket,
               &(struct gate_report){.outcome = outcome,
                                     .code = "code",
                                     .message = "message",
                                     .http_status = outcome == OUTCOME_OK ? 200 : 429,
                                     .wait_ms = wait_ms,
                                     .job = pick->task->id,
                                     .cost = {-1, -1}},
               at(ms));
    ready_landed(pick->task, -1);
}

/* Closes the gate of a model by throttling one of its jobs. */
static void throttle(struct desk *desk, const char *model, int64_t wait_ms)
{
    struct gate_ticket ticket;
    struct pick pick;
    struct task *task = drop(desk, model);

    assert_ptr_equal(send(desk, 0, &pick, &ticket), task);
    land(&pick, ticket, OUTCOME_THROTTLED, wait_ms, 0);
}

static const char two_models[] = "provider \"p\" { url = \"http://127.0.0.1:1/v1\" }\n"
                                 "provider \"q\" { url = \"http://127.0.0.1:2/v1\" }\n"
                                 "model \"a\" { provider = \"p\" }\n"
                                 "model \"b\" { provider = \"q\" }\n"
                                 "model \"c\" { provider = \"p\" fallback = {\"none\", \"b\"} }\n"
                                 "fallback_after = 5m\n";

static void a_closed_gate_holds_its_own_jobs_only(void **state)
{
    struct desk *desk = desk_open(*state, two_models);
    struct gate_ticket ticket;
    struct pick pick;

    throttle(desk, "a", MINUTE_MS);
    drop(desk, "a");
    struct task *other = drop(desk, "b");
    assert_ptr_equal(send(desk, 1, &pick, &ticket), other);
    assert_string_equal(pick.upstream->provider, "q");
    assert_null(send(desk, 2, &pick, &ticket));
    int64_t wake_ms = lanes_wake_ms(desk->lanes, at(2));
    assert_in_range(wake_ms, at(MINUTE_MS).ms, at(MINUTE_MS + MINUTE_MS / 2).ms);
    desk_close(desk);
}

static void a_model_without_provider_waits_and_says_so(void **state)
{
    struct desk *desk = desk_open(*state, two_models);
    struct gate_ticket ticket;
    char reason[200];
    struct pick pick;
    struct task *task = drop(desk, "unheard-of");

    assert_null(send(desk, 0, &pick, &ticket));
    assert_int_equal(lanes_wake_ms(desk->lanes, at(0)), -1);
    lane_reason(task->lane, at(0), wall_at(0), reason, sizeof reason);
    assert_string_equal(reason, "no provider for unheard-of");
    desk_close(desk);
}

static void a_type_that_a_protocol_does_not_speak_is_told(void **state)
{
    struct desk *desk = desk_open(
        *state, "provider \"p\" { protocol = \"anthropic\" url = \"http://127.0.0.1:1\" }");
    struct lane_want want = {.model = "claude", .type = "embed"};
    char reason[200];
    struct task *task = drop_for(desk, &want, 5);

    lane_reason(task->lane, at(0), wall_at(0), reason, sizeof reason);
    assert_string_equal(reason, "provider p does not speak embed");
    desk_close(desk);
}

static void the_more_urgent_of_two_models_goes_first_and_equals_take_turns(void **state)
{
    struct desk *desk = desk_open(*state, two_models);
    struct gate_ticket ticket;
    struct pick pick;

    for (int i = 0; i < 2; i++) {
        drop(desk, "a");
        drop(desk, "b");
    }
    struct lane_want want = {.model = "b", .type = "chat"};
    struct task *urgent = drop_for(desk, &want, 0);
    assert_ptr_equal(send(desk, 0, &pick, &ticket), urgent);
    assert_string_equal(send(desk, 1, &pick, &ticket)->lane->model, "a");
    assert_string_equal(send(desk, 2, &pick, &ticket)->lane->model, "b");
    assert_string_equal(send(desk, 3, &pick, &ticket)->lane->model, "a");
    desk_close(desk);
}

static void load_goes_to_the_upstream_with_the_most_room(void **state)
{
    struct desk *desk = desk_open(*state, "provider \"p\" {\n"
                                          "  url = {\"http://127.0.0.1:1/v1\", "
                                          "\"http://127.0.0.1:2/v1\"}\n  max_in_flight = 4\n}\n");
    struct gate_ticket ticket;
    struct pick pick;
    unsigned first = 0;

    for (int i = 0; i < 9; i++)
        drop(desk, "m");
    for (int i = 0; i < 8; i++) {
        assert_non_null(send(desk, i, &pick, &ticket));
        first += strcmp(pick.upstream->url, "http://127.0.0.1:1/v1") == 0;
        assert_in_range(first, (i + 1) / 2, (i + 2) / 2);
    }
    assert_null(send(desk, 9, &pick, &ticket)); /* both windows are full */
    desk_close(desk);
}

static void where_one_upstream_is_closed_the_other_takes_all(void **state)
{
    struct desk *desk = desk_open(*state, "provider \"p\" {\n"
                                          "  url = {\"http://127.0.0.1:1/v1\", "
                                          "\"http://127.0.0.1:2/v1\"}\n  max_in_flight = 4\n}\n");
    struct gate_ticket ticket;
    char reason[200];
    struct pick pick;

    throttle(desk, "m", MINUTE_MS);
    const char *closed = gate_view(upstreams_first(desk->upstreams)->gate, at(0)).state == GATE_OPEN
                             ? upstreams_first(desk->upstreams)->next->url
                             : upstreams_first(desk->upstreams)->url;
    struct task *task = drop(desk, "m");
    for (int i = 0; i < 3; i++)
        drop(desk, "m");
    lane_reason(task->lane, at(1), wall_at(1), reason, sizeof reason);
    assert_string_equal(reason, "");
    for (int i = 0; i < 4; i++) {
        assert_non_null(send(desk, 1, &pick, &ticket));
        assert_string_not_equal(pick.upstream->url, closed);
    }
    desk_close(desk);
}

static void a_gate_that_is_shut_for_long_sends_its_jobs_to_the_fallback(void **state)
{
    struct desk *desk = desk_open(*state, two_models);
    struct gate_ticket ticket;
    struct pick pick;

    throttle(desk, "c", 60 * MINUTE_MS);
    struct task *task = drop(desk, "c");
    assert_null(send(desk, 5 * MINUTE_MS - 1, &pick, &ticket));
    assert_int_equal(lanes_wake_ms(desk->lanes, at(1)), at(5 * MINUTE_MS).ms);
    assert_ptr_equal(send(desk, 5 * MINUTE_MS, &pick, &ticket), task);
    assert_string_equal(pick.via->model, "b"); /* nobody serves the first of the chain */
    assert_string_equal(pick.upstream->provider, "q");
    assert_string_equal(task->lane->model, "c");
    desk_close(desk);
}

static void a_job_may_say_that_it_has_no_fallback(void **state)
{
    struct desk *desk = desk_open(*state, two_models);
    json_t *none = json_array();
    struct lane_want want = {.model = "c", .type = "chat", .chain = none};
    struct gate_ticket ticket;
    struct pick pick;

    throttle(desk, "c", 60 * MINUTE_MS);
    struct task *task = drop_for(desk, &want, 5);
    assert_null(lanes_fallback(desk->lanes, task->lane));
    assert_null(send(desk, 10 * MINUTE_MS, &pick, &ticket));
    json_decref(none);
    desk_close(desk);
}

static void the_chain_gets_shorter_by_each_fallback(void **state)
{
    struct desk *desk = desk_open(*state, two_models);
    json_t *chain = json_pack("[s, s]", "b", "a");
    struct lane_want want = {.model = "c", .type = "chat", .chain = chain};
    struct lane *first = lanes_fallback(desk->lanes, lanes_get(desk->lanes, &want));
    struct lane *second = lanes_fallback(desk->lanes, first);

    assert_string_equal(first->model, "b");
    assert_string_equal(second->model, "a");
    assert_null(lanes_fallback(desk->lanes, second));
    json_decref(chain);
    desk_close(desk);
}

static void users_share_a_lane_unless_they_have_keys_of_their_own(void **state)
{
    struct desk *desk = desk_open(*state, "provider \"p\" {\n  url = \"http://127.0.0.1:1/v1\"\n"
                                          "  key = \"key-of-the-provider\"\n}\n"
                                          "user \"alice\" {\n  key = \"key-of-alice\"\n}\n");
    struct lane_want of[] = {{.model = "m", .type = "chat", .user = "alice"},
                             {.model = "m", .type = "chat", .user = "bob"},
                             {.model = "m", .type = "chat", .user = "carol"}};
    struct lane *alice = lanes_get(desk->lanes, &of[0]);
    struct lane *bob = lanes_get(desk->lanes, &of[1]);

    assert_ptr_equal(bob, lanes_get(desk->lanes, &of[2]));
    assert_ptr_not_equal(alice, bob);
    assert_string_equal(alice->upstreams[0]->key, "key-of-alice");
    assert_string_equal(bob->upstreams[0]->key, "key-of-the-provider");
    desk_close(desk);
}

static void what_must_go_alone_is_offered_by_itself(void **state)
{
    struct desk *desk = desk_open(*state, two_models);
    struct pick pick;

    throttle(desk, "b", MINUTE_MS);
    drop(desk, "a");
    struct task *alone = drop(desk, "a");
    assert_true(lanes_offer(desk->lanes, alone, at(1), &pick));
    assert_ptr_equal(pick.task, alone);
    assert_false(lanes_offer(desk->lanes, drop(desk, "b"), at(1), &pick));
    assert_false(lanes_offer(desk->lanes, drop(desk, "unheard-of"), at(1), &pick));
    desk_close(desk);
}

static void a_probe_is_found_in_another_priority_than_the_jobs_that_closed_the_gate(void **state)
{
    struct desk *desk = desk_open(*state, two_models);
    struct lane_want want = {.model = "a", .type = "chat"};
    struct gate_ticket ticket;
    struct pick pick;
    struct task *closer = drop_for(desk, &want, 0);
    struct task *other = drop(desk, "a");

    assert_ptr_equal(send(desk, 0, &pick, &ticket), closer);
    land(&pick, ticket, OUTCOME_UPSTREAM, -1, 0);
    lane_ready(desk->lanes, closer, wall_at(0));
    assert_ptr_equal(send(desk, 10 * MINUTE_MS, &pick, &ticket), other);
    desk_close(desk);
}

static void the_only_job_is_the_probe_although_it_closed_the_gate(void **state)
{
    struct desk *desk = desk_open(*state, two_models);
    struct gate_ticket ticket;
    struct pick pick;
    struct task *closer = drop(desk, "a");

    assert_ptr_equal(send(desk, 0, &pick, &ticket), closer);
    land(&pick, ticket, OUTCOME_UPSTREAM, -1, 0);
    lane_ready(desk->lanes, closer, wall_at(0));
    assert_ptr_equal(send(desk, 10 * MINUTE_MS, &pick, &ticket), closer);
    desk_close(desk);
}

static void small_jobs_do_not_take_what_a_large_one_waits_for(void **state)
{
    struct desk *desk = desk_open(*state, "provider \"p\" {\n  url = \"http://127.0.0.1:1/v1\"\n"
                                          "  tpm = 6000\n}\n");
    struct gate_ticket ticket;
    struct pick pick;
    struct task *first = drop(desk, "m");
    struct task *large = drop(desk, "m");
    int64_t ms = 0;

    for (int i = 0; i < 8; i++)
        drop(desk, "m");
    lane_unready(desk->lanes, large);
    large->input_tokens = 5900;
    lane_ready(desk->lanes, large, wall_at(0));
    assert_ptr_equal(send(desk, 0, &pick, &ticket), first);
    land(&pick, ticket, OUTCOME_OK, -1, 10);
    for (ms = 1000; ms < 5 * MINUTE_MS && send(desk, ms, &pick, &ticket) == NULL; ms += 1000)
        ;
    assert_ptr_equal(pick.task, large);
    desk_close(desk);
}

static void a_lane_without_fallback_shares_the_gate(void **state)
{
    struct desk *desk = desk_open(*state, two_models);
    struct lane *lane = lanes_get(desk->lanes, &(struct lane_want){.model = "c", .type = "chat"});
    struct lane *plain = lanes_without_fallback(desk->lanes, lane);

    assert_ptr_not_equal(plain, lane);
    assert_ptr_equal(plain->upstreams[0], lane->upstreams[0]);
    assert_non_null(lanes_fallback(desk->lanes, lane));
    assert_null(lanes_fallback(desk->lanes, plain));
    desk_close(desk);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_closed_gate_holds_its_own_jobs_only),
        TEST(a_model_without_provider_waits_and_says_so),
        TEST(a_type_that_a_protocol_does_not_speak_is_told),
        TEST(the_more_urgent_of_two_models_goes_first_and_equals_take_turns),
        TEST(load_goes_to_the_upstream_with_the_most_room),
        TEST(where_one_upstream_is_closed_the_other_takes_all),
        TEST(a_gate_that_is_shut_for_long_sends_its_jobs_to_the_fallback),
        TEST(a_job_may_say_that_it_has_no_fallback),
        TEST(the_chain_gets_shorter_by_each_fallback),
        TEST(users_share_a_lane_unless_they_have_keys_of_their_own),
        TEST(what_must_go_alone_is_offered_by_itself),
        TEST(a_probe_is_found_in_another_priority_than_the_jobs_that_closed_the_gate),
        TEST(the_only_job_is_the_probe_although_it_closed_the_gate),
        TEST(small_jobs_do_not_take_what_a_large_one_waits_for),
        TEST(a_lane_without_fallback_shares_the_gate),
    };
    return UNIT_RUN(tests);
}
