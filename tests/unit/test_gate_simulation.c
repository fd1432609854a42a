/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_gate_simulation: what a gate makes of upstreams that limit in the ways that upstreams do, by
 * a clock of its own. Each test runs with several seeds and says as comments what it measured.
 */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "upstream_model.h"

enum { SEEDS = 10, SECOND_MS = 1000, MINUTES_2 = 120 };

static const struct gate_settings adaptive = {
    .ceiling = 4096,
    .halt_after = 20,
    .probe_ms = 30000,
};

/* The one of the requirements: 600 a minute, 10 at once, 16 in flight, a second each. */
static const struct model_server bucket = {
    .rpm = 600,
    .burst = 10,
    .most = 16,
    .latency_ms = 1000,
};

/* What came out over all seeds. */
struct figures {
    double used_least, used_most;       /* of what was allowed */
    double refused_least, refused_most; /* of what was sent */
};

static const struct figures no_figures = {1e9, 0, 1e9, 0};

static void note(struct figures *figures, double used, double refused)
{
    figures->used_least = fmin(figures->used_least, used);
    figures->used_most = fmax(figures->used_most, used);
    figures->refused_least = fmin(figures->refused_least, refused);
    figures->refused_most = fmax(figures->refused_most, refused);
}

static void show(const char *what, const struct figures *figures)
{
    printf("# %s: %.1f to %.1f %% of the allowed rate, %.1f to %.1f %% refused\n", what,
           100 * figures->used_least, 100 * figures->used_most, 100 * figures->refused_least,
           100 * figures->refused_most);
}

static unsigned accepted(struct model_counts counts)
{
    return counts.sent - counts.refused - counts.failed;
}

static unsigned window_of(const struct model *model)
{
    return gate_view(model_gate(model), (struct mono){model_now(model)}).window;
}

/* Two minutes with each seed; allowed is the number of requests that could be accepted. */
static struct figures measure(const char *what, const struct gate_settings *settings,
                              const struct model_server *server, double allowed)
{
    struct figures figures = no_figures;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct model *model = model_new(settings, server, 0, seed);
        model_run(model, MINUTES_2 * SECOND_MS);
        struct model_counts counts = model_counts(model, 0, MINUTES_2);
        note(&figures, accepted(counts) / allowed, (double)counts.refused / counts.sent);
        model_free(model);
    }
    show(what, &figures);
    return figures;
}

static void headers_are_followed_closely(void **state)
{
    struct model_server server = bucket;
    (void)state;
    server.headers = true;
    server.retry_after = true;
    struct figures figures = measure("with headers", &adaptive, &server, 1200);
    assert_true(figures.used_least >= 0.95);
    assert_true(figures.refused_most < 0.02);
}

static void a_bare_refusal_is_enough_to_find_the_rate(void **state)
{
    (void)state;
    struct figures figures = measure("bare 429", &adaptive, &bucket, 1200);
    assert_true(figures.used_least >= 0.85);
    assert_true(figures.refused_most < 0.05);
}

static void waits_that_are_told_cost_little(void **state)
{
    struct model_server server = bucket;
    (void)state;
    server.retry_after = true;
    struct figures figures = measure("Retry-After only", &adaptive, &server, 1200);
    assert_true(figures.used_least >= 0.85);
    assert_true(figures.refused_most < 0.05);
}

static void a_large_burst_is_used_and_its_end_noticed(void **state)
{
    struct model_server server = {.rpm = 600, .latency_ms = 1000};
    (void)state;
    struct figures figures = measure("a burst of 600, bare 429", &adaptive, &server, 1800);
    assert_true(figures.used_least >= 0.95);
    assert_true(figures.refused_most < 0.05);
    server.headers = true;
    figures = measure("a burst of 600, with headers", &adaptive, &server, 1800);
    assert_true(figures.used_least >= 0.95);
    assert_true(figures.refused_most < 0.02);
}

static void short_answers_need_a_rate_beside_the_window(void **state)
{
    struct model_server server = {.rpm = 600, .burst = 10, .latency_ms = 200};
    (void)state;
    struct figures figures = measure("200 ms, bare 429", &adaptive, &server, 1200);
    assert_true(figures.used_least >= 0.9);
    assert_true(figures.refused_most < 0.05);
}

