/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_timetext: times and durations as text. */
#include "unit.h"

#include <errno.h>
#include <time.h>

#include "base/timetext.h"

static void check_time(const char *text, const char *wanted)
{
    struct wall time = {-1};
    char back[TIMETEXT_SIZE];
    assert_int_equal(timetext_read(text, &time), 0);
    timetext_write(time, back);
    assert_string_equal(back, wanted);
}

static void times_are_read_and_written_in_utc(void **state)
{
    (void)state;
    struct wall time;
    check_time("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z");
    check_time("2026-12-01T03:00:00Z", "2026-12-01T03:00:00.000Z");
    check_time("2026-12-01 03:00:00z", "2026-12-01T03:00:00.000Z");
    check_time("2026-12-01t03:00:00+05:30", "2026-11-30T21:30:00.000Z");
    check_time("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00.000Z");
    check_time("2000-02-29T12:00:00-00:00", "2000-02-29T12:00:00.000Z");
    check_time("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z");
    assert_int_equal(timetext_read("2001-09-09T01:46:40Z", &time), 0);
    assert_int_equal(time.ms, INT64_C(1000000000000));
}

static void fractions_are_kept_to_milliseconds(void **state)
{
    (void)state;
    check_time("2026-01-02T03:04:05.6Z", "2026-01-02T03:04:05.600Z");
    check_time("2026-01-02T03:04:05.067Z", "2026-01-02T03:04:05.067Z");
    check_time("2026-01-02T03:04:05.999999999999Z", "2026-01-02T03:04:05.999Z");
}

static void a_leap_second_is_the_second_after(void **state)
{
    (void)state;
    check_time("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z");
    check_time("2016-12-31T23:59:60.25Z", "2017-01-01T00:00:00.250Z");
    check_time("2016-12-31T15:59:60-08:00", "2017-01-01T00:00:00.000Z");
    check_time("2017-01-01T05:29:60+05:30", "2017-01-01T00:00:00.000Z");
}

static void other_texts_are_no_times_and_change_nothing(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "",
        "2026-12-01",
        "2026-12-01T03:00:00",
        "2026-12-01T03:00Z",
        "2026-12-01T03:00:00Z ",
        " 2026-12-01T03:00:00Z",
        "2026-12-01_03:00:00Z",
        "2026-1-01T03:00:00Z",
        "2026-00-01T03:00:00Z",
        "2026-13-01T03:00:00Z",
        "2026-12-00T03:00:00Z",
        "2026-12-32T03:00:00Z",
        "2026-04-31T03:00:00Z",
        "2023-02-29T03:00:00Z",
        "2100-02-29T03:00:00Z",
        "2026-12-01T24:00:00Z",
        "2026-12-01T03:60:00Z",
        "2026-12-01T03:00:61Z",
        "2026-12-01T03:00:60Z",
        "2023-02-29T23:59:60Z",
        "2026-12-01T03:00:00.Z",
        "2026-12-01T03:00:00,5Z",
        "2026-12-01T03:00:00+0100",
        "2026-12-01T03:00:00+24:00",
        "2026-12-01T03:00:00+01:60",
        "2026-12-01T03:00:00+1:00",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
        "+026-12-01T03:00:00Z",
    };
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        struct wall time = {42};
        if (timetext_read(wrong[i], &time) != -EINVAL || time.ms != 42) {
            fail_msg("taken for a time: %s", wrong[i]);
        }
    }
}

/* Reads back every day of some centuries, so that no month's length is wrong. */
static void every_day_reads_back(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 160000; day++) {
        struct wall time = {day * 86400000 + day % 86400000};
        struct wall back = {-1};
        char text[TIMETEXT_SIZE];
        timetext_write(time, text);
        assert_int_equal(timetext_read(text, &back), 0);
        assert_true(time.ms == back.ms);
    }
}

