/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ratelimit: what answer headers say about waiting. */
#include "unit.h"

#include <string.h>

#include "provider/ratelimit.h"

#define HOUR INT64_C(3600000)

/* 2026-12-01T12:00:00Z */
static const struct wall noon = {INT64_C(1796126400000)};

/* The wait of a reply with up to three headers, "name: value" each. */
static int64_t wait_of(int status, const char *const lines[3])
{
    static char names[3][60];
    struct provider_header headers[3];
    struct provider_reply reply = {.status = status, .headers = headers};
    for (size_t i = 0; i < 3 && lines[i] != NULL; i++) {
        const char *colon = strstr(lines[i], ": ");
        assert_non_null(colon);
        snprintf(names[i], sizeof names[i], "%.*s", (int)(colon - lines[i]), lines[i]);
        headers[reply.header_count++] =
            (struct provider_header){.name = names[i], .value = colon + 2};
    }
    return ratelimit_wait(&reply, noon);
}

struct row {
    int status;
    const char *headers[3];
    int64_t wait_ms;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t wait_ms = wait_of(rows[i].status, rows[i].headers);
        if (wait_ms != rows[i].wait_ms) {
            fail_msg("row %zu, %s: %lld instead of %lld", i, rows[i].headers[0], (long long)wait_ms,
                     (long long)rows[i].wait_ms);
        }
    }
}

static void seconds_and_milliseconds_are_read(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {429, {"retry-after: 7"}, 7000},
        {429, {"retry-after: 0"}, 0},
        {429, {"retry-after: 1.5"}, 1500},
        {429, {"retry-after: .25"}, 250},
        {429, {"retry-after:  3 "}, 3000},
        {429, {"retry-after: 0.0001"}, 1},
        {200, {"retry-after: 7"}, 7000},
        {429, {"retry-after-ms: 250"}, 250},
        {429, {"retry-after-ms: 12.5"}, 13},
        {429, {"retry-after: 7", "retry-after-ms: 250"}, 250},
        {429, {"retry-after: 7", "retry-after-ms: soon"}, 7000},
    };
    check(rows, UNIT_COUNT(rows));
}

static void dates_of_all_three_forms_are_read(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {429, {"retry-after: Tue, 01 Dec 2026 12:00:30 GMT"}, 30000},
        {429, {"retry-after: Tuesday, 01-Dec-26 12:00:30 GMT"}, 30000},
        {429, {"retry-after: Tue Dec  1 12:00:30 2026"}, 30000},
        {429, {"retry-after: Wed, 02 Dec 2026 11:00:00 GMT"}, 23 * HOUR},
        {429, {"retry-after: Tue, 01 Dec 2026 11:59:00 GMT"}, 0},
        {429, {"retry-after: Sunday, 06-Nov-94 08:49:37 GMT"}, 0}, /* 1994, not 2094 */
        {429, {"retry-after: Tue, 01 Foo 2026 12:00:30 GMT"}, -1},
        {429, {"retry-after: Tue, 01 nDe 2026 12:00:30 GMT"}, -1},
    };
    check(rows, UNIT_COUNT(rows));
}

static void nonsense_says_nothing(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {429, {NULL}, -1},
        {429, {"retry-after: "}, -1},
        {429, {"retry-after: -5"}, -1},
        {429, {"retry-after: inf"}, -1},
        {429, {"retry-after: 1e3"}, -1},
        {429, {"retry-after: 5 s"}, -1},
        {429, {"retry-after: ."}, -1},
        {429, {"retry-after: ,"}, -1},
        {429, {"retry-after-ms: 0x10"}, -1},
        {429, {"x-retry-after: 5"}, -1},
    };
    check(rows, UNIT_COUNT(rows));
}

static void no_wait_is_longer_than_a_day(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {429, {"retry-after: 86400"}, 24 * HOUR},
        {429, {"retry-after: 86401"}, 24 * HOUR},
        {429, {"retry-after: 99999999999999999999999999"}, 24 * HOUR},
        {429, {"retry-after-ms: 99999999999999999999999999.9"}, 24 * HOUR},
        {429, {"retry-after: Fri, 01 Jan 9999 00:00:00 GMT"}, 24 * HOUR},
        {429, {"x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 4000000h"}, 24 * HOUR},
    };
    check(rows, UNIT_COUNT(rows));
}