static void a_limit_on_requests_in_flight_is_found(void **state)
{
    struct model_server server = {.most = 16, .latency_ms = 1000};
    (void)state;
    struct figures figures = measure("16 in flight", &adaptive, &server, 16 * MINUTES_2);
    assert_true(figures.used_least >= 0.85);
    assert_true(figures.refused_most < 0.05);
    server.spread = 0.7;
    figures = measure("16 in flight, lengths spread", &adaptive, &server,
                      16 * MINUTES_2 / exp(0.7 * 0.7 / 2));
    assert_true(figures.used_least >= 0.75);
    assert_true(figures.refused_most < 0.05);
}

/* Ten minutes with each seed; what came of the second half. */
static struct figures measure_long(const char *what, const struct model_server *server,
                                   double per_second)
{
    struct figures figures = no_figures;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct model *model = model_new(&adaptive, server, 0, seed);
        model_run(model, 600 * SECOND_MS);
        struct model_counts counts = model_counts(model, 300, 600);
        note(&figures, accepted(counts) / (300 * per_second), (double)counts.refused / counts.sent);
        model_free(model);
    }
    show(what, &figures);
    return figures;
}

static void answers_that_take_half_a_minute_need_a_wide_window(void **state)
{
    struct model_server server = {.rpm = 60, .burst = 5, .latency_ms = 30000};
    (void)state;
    struct figures figures = measure_long("30 s, bare 429", &server, 1);
    assert_true(figures.used_least >= 0.5);
    assert_true(figures.refused_most < 0.05);
    server.retry_after = true; /* a probe takes 30 s: the gate must not wait for it */
    figures = measure_long("30 s, Retry-After only", &server, 1);
    assert_true(figures.used_least >= 0.5);
    assert_true(figures.refused_most < 0.05);
    server = (struct model_server){.most = 4, .latency_ms = 10000};
    figures = measure_long("10 s, 4 in flight", &server, 0.4);
    assert_true(figures.used_least >= 0.9);
    assert_true(figures.refused_most < 0.1);
}

static void small_buckets_are_not_hammered(void **state)
{
    struct model_server server = {.rpm = 10, .burst = 1, .latency_ms = 5000};
    (void)state;
    struct figures figures = measure_long("10 a minute one by one, bare 429", &server, 10 / 60.0);
    assert_true(figures.used_least >= 0.6);
    assert_true(figures.refused_most < 0.1);
    server = (struct model_server){.rpm = 600, .burst = 1, .latency_ms = 1000};
    figures = measure_long("600 a minute one by one, bare 429", &server, 10);
    assert_true(figures.used_least >= 0.3);
    assert_true(figures.refused_most < 0.05);
    server.headers = true;
    server.retry_after = true;
    figures = measure_long("600 a minute one by one, with headers", &server, 10);
    assert_true(figures.used_least >= 0.7);
    assert_true(figures.refused_most < 0.02);
}

static void configured_limits_are_kept_and_used(void **state)
{
    struct gate_settings settings = adaptive;
    (void)state;
    settings.limits.rpm = 600;
    struct figures figures = measure("configured", &settings, &bucket, 1200);
    assert_true(figures.used_least >= 0.95);
    assert_true(figures.refused_most < 0.02);
}

static void windows_that_turn_are_used_to_the_end(void **state)
{
    struct model_server server = {
        .rpm = 600, .fixed_ms = 60000, .latency_ms = 1000, .headers = true, .retry_after = true};
    (void)state;
    struct figures figures = measure("fixed windows, with headers", &adaptive, &server, 1200);
    assert_true(figures.used_least >= 0.95);
    assert_true(figures.refused_most < 0.05);
}

/* Seconds after which a changed limit is found: five seconds on end with 90 to 110 % of it. */
static int seconds_to_find(const struct model *model, int from, double per_second)
{
    for (int after = 0; after < 55; after++) {
        struct model_counts counts = model_counts(model, from + after, from + after + 5);
        double part = accepted(counts) / (5 * per_second);
        if (part >= 0.9 && part <= 1.1 && counts.refused <= counts.sent / 10) {
            return after;
        }
    }
    return 55;
}

static void check_changes(const char *what, const struct model_server *server)
{
    int halved = 0, doubled = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct model *model = model_new(&adaptive, server, 0, seed);
        model_run(model, 60 * SECOND_MS);
        model_server(model)->rpm = 300;
        model_run(model, 120 * SECOND_MS);
        model_server(model)->rpm = 600;
        model_run(model, 180 * SECOND_MS);
        int found = seconds_to_find(model, 60, 5);
        halved = found > halved ? found : halved;
        found = seconds_to_find(model, 120, 10);
        doubled = found > doubled ? found : doubled;
        model_free(model);
    }
    printf("# %s: half the limit found within %d s, twice within %d s\n", what, halved, doubled);
    assert_true(halved <= 20);
    assert_true(doubled <= 20);
}

