/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_allowance: the limits of an upstream that are known, configured or told. */
#include "unit.h"

#include "upstream/allowance.h"

static const struct gate_cost none = {-1, -1};

static struct mono at(int64_t ms)
{
    return (struct mono){ms};
}

static struct gate_ticket send_one(struct allowance *allowance, int64_t input, int64_t output,
                                   int64_t ms)
{
    struct gate_ticket ticket = {.cost = {input, output}, .sent_ms = ms};
    allowance_sent(allowance, &ticket, at(ms));
    return ticket;
}

static int64_t wait_for(const struct allowance *allowance, int64_t input, int64_t output,
                        int64_t ms)
{
    return allowance_wait_ms(allowance, &(struct gate_cost){input, output}, at(ms));
}

/* Each limit alone: what it lets through together, and how long the next one then waits. */
static void each_limit_holds_what_it_is_for(void **state)
{
    (void)state;
    static const struct {
        struct gate_limits limits;
        int together;
        int64_t wait_ms;
    } rows[] = {
        {{.rpm = 600}, 10, 100},         {{.rpm = 6}, 1, 10000},
        {{.tpm = 60000}, 1, 1000},       /* 900 of a second's 1000, and 900 more */
        {{.input_tpm = 60000}, 1, 200},  /* 600 of them are input */
        {{.output_tpm = 60000}, 3, 200}, /* 300 are output */
        {{.rpd = 5}, 5, 17280000},       {{.rpm = 600, .rpd = 5}, 5, 17280000},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct allowance allowance = {0};
        int sent = 0;
        allowance_configure(&allowance, &rows[i].limits, at(0));
        while (wait_for(&allowance, 600, 300, 0) == 0) {
            send_one(&allowance, 600, 300, 0);
            sent++;
        }
        int64_t wait_ms = wait_for(&allowance, 600, 300, 0);
        if (sent != rows[i].together || (i != 2 && wait_ms != rows[i].wait_ms) ||
            (i == 2 && wait_ms != 800)) {
            fail_msg("row %zu: %d together, then %lld ms", i, sent, (long long)wait_ms);
        }
    }
}

static void real_usage_corrects_the_estimate_and_may_overdraw(void **state)
{
    (void)state;
    struct allowance allowance = {0};
    struct allowance_use use = {.requests = 1, .cost = {5000, 1000}, .known = true};
    allowance_configure(&allowance, &(struct gate_limits){.tpm = 60000}, at(0));
    struct gate_ticket ticket = send_one(&allowance, 500, 100, 0);
    allowance_ended(&allowance, &ticket, &use, NULL, at(0));
    assert_int_equal(allowance_view(&allowance, ALLOWANCE_TOKENS, at(0)).left, -5000);
    assert_int_equal(allowance_wait_ms(&allowance, &none, at(0)), 5001);
}

static void estimates_that_are_too_low_are_charged_more(void **state)
{
    (void)state;
    struct allowance allowance = {0};
    for (int i = 0; i < 100; i++) {
        struct gate_ticket ticket = send_one(&allowance, 100, 0, 0);
        struct allowance_use use = {.requests = 1, .cost = {150, 0}, .known = true};
        allowance_ended(&allowance, &ticket, &use, NULL, at(0));
    }
    assert_true(allowance_scale(&allowance) > 1.49 && allowance_scale(&allowance) < 1.51);
    for (int i = 0; i < 200; i++) {
        struct gate_ticket ticket = send_one(&allowance, 100, 0, 0);
        struct allowance_use use = {.requests = 1, .cost = {10, 0}, .known = true};
        allowance_ended(&allowance, &ticket, &use, NULL, at(0));
    }
    assert_true(allowance_scale(&allowance) == 1);
}

/* An answer that tells 60 requests a minute, one of them left. */
static void hear(struct allowance *allowance, int64_t ms)
{
    struct ratelimit limits = {{60, 1, 59000}, {-1, -1, -1}, {-1, -1, -1}, {-1, -1, -1}};
    struct allowance_use use = {.requests = 1};
    struct gate_ticket ticket = send_one(allowance, -1, -1, ms);
    allowance_ended(allowance, &ticket, &use, &limits, at(ms));
}

static void what_is_told_holds_where_nothing_is_configured(void **state)
{
    (void)state;
    struct allowance allowance = {0};
    hear(&allowance, 0);
    assert_int_equal(allowance_view(&allowance, ALLOWANCE_REQUESTS, at(0)).origin, GATE_TOLD);
    assert_int_equal(allowance_view(&allowance, ALLOWANCE_REQUESTS, at(0)).limit, 60);
    send_one(&allowance, -1, -1, 0);
    assert_true(allowance_wait_ms(&allowance, &none, at(0)) > 900);
    allowance_configure(&allowance, &(struct gate_limits){.rpm = 6000}, at(0));
    assert_int_equal(allowance_wait_ms(&allowance, &none, at(0)), 0);
    assert_int_equal(allowance_view(&allowance, ALLOWANCE_REQUESTS, at(0)).origin, GATE_CONFIGURED);
    assert_int_equal(allowance_view(&allowance, ALLOWANCE_TOKENS, at(0)).origin, GATE_NO_LIMIT);
}

static void a_refusal_is_explained_by_its_headers_or_our_books(void **state)
{
    (void)state;
    struct allowance allowance = {0};
    struct ratelimit used_up = {{60, 0, 60000}, {-1, -1, -1}, {-1, -1, -1}, {-1, -1, -1}};
    struct ratelimit enough = {{60, 30, 30000}, {-1, -1, -1}, {-1, -1, -1}, {-1, -1, -1}};
    assert_int_equal(allowance_refused(&allowance, NULL, &none, at(0)), ALLOWANCE_SILENT);
    hear(&allowance, 0);
    assert_int_equal(allowance_refused(&allowance, &used_up, &none, at(0)), ALLOWANCE_USED_UP);
    assert_int_equal(allowance_refused(&allowance, &enough, &none, at(0)), ALLOWANCE_ENOUGH);
    assert_int_equal(allowance_refused(&allowance, NULL, &none, at(0)), ALLOWANCE_ENOUGH);
    send_one(&allowance, -1, -1, 0);
    assert_int_equal(allowance_refused(&allowance, NULL, &none, at(0)), ALLOWANCE_SILENT);
    allowance_configure(&allowance, &(struct gate_limits){.rpm = 6000}, at(0));
    assert_int_equal(allowance_refused(&allowance, &used_up, &none, at(0)), ALLOWANCE_SILENT);
}

static void room_is_what_the_scarcest_has_left(void **state)
{
    (void)state;
    struct allowance allowance = {0};
    assert_true(allowance_room(&allowance, at(0)) == 1);
    allowance_configure(&allowance, &(struct gate_limits){.rpm = 600, .rpd = 10}, at(0));
    send_one(&allowance, -1, -1, 0);
    assert_true(allowance_room(&allowance, at(0)) == 0.9);
    for (int i = 0; i < 9; i++) {
        send_one(&allowance, -1, -1, 0);
    }
    assert_true(allowance_room(&allowance, at(1000)) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_holds_what_it_is_for),
        cmocka_unit_test(real_usage_corrects_the_estimate_and_may_overdraw),
        cmocka_unit_test(estimates_that_are_too_low_are_charged_more),
        cmocka_unit_test(what_is_told_holds_where_nothing_is_configured),
        cmocka_unit_test(a_refusal_is_explained_by_its_headers_or_our_books),
        cmocka_unit_test(room_is_what_the_scarcest_has_left),
    };
    return UNIT_RUN(tests);
}
