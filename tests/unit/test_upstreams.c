/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_upstreams: URL, key, model: what has a gate of its own, and what outlasts a reload. */
#include "config_fixture.h"

#include "base/timetext.h"
#include "daemon/upstreams.h"

static const struct mono start = {1000};

static struct random dice;

static struct upstreams *open_for(const struct config *config)
{
    random_init(&dice, 1);
    return upstreams_open(config, &dice, start);
}

static bool has_upstream(struct upstream **found, size_t count, const char *name, const char *url)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(found[i]->name, name) == 0 && strcmp(found[i]->url, url) == 0)
            return true;
    return false;
}

static void each_url_with_each_key_has_a_gate_of_its_own(void **state)
{
    const struct fixture *fixture = *state;
    struct config *config = accept(fixture, "provider \"p\" {\n"
                                            "  url = {\"http://127.0.0.1:1/v1\", "
                                            "\"http://127.0.0.1:2/v1\"}\n"
                                            "  key = {\"one-key-of-two\", \"two-keys-of-two\"}\n"
                                            "}\n");
    struct upstreams *upstreams = open_for(config);
    size_t count;
    struct upstream **found = upstreams_of(upstreams, &config->providers[0], NULL, "m", &count);

    assert_int_equal(count, 4);
    assert_true(has_upstream(found, count, "p/m", "http://127.0.0.1:1/v1"));
    assert_true(has_upstream(found, count, "p#4/m", "http://127.0.0.1:2/v1"));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++) {
            assert_ptr_not_equal(found[i]->gate, found[k]->gate);
            assert_string_not_equal(found[i]->name, found[k]->name);
            assert_true(strcmp(found[i]->url, found[k]->url) != 0 ||
                        strcmp(found[i]->key, found[k]->key) != 0);
        }
    free(found);
    upstreams_close(upstreams);
    config_free(config);
}

static void asked_again_it_is_the_same_one_and_another_models_is_another(void **state)
{
    struct config *config = accept(*state, "provider \"p\" { url = \"http://127.0.0.1:1/{model}\" }");
    struct upstreams *upstreams = open_for(config);
    const struct config_provider *route = &config->providers[0];
    size_t count;
    struct upstream **first = upstreams_of(upstreams, route, NULL, "a b", &count);
    struct upstream **again = upstreams_of(upstreams, route, NULL, "a b", &count);
    struct upstream **other = upstreams_of(upstreams, route, NULL, "c", &count);

    assert_ptr_equal(first[0], again[0]);
    assert_ptr_not_equal(first[0], other[0]);
    assert_string_equal(first[0]->url, "http://127.0.0.1:1/a%20b");
    assert_null(first[0]->key);
    free(first);
    free(again);
    free(other);
    upstreams_close(upstreams);
    config_free(config);
}

static void a_users_own_key_has_a_gate_of_its_own(void **state)
{
    struct config *config = accept(*state, "provider \"p\" {\n  url = \"http://127.0.0.1:1/v1\"\n"
                                           "  key = \"key-of-the-provider\"\n}\n"
                                           "user \"alice\" {\n  key = \"key-of-alice\"\n}\n");
    struct upstreams *upstreams = open_for(config);
    size_t count;
    struct upstream **common = upstreams_of(upstreams, &config->providers[0], NULL, "m", &count);
    struct upstream **own =
        upstreams_of(upstreams, &config->providers[0], &config->users[0], "m", &count);

    assert_string_equal(common[0]->key, "key-of-the-provider");
    assert_string_equal(own[0]->key, "key-of-alice");
    assert_string_equal(own[0]->name, "p@alice/m");
    assert_ptr_not_equal(common[0]->gate, own[0]->gate);
    free(common);
    free(own);
    upstreams_close(upstreams);
    config_free(config);
}

static void a_reload_keeps_gates_and_takes_keys_away_until_they_are_asked_for(void **state)
{
    struct config *old = accept(*state, "provider \"p\" {\n  url = \"http://127.0.0.1:1/v1\"\n"
                                        "  key = \"the-old-key-of-p\"\n  max_in_flight = 3\n}\n");
    struct config *new = accept(*state, "provider \"p\" {\n  url = \"http://127.0.0.1:1/v1\"\n"
                                        "  key = \"the-new-key-of-p\"\n  max_in_flight = 5\n}\n");
    struct upstreams *upstreams = open_for(old);
    size_t count;
    struct upstream **before = upstreams_of(upstreams, &old->providers[0], NULL, "m", &count);
    struct upstream *upstream = before[0];

    upstreams_configure(upstreams, new, start);
    config_free(old);
    assert_null(upstream->key);
    assert_null(upstream->route);
    assert_int_equal(gate_view(upstream->gate, start).max_in_flight, 5);
    struct upstream **after = upstreams_of(upstreams, &new->providers[0], NULL, "m", &count);
    assert_ptr_equal(after[0], upstream);
    assert_string_equal(upstream->key, "the-new-key-of-p");
    free(before);
    free(after);
    upstreams_close(upstreams);
    config_free(new);
}

