/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local dates in the zones of the IANA database; libc is the judge. */
#include "unit.h"

#include <time.h>

#include "base/day.h"
#include "base/timetext.h"
#include "base/zone.h"
#include "base/zone_rule.h"

enum { HOUR_MS = 60 * 60 * 1000 };

static struct zone *zone(const char *name)
{
    struct error error;
    struct zone *opened = zone_open(name, &error);

    if (opened == NULL) {
        fail_msg("%s", error.text);
    }
    return opened;
}

static struct wall moment(const char *text)
{
    struct wall wall;

    assert_int_equal(timetext_read(text, &wall), 0);
    return wall;
}

static void day_begins(const struct zone *opened, const char *date, const char *utc)
{
    char text[TIMETEXT_SIZE];
    int32_t day;

    assert_true(day_read(date, &day));
    timetext_write(zone_day_start(opened, day), text);
    assert_string_equal(text, utc);
}

/* Zones with every sort of rule: north, south, none, halves and quarters, negative summer time,
 * changes at midnight, dates skipped. */
static const char *const names[] = {
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Europe/Dublin",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Santiago",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Asia/Tehran",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "Pacific/Auckland",
    "Etc/GMT+5",
    "Asia/Jerusalem",
};

static void offsets_are_those_of_libc(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(names); i++) {
        struct zone *opened = zone(names[i]);

        assert_int_equal(setenv("TZ", names[i], 1), 0);
        tzset();
        /* From 1971 to 2099 in steps that pass every hour of the day. */
        for (time_t at = 31536000; at < 4070908800; at += 37 * 3600 + 61) {
            struct tm broken;

            assert_non_null(localtime_r(&at, &broken));
            if (zone_offset(opened, (struct wall){(int64_t)at * 1000}) != broken.tm_gmtoff) {
                fail_msg("%s at %lld", names[i], (long long)at);
            }
        }
        zone_free(opened);
    }
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static void local_time_of_the_process_is_a_zone_too(void **state)
{
    struct zone *opened;

    (void)state;
    assert_int_equal(setenv("TZ", "America/New_York", 1), 0);
    opened = zone(NULL);
    assert_int_equal(zone_offset(opened, moment("2026-07-01T00:00:00Z")), -4 * 3600);
    day_begins(opened, "2026-07-01", "2026-07-01T04:00:00.000Z");
    zone_free(opened);
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static void days_with_a_change_are_shorter_and_longer(void **state)
{
    struct zone *berlin = zone("Europe/Berlin");

    (void)state;
    day_begins(berlin, "2026-03-29", "2026-03-28T23:00:00.000Z");
    day_begins(berlin, "2026-03-30", "2026-03-29T22:00:00.000Z");
    day_begins(berlin, "2026-10-25", "2026-10-24T22:00:00.000Z");
    day_begins(berlin, "2026-10-26", "2026-10-25T23:00:00.000Z");
    zone_free(berlin);
}

static void years_turn_when_they_do_here(void **state)
{
    struct zone *apia = zone("Pacific/Apia");
    int32_t day;

    (void)state;
    day_begins(apia, "2027-01-01", "2026-12-31T11:00:00.000Z");
    assert_true(day_read("2027-01-01", &day));
    assert_int_equal(zone_day(apia, moment("2026-12-31T11:00:00Z")), day);
    assert_int_equal(zone_day(apia, moment("2026-12-31T10:59:59.999Z")), day - 1);
    zone_free(apia);
}

static void a_day_begins_where_its_midnight_does_not_exist(void **state)
{
    struct zone *cairo = zone("Africa/Cairo");

    (void)state;
    /* 2024-04-26: clocks went from 00:00 to 01:00. */
    day_begins(cairo, "2024-04-26", "2024-04-25T22:00:00.000Z");
    zone_free(cairo);
}

static void a_day_may_begin_between_minutes(void **state)
{
    struct zone *monrovia = zone("Africa/Monrovia");

    (void)state;
    day_begins(monrovia, "1971-06-01", "1971-06-01T00:44:30.000Z");
    zone_free(monrovia);
}

static void a_date_that_was_skipped_begins_with_the_next(void **state)
{
    struct zone *apia = zone("Pacific/Apia");

    (void)state;
    day_begins(apia, "2011-12-30", "2011-12-30T10:00:00.000Z");
    day_begins(apia, "2011-12-31", "2011-12-30T10:00:00.000Z");
    zone_free(apia);
}

static void every_day_begins_at_its_first_moment(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(names); i++) {
        struct zone *opened = zone(names[i]);
        int32_t first, last;

        assert_true(day_read("2009-12-25", &first));
        assert_true(day_read("2012-01-05", &last));
        for (int32_t day = first; day <= last; day++) {
            struct wall start = zone_day_start(opened, day);

            assert_true(zone_day(opened, start) >= day);
            assert_true(zone_day(opened, (struct wall){start.ms - 1}) < day);
        }
        zone_free(opened);
    }
}

static void unknown_zones_are_refused(void **state)
{
    static const char *const wrong[] = {
        "", "Europe/Berlim", "../../etc/passwd", "/UTC", "Europe", "zone.tab", "a b"};
    struct error error;

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        assert_null(zone_open(wrong[i], &error));
        assert_int_equal(error.kind, ERROR_DATA);
    }
}

static void rules_are_read_as_posix_says(void **state)
{
    static const char *const wrong[] = {
        "",
        "C1",
        "CET",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-200",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,J0,J1",
        "CET-1x",
        "<+01-1",
        "CET-1CEST,M3.5.0,M10.5.0/3x",
    };
    struct zone_rule rule;

    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        if (zone_rule_read(wrong[i], &rule)) {
            fail_msg("%s is read", wrong[i]);
        }
    }
    assert_true(zone_rule_read("<+0545>-5:45", &rule));
    assert_int_equal(rule.standard, 5 * 3600 + 45 * 60);
    assert_true(zone_rule_read("AAA3BBB,J60/1:30,364/-1", &rule));
    assert_int_equal(rule.summer, -2 * 3600);
    /* J60 is 1 March also in a leap year; begins at 01:30 local standard time. */
    assert_int_equal(zone_rule_offset(&rule, moment("2028-03-01T04:29:59Z").ms / 1000), -3 * 3600);
    assert_int_equal(zone_rule_offset(&rule, moment("2028-03-01T04:30:00Z").ms / 1000), -2 * 3600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_those_of_libc),
        cmocka_unit_test(local_time_of_the_process_is_a_zone_too),
        cmocka_unit_test(days_with_a_change_are_shorter_and_longer),
        cmocka_unit_test(years_turn_when_they_do_here),
        cmocka_unit_test(a_day_begins_where_its_midnight_does_not_exist),
        cmocka_unit_test(a_day_may_begin_between_minutes),
        cmocka_unit_test(a_date_that_was_skipped_begins_with_the_next),
        cmocka_unit_test(every_day_begins_at_its_first_moment),
        cmocka_unit_test(unknown_zones_are_refused),
        cmocka_unit_test(rules_are_read_as_posix_says),
    };
    return UNIT_RUN(tests);
}
