/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mock's limits: buckets that fill up steadily, by a clock that the test moves. */
#include "unit.h"

#include "mock/limits.h"

enum { MINUTE_MS = 60000 };

static int64_t now_ms;

static struct mono read_mono(void *context)
{
    (void)context;
    return (struct mono){now_ms};
}

static const struct clock clock_of_test = {.mono = read_mono};

struct fixture {
    struct limits *limits;
    struct settings *settings;
    struct limits_report report;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    now_ms = 1000;
    fixture->limits = limits_new(&clock_of_test);
    fixture->settings = settings_new();
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    limits_free(fixture->limits);
    settings_drop(fixture->settings);
    free(fixture);
    return 0;
}

static enum limits_verdict take(struct fixture *fixture, int64_t input, int64_t output)
{
    return limits_take(fixture->limits, fixture->settings, "model", input, output,
                       &fixture->report);
}

static int count_passing(struct fixture *fixture, int tries)
{
    int passing = 0;

    for (int i = 0; i < tries; i++) {
        passing += take(fixture, 1, 1) == LIMITS_PASS;
    }
    return passing;
}

static void without_limits_everything_passes_and_nothing_is_told(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(count_passing(fixture, 100), 100);
    for (size_t i = 0; i < LIMITS_BUCKETS; i++) {
        assert_false(fixture->report.gauges[i].limited);
    }
}

static void a_burst_passes_and_then_one_for_each_share_of_the_minute(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings->rpm = 600;
    fixture->settings->burst = 10;
    assert_int_equal(count_passing(fixture, 20), 10);
    assert_int_equal(fixture->report.wait_ms, 100);
    assert_int_equal(fixture->report.scarce, LIMITS_REQUESTS);
    now_ms += 99;
    assert_int_equal(take(fixture, 1, 1), LIMITS_WAIT);
    assert_int_equal(fixture->report.wait_ms, 1);
    now_ms += 1;
    assert_int_equal(count_passing(fixture, 5), 1);
    now_ms += MINUTE_MS;
    assert_int_equal(count_passing(fixture, 20), 10);
}

static void a_refused_request_takes_nothing(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings->rpm = 60;
    fixture->settings->tpm = 100;
    assert_int_equal(take(fixture, 50, 50), LIMITS_PASS);
    assert_int_equal(take(fixture, 50, 50), LIMITS_WAIT);
    assert_int_equal(fixture->report.scarce, LIMITS_TOKENS);
    assert_int_equal(fixture->report.gauges[LIMITS_REQUESTS].remaining, 59);
    assert_int_equal(fixture->report.gauges[LIMITS_TOKENS].remaining, 0);
    assert_int_equal(fixture->report.wait_ms, MINUTE_MS);
}

static void telling_takes_nothing(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings->rpm = 60;
    assert_int_equal(take(fixture, 1, 1), LIMITS_PASS);
    for (int i = 0; i < 2; i++) {
        limits_tell(fixture->limits, fixture->settings, "model", &fixture->report);
        assert_int_equal(fixture->report.gauges[LIMITS_REQUESTS].remaining, 59);
        assert_int_equal(fixture->report.gauges[LIMITS_REQUESTS].reset_ms, 1000);
    }
}

static void more_than_a_bucket_holds_never_passes(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings->tpm = 100;
    assert_int_equal(take(fixture, 100, 1), LIMITS_NEVER);
    assert_int_equal(fixture->report.need, 101);
    assert_int_equal(take(fixture, 100, 0), LIMITS_PASS);
}

static void input_and_output_have_buckets_of_their_own(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings->input_tpm = 100;
    fixture->settings->output_tpm = 10;
    assert_int_equal(take(fixture, 100, 5), LIMITS_PASS);
    assert_int_equal(take(fixture, 1, 1), LIMITS_WAIT);
    assert_int_equal(fixture->report.scarce, LIMITS_INPUT);
    now_ms += MINUTE_MS;
    assert_int_equal(take(fixture, 1, 10), LIMITS_PASS);
    assert_int_equal(take(fixture, 1, 1), LIMITS_WAIT);
    assert_int_equal(fixture->report.scarce, LIMITS_OUTPUT);
    assert_int_equal(fixture->report.wait_ms, MINUTE_MS / 10);
}

static void requests_a_day_come_back_in_a_day(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings->rpd = 24;
    assert_int_equal(count_passing(fixture, 30), 24);
    assert_int_equal(fixture->report.scarce, LIMITS_DAY);
    assert_int_equal(fixture->report.wait_ms, 60 * MINUTE_MS);
    now_ms += 60 * MINUTE_MS;
    assert_int_equal(count_passing(fixture, 30), 1);
}

static void a_smaller_bucket_is_empty_at_most(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings->rpm = 6000;
    assert_int_equal(count_passing(fixture, 6000), 6000);
    fixture->settings->rpm = 60;
    fixture->settings->burst = 1;
    assert_int_equal(take(fixture, 1, 1), LIMITS_WAIT);
    assert_int_equal(fixture->report.wait_ms, 1000);
}

static void a_higher_rate_holds_for_the_next_request(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings->rpm = 1;
    assert_int_equal(count_passing(fixture, 2), 1);
    fixture->settings->rpm = 60;
    assert_int_equal(take(fixture, 1, 1), LIMITS_PASS);
    assert_int_equal(fixture->report.gauges[LIMITS_REQUESTS].limit, 60);
}

static void models_have_buckets_of_their_own(void **state)
{
    struct fixture *fixture = *state;

    fixture->settings->rpm = 1;
    assert_int_equal(count_passing(fixture, 2), 1);
    assert_int_equal(
        limits_take(fixture->limits, fixture->settings, "other", 1, 1, &fixture->report),
        LIMITS_PASS);
}

static void durations_are_written_as_go_does(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "0s"},        {12, "12ms"},      {7660, "7.66s"},     {60000, "1m0s"},
        {360000, "6m0s"}, {61500, "1m1.5s"}, {3723000, "1h2m3s"},
    };

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        char text[LIMITS_DURATION_SIZE];

        limits_write_duration(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

#define WITH_LIMITS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LIMITS(without_limits_everything_passes_and_nothing_is_told),
        WITH_LIMITS(a_burst_passes_and_then_one_for_each_share_of_the_minute),
        WITH_LIMITS(a_refused_request_takes_nothing),
        WITH_LIMITS(telling_takes_nothing),
        WITH_LIMITS(more_than_a_bucket_holds_never_passes),
        WITH_LIMITS(input_and_output_have_buckets_of_their_own),
        WITH_LIMITS(requests_a_day_come_back_in_a_day),
        WITH_LIMITS(a_smaller_bucket_is_empty_at_most),
        WITH_LIMITS(a_higher_rate_holds_for_the_next_request),
        WITH_LIMITS(models_have_buckets_of_their_own),
        cmocka_unit_test(durations_are_written_as_go_does),
    };

    return UNIT_RUN(tests);
}