static void a_file_of_urls_is_read_again_when_it_changes_and_not_when_it_is_bad(void **state)
{
    const struct fixture *fixture = *state;
    char text[200];
    size_t count;

    put_text(fixture->list, 0600, "http://127.0.0.1:1/v1\n");
    snprintf(text, sizeof text, "provider \"p\" { url_file = \"%s\" }", fixture->list);
    struct config *config = accept(fixture, text);
    struct upstreams *upstreams = open_for(config);
    free(upstreams_of(upstreams, &config->providers[0], NULL, "m", &count));
    assert_int_equal(count, 1);
    assert_false(upstreams_look_at_files(upstreams));
    put_text(fixture->list, 0600, "http://127.0.0.1:1/v1\nhttp://127.0.0.1:2/v1\n");
    assert_true(upstreams_look_at_files(upstreams));
    free(upstreams_of(upstreams, &config->providers[0], NULL, "m", &count));
    assert_int_equal(count, 2);
    put_text(fixture->list, 0600, "half a UR");
    assert_false(upstreams_look_at_files(upstreams));
    free(upstreams_of(upstreams, &config->providers[0], NULL, "m", &count));
    assert_int_equal(count, 2);
    upstreams_close(upstreams);
    config_free(config);
}

static void estimates_follow_what_answers_tell(void **state)
{
    struct config *config = accept(*state, "provider \"p\" { url = \"http://127.0.0.1:1/v1\" }");
    struct upstreams *upstreams = open_for(config);
    const struct gate_cost estimated = {100, 1000}, real = {130, 50}, unknown = {-1, -1};
    size_t count;
    struct upstream **found = upstreams_of(upstreams, &config->providers[0], NULL, "m", &count);

    for (int i = 0; i < 200; i++) {
        upstream_learn(found[0], &estimated, &real);
        upstream_learn(found[0], &estimated, &unknown);
        upstream_learn(found[0], &unknown, &real);
    }
    assert_in_range((int)(100 * found[0]->input_ratio), 129, 130);
    assert_in_range((int)(1000 * found[0]->output_ratio), 49, 51);
    free(found);
    upstreams_close(upstreams);
    config_free(config);
}

/* What status.json would hold of an upstream. */
static json_t *status_of(const struct upstream *upstream, struct wall time)
{
    char text[TIMETEXT_SIZE];

    timetext_write(time, text);
    return json_pack("{s:s, s:[{s:s, s:o}]}", "time", text, "gates", "gate", upstream->name,
                     "memory", upstream_memory(upstream, start));
}

static void what_was_learnt_comes_back_from_status(void **state)
{
    static const struct wall then = {1700000000000};
    struct config *config = accept(*state, "provider \"p\" { url = \"http://127.0.0.1:1/v1\" }");
    struct upstreams *upstreams = open_for(config);
    const struct gate_cost estimated = {100, 1000}, real = {200, 100};
    size_t count;
    struct upstream **found = upstreams_of(upstreams, &config->providers[0], NULL, "m", &count);

    for (int i = 0; i < 200; i++)
        upstream_learn(found[0], &estimated, &real);
    for (int i = 0; i < 40; i++) { /* the window doubles while it is full and all goes well */
        struct gate_ticket tickets[64];
        const struct mono now = {2000 + 1000 * i};
        int sent = 0;
        while (sent < 64 && gate_open_now(found[0]->gate, now))
            tickets[sent++] = gate_sent(found[0]->gate, &estimated, now);
        for (int k = 0; k < sent; k++)
            gate_ended(found[0]->gate, tickets[k],
                       &(struct gate_report){.outcome = OUTCOME_OK, .code = "", .message = "",
                                             .http_status = 200, .wait_ms = -1, .cost = real},
                       (struct mono){now.ms + 500});
    }
    const struct mono later = {60000};
    unsigned window = gate_view(found[0]->gate, later).window;
    assert_true(window > 4);
    json_t *status = status_of(found[0], then);
    free(found);
    upstreams_close(upstreams);

    upstreams = open_for(config);
    upstreams_recall(upstreams, status, (struct wall){then.ms + 1000});
    found = upstreams_of(upstreams, &config->providers[0], NULL, "m", &count);
    assert_int_equal(gate_view(found[0]->gate, start).window, window);
    assert_in_range((int)(100 * found[0]->input_ratio), 198, 201);
    free(found);
    upstreams_close(upstreams);
    json_decref(status);
    config_free(config);
}

static void a_status_that_is_odd_teaches_nothing(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"time\": \"yesterday\", \"gates\": []}",
        "{\"time\": \"2023-11-14T22:13:20Z\", \"gates\": [1, {\"gate\": \"p/m\"}]}",
        ("{\"time\": \"2023-11-14T22:13:20Z\", \"gates\": [{\"gate\": \"p/m\", \"memory\": "
         "{\"window\": -7, \"rate\": \"x\", \"input_ratio\": 1e9, \"told\": 3}}]}"),
    };
    struct config *config = accept(*state, "provider \"p\" { url = \"http://127.0.0.1:1/v1\" }");

    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        struct upstreams *upstreams = open_for(config);
        json_t *status = json_loads(texts[i], 0, NULL);
        size_t count;

        upstreams_recall(upstreams, status, (struct wall){1700000001000});
        struct upstream **found = upstreams_of(upstreams, &config->providers[0], NULL, "m", &count);
        assert_int_equal(gate_view(found[0]->gate, start).window, 4);
        assert_int_equal((int)found[0]->input_ratio, 1);
        free(found);
        json_decref(status);
        upstreams_close(upstreams);
    }
    config_free(config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_url_with_each_key_has_a_gate_of_its_own),
        TEST(asked_again_it_is_the_same_one_and_another_models_is_another),
        TEST(a_users_own_key_has_a_gate_of_its_own),
        TEST(a_reload_keeps_gates_and_takes_keys_away_until_they_are_asked_for),
        TEST(a_file_of_urls_is_read_again_when_it_changes_and_not_when_it_is_bad),
        TEST(estimates_follow_what_answers_tell),
        TEST(what_was_learnt_comes_back_from_status),
        TEST(a_status_that_is_odd_teaches_nothing),
    };
    return UNIT_RUN(tests);
}
