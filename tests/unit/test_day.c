/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dates as numbers. */
#include "unit.h"

#include "base/day.h"

static int32_t day(const char *text)
{
    int32_t number = -1;

    if (!day_read(text, &number)) {
        fail_msg("%s is not read", text);
    }
    return number;
}

static void is_day(int32_t number, const char *text)
{
    char out[DAY_SIZE];

    day_write(number, out);
    assert_string_equal(out, text);
}

static void days_count_from_1970(void **state)
{
    (void)state;
    assert_int_equal(day("1970-01-01"), 0);
    assert_int_equal(day("1969-12-31"), -1);
    assert_int_equal(day("2000-03-01"), 11017);
    assert_int_equal(day("2026-02-10"), 20494);
}

static void every_day_of_two_centuries_is_read_as_it_is_written(void **state)
{
    char out[DAY_SIZE];
    int32_t end = day("2100-12-31");

    (void)state;
    for (int32_t number = day("1900-01-01"); number <= end; number++) {
        day_write(number, out);
        assert_int_equal(day(out), number);
    }
}

static void what_is_no_date_is_refused(void **state)
{
    static const char *const wrong[] = {"",           "2026-2-10",   "2026-02-30", "2025-02-29",
                                        "2026-13-01", "2026-00-01",  "2026-01-00", "2026-02-1x",
                                        "2026-02",    "2026-02-101", "20260210",   " 2026-02-10"};
    int32_t number = 7;

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        assert_false(day_read(wrong[i], &number));
    }
    assert_false(day_read_month("2026-13", &number));
    assert_false(day_read_month("2026-00", &number));
    assert_false(day_read_month("2026-01-01", &number));
    assert_int_equal(number, 7);
}

static void a_month_is_read_as_its_first_day(void **state)
{
    int32_t number;

    (void)state;
    assert_true(day_read_month("2026-02", &number));
    is_day(number, "2026-02-01");
}

static void weeks_begin_on_monday_also_over_the_end_of_a_year(void **state)
{
    (void)state;
    is_day(day_week(day("2026-02-09")), "2026-02-09");
    is_day(day_week(day("2026-02-15")), "2026-02-09");
    is_day(day_week(day("2027-01-03")), "2026-12-28");
    is_day(day_week(day("1969-12-31")), "1969-12-29");
}

static void months_end_where_the_next_begins(void **state)
{
    (void)state;
    is_day(day_month(day("2026-02-28")), "2026-02-01");
    is_day(day_next_month(day("2026-02-01")), "2026-03-01");
    is_day(day_next_month(day("2026-12-31")), "2027-01-01");
    is_day(day_next_month(day("2028-01-31")), "2028-02-01");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_count_from_1970),
        cmocka_unit_test(every_day_of_two_centuries_is_read_as_it_is_written),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(a_month_is_read_as_its_first_day),
        cmocka_unit_test(weeks_begin_on_monday_also_over_the_end_of_a_year),
        cmocka_unit_test(months_end_where_the_next_begins),
    };
    return UNIT_RUN(tests);
}
