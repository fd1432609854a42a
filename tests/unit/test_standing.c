/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_standing: how fast a run is and when it will end; the columns of a shape. */
#include "unit.h"

#include "client/shape.h"
#include "client/standing.h"

enum { MINUTE = 60 * 1000 };

static const struct wall now = {INT64_C(1700000000000)};

static struct standing begun(int64_t minutes_ago, uint64_t minute, uint64_t ten, uint64_t hour,
                             uint64_t all)
{
    return (struct standing){.begun_ms = now.ms - minutes_ago * MINUTE,
                             .ended = {minute, ten, hour, all}};
}

static void the_shortest_time_with_enough_ends_tells_the_rate(void **state)
{
    const struct {
        struct standing standing;
        double rate;
    } rows[] = {
        {begun(600, 30, 60, 90, 6000), 30}, {begun(600, 19, 60, 90, 6000), 6},
        {begun(600, 1, 19, 60, 6000), 1},   {begun(600, 0, 0, 6, 6000), 10},
        {begun(600, 0, 0, 0, 6), 0.01},     {begun(5, 3, 40, 40, 40), 8},
        {begun(0, 50, 50, 50, 50), 0},      {begun(600, 0, 0, 0, 0), 0},
    };

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        double found = standing_rate(&rows[i].standing, now);

        if (found < rows[i].rate - 1e-9 || found > rows[i].rate + 1e-9) {
            fail_msg("row %zu: %f instead of %f", i, found, rows[i].rate);
        }
    }
}

static void the_end_is_as_far_as_what_is_left_takes(void **state)
{
    struct standing standing = begun(600, 30, 60, 90, 6000);

    (void)state;
    assert_int_equal(standing_end_ms(&standing, now), 0);
    standing.waiting = 290;
    standing.running = 10;
    assert_int_equal(standing_end_ms(&standing, now), now.ms + 10 * MINUTE);
    standing = begun(600, 0, 0, 0, 0);
    standing.waiting = 1;
    assert_int_equal(standing_end_ms(&standing, now), 0);
}

static void a_column_holds_ages_below_its_heading(void **state)
{
    static const struct {
        int64_t minutes;
        size_t column;
    } rows[] = {{-5, 0}, {0, 0}, {4, 0}, {5, 1}, {9, 1}, {10, 2}, {39, 3}, {1279, 8}, {1280, 9}, {99999, 9}};

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        assert_int_equal(shape_column(rows[i].minutes * MINUTE), rows[i].column);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shortest_time_with_enough_ends_tells_the_rate),
        cmocka_unit_test(the_end_is_as_far_as_what_is_left_takes),
        cmocka_unit_test(a_column_holds_ages_below_its_heading),
    };
    return UNIT_RUN(tests);
}