static void resets_count_for_limits_that_are_used_up(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {429, {"x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 1m30s"}, 90000},
        {429, {"x-ratelimit-remaining-requests: 3", "x-ratelimit-reset-requests: 1m30s"}, -1},
        {429, {"x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-tokens: 6m0s"}, -1},
        {429, {"x-ratelimit-remaining-requests: 0"}, -1},
        {429, {"x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 1796126400"}, -1},
        {429,
         {"x-ratelimit-reset-project-tokens: 12ms", "x-ratelimit-remaining-project-tokens: 0",
          "retry-after: 9"},
         9000},
        {429,
         {"x-ratelimit-reset-project-tokens: 12ms", "x-ratelimit-remaining-project-tokens: 0"},
         12},
        {503, {"x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 1s"}, 1000},
        {529, {"x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 1s"}, 1000},
        {200, {"x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 1s"}, -1},
        {500, {"x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 1s"}, -1},
    };
    check(rows, UNIT_COUNT(rows));
}

static void the_longest_reset_counts(void **state)
{
    (void)state;
    const struct provider_header headers[] = {
        {"x-ratelimit-remaining-requests", "0"},
        {"x-ratelimit-remaining-tokens", "0"},
        {"x-ratelimit-reset-tokens", "20s"},
        {"x-ratelimit-reset-requests", "2s"},
    };
    const struct provider_reply reply = {.status = 429, .headers = headers, .header_count = 4};
    assert_int_equal(ratelimit_wait(&reply, noon), 20000);
}

static void anthropics_resets_count_too(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {429,
         {"anthropic-ratelimit-tokens-remaining: 0",
          "anthropic-ratelimit-tokens-reset: 2026-12-01T12:00:20Z"},
         20000},
        {429,
         {"anthropic-ratelimit-tokens-remaining: 1",
          "anthropic-ratelimit-tokens-reset: 2026-12-01T12:00:20Z"},
         -1},
        {429,
         {"anthropic-ratelimit-input-tokens-remaining: 0",
          "anthropic-ratelimit-input-tokens-reset: 2026-12-01T11:00:00Z"},
         0},
        {429,
         {"anthropic-ratelimit-tokens-remaining: 0", "anthropic-ratelimit-tokens-reset: 20s"},
         -1},
        {429,
         {"anthropic-ratelimit-remaining: 0", "anthropic-ratelimit--reset: 2026-12-01T12:00:20Z"},
         -1},
        {429, {"x-ratelimit-remaining-: 0", "x-ratelimit-reset-: 20s"}, -1},
        {429, {"x-ratelimit-remaining_tokens: 0", "x-ratelimit-reset-tokens: 20s"}, -1},
    };
    check(rows, UNIT_COUNT(rows));
}

static void assert_bucket(struct ratelimit_bucket bucket, int64_t limit, int64_t remaining,
                          int64_t reset_ms)
{
    assert_int_equal(bucket.limit, limit);
    assert_int_equal(bucket.remaining, remaining);
    assert_int_equal(bucket.reset_ms, reset_ms);
}

static void openais_limits_are_read(void **state)
{
    (void)state;
    const struct provider_header headers[] = {
        {"x-ratelimit-limit-requests", "5000"},        {"x-ratelimit-remaining-requests", "4999"},
        {"x-ratelimit-reset-requests", "12ms"},        {"x-ratelimit-limit-tokens", "20000000000"},
        {"x-ratelimit-remaining-tokens", " 0 "},       {"x-ratelimit-reset-tokens", "6m0s"},
        {"x-ratelimit-limit-tokens_usage_based", "7"},
    };
    const struct provider_reply reply = {.status = 200, .headers = headers, .header_count = 7};
    struct ratelimit limits;
    ratelimit_read(&reply, noon, &limits);
    assert_bucket(limits.requests, 5000, 4999, 12);
    assert_bucket(limits.tokens, INT64_C(20000000000), 0, 360000);
    assert_bucket(limits.input_tokens, -1, -1, -1);
    assert_bucket(limits.output_tokens, -1, -1, -1);
}

