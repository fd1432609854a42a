/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tempo: requests a second of each caller, and what is remembered of callers. */
#include "unit.h"

#include "httpd/tempo.h"

static struct mono now(void *context)
{
    return *(struct mono *)context;
}

static void a_burst_then_an_even_pace(void **state)
{
    struct mono time = {5000};
    const struct clock clock = {.mono = now, .context = &time};
    struct tempo *tempo = tempo_open(10, 3, &clock);
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(tempo_take(tempo, "a", 1), 0);
    assert_int_equal(tempo_take(tempo, "a", 1), 100);
    assert_int_equal(tempo_take(tempo, "a", 1), 100); /* what is refused costs nothing */
    assert_int_equal(tempo_take(tempo, "b", 1), 0);
    time.ms += 99;
    assert_int_equal(tempo_take(tempo, "a", 1), 1);
    time.ms += 1;
    assert_int_equal(tempo_take(tempo, "a", 1), 0);
    assert_int_equal(tempo_take(tempo, "a", 1), 100);
    time.ms += 100000;
    for (int i = 0; i < 3; i++)
        assert_int_equal(tempo_take(tempo, "a", 1), 0);
    assert_true(tempo_take(tempo, "a", 1) > 0);
    tempo_close(tempo);
}

static void a_second_has_as_many_as_the_rate(void **state)
{
    struct mono time = {0};
    const struct clock clock = {.mono = now, .context = &time};
    struct tempo *tempo = tempo_open(200, 1, &clock);
    int served = 0;
    (void)state;
    for (; time.ms < 10000; time.ms++)
        served += tempo_take(tempo, "a", 1) == 0;
    assert_int_equal(served, 2000);
    tempo_close(tempo);
}

static void the_quietest_is_forgotten(void **state)
{
    struct mono time = {0};
    const struct clock clock = {.mono = now, .context = &time};
    struct tempo *tempo = tempo_open(1, 1, &clock);
    (void)state;
    assert_int_equal(tempo_take(tempo, "first", 5), 0);
    for (int i = 0; i < TEMPO_CALLERS - 1; i++)
        assert_int_equal(tempo_take(tempo, &i, sizeof i), 0);
    assert_true(tempo_take(tempo, "first", 5) > 0); /* heard of again: the newest now */
    assert_int_equal(tempo_take(tempo, "one more", 8), 0);
    assert_true(tempo_take(tempo, "first", 5) > 0);
    assert_int_equal(tempo_take(tempo, &(int){0}, sizeof(int)), 0); /* was forgotten */
    tempo_close(tempo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_then_an_even_pace),
        cmocka_unit_test(a_second_has_as_many_as_the_rate),
        cmocka_unit_test(the_quietest_is_forgotten),
    };
    return UNIT_RUN(tests);
}