static void impossible_times_are_written_as_the_nearest_possible(void **state)
{
    (void)state;
    char text[TIMETEXT_SIZE];
    timetext_write((struct wall){-1}, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    timetext_write((struct wall){INT64_MIN}, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    timetext_write((struct wall){INT64_MAX}, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void local_time_shows_the_date_on_other_days_only(void **state)
{
    (void)state;
    struct wall time, same, next, year;
    char text[TIMETEXT_SIZE];
    setenv("TZ", "XYZ-2", 1); /* two hours ahead of UTC */
    tzset();
    timetext_read("2026-12-01T10:00:03Z", &time);
    timetext_read("2026-12-01T21:59:59Z", &same);
    timetext_read("2026-12-01T22:00:00Z", &next);
    timetext_read("2027-12-01T10:00:03Z", &year);
    timetext_write_local(time, same, text);
    assert_string_equal(text, "12:00:03");
    timetext_write_local(time, next, text);
    assert_string_equal(text, "2026-12-01 12:00:03");
    timetext_write_local(time, year, text);
    assert_string_equal(text, "2026-12-01 12:00:03");
    unsetenv("TZ");
    tzset();
}

static void durations_are_numbers_with_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"0", 0},
        {"0s", 0},
        {"850ms", 850},
        {"90s", 90000},
        {"10m", 600000},
        {"2h", 7200000},
        {"90d", INT64_C(7776000000)},
        {"1w", 604800000},
        {"1h30m", 5400000},
        {"1m500ms", 60500},
        {"1.5h", 5400000},
        {"0.25s", 250},
        {"1.0009ms", 1},
        {"007s", 7000},
        {"36525d", INT64_C(3155760000000)},
        {"3155760000000ms", INT64_C(3155760000000)},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        int64_t ms = -1;
        if (timetext_read_duration(rows[i].text, &ms) != 0 || ms != rows[i].ms) {
            fail_msg("%s was read as %lld ms", rows[i].text, (long long)ms);
        }
    }
}

static void other_texts_are_no_durations_and_change_nothing(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "",
        "5",
        "00",
        "s",
        "-5s",
        "+5s",
        " 5s",
        "5s ",
        "5 s",
        "5S",
        "5y",
        "1h 30m",
        "1h30",
        ".5s",
        "5.s",
        "1e3s",
        "5sec",
        "36525d1ms",
        "36526d",
        "0x5s",
        "99999999999999999999999s",
        "5218w",
        "1.2.3s",
        "1,5s",
        "3155760000000.9s",
    };
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        int64_t ms = 42;
        if (timetext_read_duration(wrong[i], &ms) != -EINVAL || ms != 42) {
            fail_msg("taken for a duration: %s", wrong[i]);
        }
    }
}

static void durations_are_written_in_at_most_two_units(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "0ms"},
        {850, "850ms"},
        {999, "999ms"},
        {1000, "1s"},
        {12345, "12.3s"},
        {59999, "59.9s"},
        {60000, "1m"},
        {250000, "4m 10s"},
        {3599999, "59m 59s"},
        {11100000, "3h 5m"},
        {86399999, "23h 59m"},
        {187200000, "2d 4h"},
        {INT64_C(7776000000), "90d"},
        {-250000, "-4m 10s"},
        {INT64_MAX, "106751991167d 7h"},
        {INT64_MIN, "-106751991167d 7h"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        char text[TIMETEXT_SIZE];
        timetext_write_duration(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_and_written_in_utc),
        cmocka_unit_test(fractions_are_kept_to_milliseconds),
        cmocka_unit_test(a_leap_second_is_the_second_after),
        cmocka_unit_test(other_texts_are_no_times_and_change_nothing),
        cmocka_unit_test(every_day_reads_back),
        cmocka_unit_test(impossible_times_are_written_as_the_nearest_possible),
        cmocka_unit_test(local_time_shows_the_date_on_other_days_only),
        cmocka_unit_test(durations_are_numbers_with_units),
        cmocka_unit_test(other_texts_are_no_durations_and_change_nothing),
        cmocka_unit_test(durations_are_written_in_at_most_two_units),
    };
    return UNIT_RUN(tests);
}