static void a_changed_limit_is_found_again(void **state)
{
    struct model_server server = bucket;
    (void)state;
    check_changes("bare 429", &server);
    server.retry_after = true;
    check_changes("Retry-After only", &server);
    server.headers = true;
    check_changes("with headers", &server);
}

static void check_silent_queue(const char *what, double spread)
{
    double busy = 1;
    int64_t longest_ms = 0;
    unsigned largest = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct model_server server = {
            .slots = 2, .latency_ms = 10000, .spread = spread, .first_byte_ms = 600000};
        struct model *model = model_new(&adaptive, &server, 200, seed);
        model_run(model, 30 * SECOND_MS);
        model_busy_from(model);
        for (int64_t ms = 40 * SECOND_MS; ms <= 900 * SECOND_MS; ms += 10 * SECOND_MS) {
            model_run(model, ms);
            largest = window_of(model) > largest ? window_of(model) : largest;
        }
        busy = fmin(busy, model_busy(model));
        longest_ms = model_longest_ms(model) > longest_ms ? model_longest_ms(model) : longest_ms;
        assert_int_equal(model_counts(model, 0, MODEL_SECONDS).timed_out, 0);
        model_free(model);
    }
    printf("# %s: slots busy %.2f %%, longest answer %lld s, largest window %u\n", what, 100 * busy,
           (long long)longest_ms / SECOND_MS, largest);
    assert_true(busy > 0.97);
    assert_true(longest_ms < 300 * SECOND_MS);
}

static void a_silent_queue_is_kept_short_and_its_slots_busy(void **state)
{
    (void)state;
    check_silent_queue("2 silent slots", 0);
    check_silent_queue("2 silent slots, lengths spread", 0.8);
}

static void slow_silent_slots_cost_no_attempts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct model_server server = {.slots = 1, .latency_ms = 240000, .first_byte_ms = 600000};
        struct model *model = model_new(&adaptive, &server, 0, seed);
        model_run(model, 3600 * SECOND_MS);
        struct model_counts counts = model_counts(model, 0, MODEL_SECONDS);
        assert_int_equal(counts.timed_out, counts.freed);
        assert_in_range(window_of(model), 1, 2);
        if (seed == 1) {
            printf("# 1 silent slot of 4 min: %u of %u timed out, window %u after an hour\n",
                   counts.timed_out, counts.sent, window_of(model));
        }
        model_free(model);
    }
}

static void a_fast_server_gets_all_there_is(void **state)
{
    static const unsigned ceilings[] = {64, 200, 4096};
    static const int trips_most[] = {9, 12, 16};
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(ceilings); i++) {
        struct gate_settings settings = adaptive;
        struct model_server server = {.latency_ms = 1000};
        settings.ceiling = ceilings[i];
        struct model *model = model_new(&settings, &server, 0, 1);
        int trips = 0;
        while (model_in_flight(model) < ceilings[i] * 0.98 && trips < 50) {
            trips++;
            model_run(model, trips * INT64_C(1035));
        }
        printf("# %u in flight after %d round trips\n", ceilings[i], trips);
        assert_in_range(trips, 1, trips_most[i]);
        model_free(model);
    }
}

static void a_configured_window_is_full_at_once(void **state)
{
    struct gate_settings settings = adaptive;
    struct model_server server = {.latency_ms = 1000};
    (void)state;
    settings.max_in_flight = 200;
    struct model *model = model_new(&settings, &server, 0, 1);
    model_run(model, 1);
    assert_int_equal(model_in_flight(model), 200);
    model_run(model, 60 * SECOND_MS);
    assert_int_equal(window_of(model), 200);
    model_free(model);
}

