/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cursor: where a listing goes on, written, read, refused. */
#include "unit.h"

#include "httpd/cursor.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void test_both_ways(void **state)
{
    static const char *const texts[] = {"c",       "f",       "d",      ("c" HEX),
                                        ("f" HEX), ("d" HEX),   "r0",     "r999999999999999"};
    struct cursor cursor;
    char text[CURSOR_SIZE];
    (void)state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_true(cursor_read(texts[i], &cursor));
        cursor_write(&cursor, text);
        assert_string_equal(text, texts[i]);
    }
    assert_true(cursor_read("d" HEX, &cursor));
    assert_int_equal(cursor.folder, FOLDER_DONE);
    assert_true(cursor.after);
    assert_false(cursor.in_run);
    assert_true(cursor_read("r17", &cursor));
    assert_true(cursor.in_run);
    assert_int_equal(cursor.position, 17);
}

static void test_others_are_none(void **state)
{
    static const char *const texts[] = {"",   "x",   "d1",  ("d" HEX "0"), ("D" HEX), "r",
                                        "r-1", "r1x", "r 1", "r9999999999999999", HEX};
    struct cursor cursor;
    (void)state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(cursor_read(texts[i], &cursor));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_others_are_none),
    };

    return UNIT_RUN(tests);
}