static void anthropics_limits_are_read(void **state)
{
    (void)state;
    const struct provider_header headers[] = {
        {"anthropic-ratelimit-requests-limit", "50"},
        {"anthropic-ratelimit-requests-remaining", "49"},
        {"anthropic-ratelimit-requests-reset", "2026-12-01T12:00:01Z"},
        {"anthropic-ratelimit-tokens-limit", "40000"},
        {"anthropic-ratelimit-input-tokens-limit", "30000"},
        {"anthropic-ratelimit-input-tokens-remaining", "29000"},
        {"anthropic-ratelimit-input-tokens-reset", "2026-12-01T11:59:59Z"},
        {"anthropic-ratelimit-output-tokens-limit", "8000"},
        {"anthropic-ratelimit-output-tokens-reset", "1796126400"},
        {"anthropic-ratelimit-unified-reset", "1796126400"},
    };
    const struct provider_reply reply = {.status = 200, .headers = headers, .header_count = 10};
    struct ratelimit limits;
    ratelimit_read(&reply, noon, &limits);
    assert_bucket(limits.requests, 50, 49, 1000);
    assert_bucket(limits.tokens, 40000, -1, -1);
    assert_bucket(limits.input_tokens, 30000, 29000, 0);
    assert_bucket(limits.output_tokens, 8000, -1, -1);
}

static void limits_that_are_no_numbers_are_unknown(void **state)
{
    (void)state;
    static const char *const values[] = {"", "-1", "many", "5 s", "1e3", "5, 5;w=60"};
    for (size_t i = 0; i < UNIT_COUNT(values); i++) {
        const struct provider_header headers[] = {
            {"x-ratelimit-limit-requests", values[i]},
            {"x-ratelimit-reset-requests", values[i]},
        };
        const struct provider_reply reply = {.status = 200, .headers = headers, .header_count = 2};
        struct ratelimit limits;
        ratelimit_read(&reply, noon, &limits);
        assert_bucket(limits.requests, -1, -1, -1);
    }
    const struct provider_header endless = {"x-ratelimit-limit-tokens",
                                            "99999999999999999999999999999"};
    const struct provider_reply reply = {.status = 200, .headers = &endless, .header_count = 1};
    struct ratelimit limits;
    ratelimit_read(&reply, noon, &limits);
    assert_true(limits.tokens.limit > INT64_C(1000000000000));
}

static void go_durations_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"6m0s", 360000},
        {"1.5s", 1500},
        {"7.66s", 7660},
        {"20ms", 20},
        {"1h2m3s", 3723000},
        {"0s", 0},
        {"0", 0},
        {".5m", 30000},
        {"1.1ms", 2},
        {"500us", 1},
        {"500\u00b5s", 1},
        {"500\u03bcs", 1},
        {"1ns", 1},
        {"1.000000000001s", 1001}, /* rounded up, however little is left */
        {"0.1h", 360000},
        {"", -1},
        {"5", -1},
        {"s", -1},
        {"-1s", -1},
        {"1s ", -1},
        {"1s2", -1},
        {"1d", -1},
        {"1796126400", -1},
        {"nans", -1},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        int64_t ms = ratelimit_go_duration(rows[i].text);
        if (ms != rows[i].ms) {
            fail_msg("%s: %lld instead of %lld", rows[i].text, (long long)ms,
                     (long long)rows[i].ms);
        }
    }
}

static void a_long_go_duration_does_not_overflow(void **state)
{
    (void)state;
    char text[4000] = "";
    for (size_t i = 0; i < 300; i++) {
        strcat(text, "999999999h");
    }
    assert_true(ratelimit_go_duration(text) > 365 * 24 * HOUR);
}

static void a_header_is_found_by_its_whole_name(void **state)
{
    (void)state;
    const struct provider_header headers[] = {{"a-b", "1"}, {"a", "2"}, {"a", "3"}};
    const struct provider_reply reply = {.headers = headers, .header_count = 3};
    assert_string_equal(provider_reply_header(&reply, "a"), "2");
    assert_null(provider_reply_header(&reply, "a-"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_and_milliseconds_are_read),
        cmocka_unit_test(dates_of_all_three_forms_are_read),
        cmocka_unit_test(nonsense_says_nothing),
        cmocka_unit_test(no_wait_is_longer_than_a_day),
        cmocka_unit_test(resets_count_for_limits_that_are_used_up),
        cmocka_unit_test(the_longest_reset_counts),
        cmocka_unit_test(anthropics_resets_count_too),
        cmocka_unit_test(openais_limits_are_read),
        cmocka_unit_test(anthropics_limits_are_read),
        cmocka_unit_test(limits_that_are_no_numbers_are_unknown),
        cmocka_unit_test(go_durations_are_read),
        cmocka_unit_test(a_long_go_duration_does_not_overflow),
        cmocka_unit_test(a_header_is_found_by_its_whole_name),
    };
    return UNIT_RUN(tests);
}
