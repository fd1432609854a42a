/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_progress: how far many jobs are, as one line of any width. */
#include "unit.h"

#include "base/random.h"
#include "base/xalloc.h"
#include "client/progress.h"

enum { CASES = 10000, SEED = 20261125 };

static const struct progress half = {
    .count = 500,
    .done = 240,
    .failed = 3,
    .per_second = 12.4,
    .left_ms = 21000,
    .tokens = 51200,
    .cost_nano = 120000000,
    .currency = "USD",
};

static void expect_line(const struct progress *progress, int columns, const char *expected)
{
    struct buffer out = {0};

    progress_write(&out, progress, columns, false);
    assert_string_equal(out.bytes != NULL ? out.bytes : "", expected);
    buffer_free(&out);
}

static void a_wide_line_tells_all(void **state)
{
    (void)state;
    expect_line(&half, 200,
                "[==============>               ]  48% 240/500 done, 3 failed, 260 waiting, 12/s, "
                "51.2k tokens, 0.1200 USD, 21s left");
}

static void a_narrow_line_tells_what_matters_most(void **state)
{
    (void)state;
    expect_line(&half, 30, "240/500 done, 3 failed");
    expect_line(&half, 14, "240/500 done");
    expect_line(&half, 5, "");
}

static void what_is_not_known_is_not_told(void **state)
{
    const struct progress first = {.count = 7, .growing = true, .left_ms = 5000, .cost_nano = -1};

    (void)state;
    expect_line(&first, 200, "0/7+ done, 7 waiting");
}

static void failures_are_red_where_that_is_wanted(void **state)
{
    struct buffer out = {0};

    (void)state;
    progress_write(&out, &half, 25, true);
    assert_string_equal(out.bytes, "240/500 done, \033[31m3 failed\033[0m");
    buffer_free(&out);
}

static void no_line_is_wider_than_asked(void **state)
{
    struct random random;
    struct buffer out = {0};

    (void)state;
    random_init(&random, SEED);
    for (int i = 0; i < CASES; i++) {
        uint64_t count = random_below(&random, UINT64_C(1) << random_below(&random, 63));
        int columns = (int)random_below(&random, 200);
        const struct progress progress = {
            .count = count,
            .done = random_below(&random, count + 1),
            .failed = random_below(&random, 3),
            .growing = random_below(&random, 2) == 1,
            .per_second = (double)random_below(&random, 100000) / 7,
            .left_ms = (int64_t)random_below(&random, 1000000000) - 1,
            .tokens = random_below(&random, UINT64_MAX),
            .cost_nano = (int64_t)random_below(&random, INT64_MAX) - 1,
            .currency = "EUR",
        };

        buffer_clear(&out);
        progress_write(&out, &progress, columns, false);
        assert_true(out.length <= (size_t)columns);
        assert_true(out.length == 0 || memchr(out.bytes, '\n', out.length) == NULL);
    }
    buffer_free(&out);
}

static void the_pace_follows_and_forgets(void **state)
{
    struct tempo tempo = {0};
    int64_t now = 1000;
    uint64_t done = 0;

    (void)state;
    assert_int_equal(tempo_left(&tempo, 10), -1);
    for (int i = 0; i < 100; i++, now += 1000, done += 10) {
        tempo_note(&tempo, now, done);
    }
    assert_true(tempo.per_second > 9.9 && tempo.per_second < 10.1);
    assert_true(tempo_left(&tempo, 100) > 9000 && tempo_left(&tempo, 100) < 11000);
    for (int i = 0; i < 200; i++, now += 1000, done += 1) {
        tempo_note(&tempo, now, done);
    }
    assert_true(tempo.per_second > 0.9 && tempo.per_second < 1.2);
}

/* Two end together each 400 ms. */
static void bursts_do_not_mislead(void **state)
{
    struct tempo tempo = {0};
    int64_t now = 1000;

    (void)state;
    for (int i = 0; i <= 40; i++, now += 100) {
        tempo_note(&tempo, now, (uint64_t)(2 * (i / 4)));
        assert_true(i < 8 || (tempo.per_second > 3.5 && tempo.per_second < 6.5));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wide_line_tells_all),
        cmocka_unit_test(a_narrow_line_tells_what_matters_most),
        cmocka_unit_test(what_is_not_known_is_not_told),
        cmocka_unit_test(failures_are_red_where_that_is_wanted),
        cmocka_unit_test(no_line_is_wider_than_asked),
        cmocka_unit_test(the_pace_follows_and_forgets),
        cmocka_unit_test(bursts_do_not_mislead),
    };

    return UNIT_RUN(tests);
}
