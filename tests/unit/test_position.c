/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_position: places in the log of events as text. */
#include "unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/day.h"
#include "httpd/position.h"

static void written_and_read_back(void **state)
{
    static const struct {
        const char *text;
        int year, month, day;
        uint64_t at;
    } rows[] = {
        {"20261126-000012345", 2026, 11, 26, 12345},
        {"19700101-000000000", 1970, 1, 1, 0},
        {"20280229-999999999", 2028, 2, 29, 999999999},
        {"20261231-1000000000", 2026, 12, 31, 1000000000},
        {"99991231-123456789012345678", 9999, 12, 31, UINT64_C(123456789012345678)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct position wanted = {day_of(rows[i].year, rows[i].month, rows[i].day), rows[i].at};
        struct position found = {0, 0};
        char text[POSITION_SIZE];

        position_write(wanted, text);
        assert_string_equal(text, rows[i].text);
        assert_true(position_read(text, &found));
        assert_int_equal(position_compare(found, wanted), 0);
    }
}

static void nothing_else_is_read(void **state)
{
    static const char *const rows[] = {
        "",
        "-",
        "20261126",
        "20261126-",
        "20261126-1",
        "20261126-00001234",           /* too few digits */
        "20261126-0000012345",         /* a leading zero too many */
        "20261126-1234567890123456789", /* more than anybody writes */
        "2026-11-26-000012345",
        "20261126-00001234x",
        "20261126-+00012345",
        "20261126 000012345",
        " 20261126-000012345",
        "20261126-000012345 ",
        "20261126-000012345\n",
        "20261301-000012345",
        "20260230-000012345",
        "start",
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct position found = {7, 7};

        if (position_read(rows[i], &found))
            fail_msg("\"%s\" is read", rows[i]);
        assert_int_equal(found.day, 7);
        assert_int_equal(found.at, 7);
    }
}

static void compared_by_day_first(void **state)
{
    const struct position a = {1, 900}, b = {2, 0}, c = {2, 1};

    (void)state;
    assert_true(position_compare(a, b) < 0);
    assert_true(position_compare(b, c) < 0);
    assert_true(position_compare(c, a) > 0);
    assert_int_equal(position_compare(c, c), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read_back),
        cmocka_unit_test(nothing_else_is_read),
        cmocka_unit_test(compared_by_day_first),
    };

    return UNIT_RUN(tests);
}