/* An outage from second 30 to 90: what was sent meanwhile, and when all goes again. */
static void check_outage(const char *what, const struct model_server *server)
{
    double part_most = 0;
    unsigned sent_most = 0;
    int back_most = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct model *model = model_new(&adaptive, server, 0, seed);
        model_run(model, 30 * SECOND_MS);
        double usual = accepted(model_counts(model, 20, 30)) / 10.0;
        model_server(model)->down = true;
        model_run(model, 90 * SECOND_MS);
        model_server(model)->down = false;
        model_run(model, 120 * SECOND_MS);
        struct model_counts counts = model_counts(model, 31, 90);
        part_most = fmax(part_most, counts.sent / (59 * usual));
        sent_most = counts.sent > sent_most ? counts.sent : sent_most;
        assert_true(counts.sent <= fmax(70, 0.1 * 59 * usual)); /* one a second may leave */
        int back = 0;
        while (accepted(model_counts(model, 90 + back, 92 + back)) < 2 * 0.9 * usual) {
            back++;
            assert_in_range(back, 0, 25);
        }
        back_most = back > back_most ? back : back_most;
        model_free(model);
    }
    printf(
        "# outage, %s: %u requests in 59 s, %.1f %% of the usual; all of them %d s after its end\n",
        what, sent_most, 100 * part_most, back_most);
    assert_true(back_most <= 5);
}

static void an_outage_is_sat_out_and_over_at_once(void **state)
{
    struct model_server server = bucket;
    (void)state;
    check_outage("bare 429", &server);
    server.headers = true;
    check_outage("with headers", &server);
    server = (struct model_server){.most = 64, .latency_ms = 500};
    check_outage("64 in flight", &server);
    server = (struct model_server){.slots = 100, .latency_ms = 500, .spread = 0.5};
    check_outage("100 slots", &server);
}

/* Tokens: from 100 to 1900 a request, 60,000 a minute. */
static struct figures measure_tokens(const char *what, const struct gate_settings *settings,
                                     const struct model_server *server, double estimate)
{
    struct figures figures = no_figures;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct model *model = model_new(settings, server, 0, seed);
        model_tokens(model, 100, 1900, estimate);
        model_run(model, 240 * SECOND_MS);
        struct model_counts counts = model_counts(model, 0, 240);
        double allowed = server->tpm * 3; /* the first minute has the bucket to empty */
        note(&figures, model_tokens_used(model, 60, 240) / allowed,
             (double)counts.refused / counts.sent);
        model_free(model);
    }
    show(what, &figures);
    return figures;
}

static void tokens_a_minute_are_kept_and_used(void **state)
{
    static const double estimates[] = {1, 2, 0.7};
    struct model_server server = {.tpm = 60000, .latency_ms = 2000, .headers = true};
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(estimates); i++) {
        char what[80];
        snprintf(what, sizeof what, "tokens, with headers, estimated %.1f times", estimates[i]);
        struct figures figures = measure_tokens(what, &adaptive, &server, estimates[i]);
        assert_true(figures.used_least >= 0.95);
        assert_true(figures.refused_most < 0.03);
    }
    struct gate_settings settings = adaptive;
    settings.limits.tpm = 60000;
    server.headers = false;
    struct figures figures = measure_tokens("tokens, configured", &settings, &server, 1.3);
    assert_true(figures.used_least >= 0.9);
    assert_true(figures.refused_most < 0.02);
    figures = measure_tokens("tokens, bare 429", &adaptive, &server, 1);
    assert_true(figures.used_least >= 0.85);
    assert_true(figures.refused_most < 0.15); /* a refused one may just have been large */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_followed_closely),
        cmocka_unit_test(a_bare_refusal_is_enough_to_find_the_rate),
        cmocka_unit_test(waits_that_are_told_cost_little),
        cmocka_unit_test(a_large_burst_is_used_and_its_end_noticed),
        cmocka_unit_test(short_answers_need_a_rate_beside_the_window),
        cmocka_unit_test(a_limit_on_requests_in_flight_is_found),
        cmocka_unit_test(answers_that_take_half_a_minute_need_a_wide_window),
        cmocka_unit_test(small_buckets_are_not_hammered),
        cmocka_unit_test(configured_limits_are_kept_and_used),
        cmocka_unit_test(windows_that_turn_are_used_to_the_end),
        cmocka_unit_test(a_changed_limit_is_found_again),
        cmocka_unit_test(a_silent_queue_is_kept_short_and_its_slots_busy),
        cmocka_unit_test(slow_silent_slots_cost_no_attempts),
        cmocka_unit_test(a_fast_server_gets_all_there_is),
        cmocka_unit_test(a_configured_window_is_full_at_once),
        cmocka_unit_test(an_outage_is_sat_out_and_over_at_once),
        cmocka_unit_test(tokens_a_minute_are_kept_and_used),
    };
    return UNIT_RUN(tests);
}
