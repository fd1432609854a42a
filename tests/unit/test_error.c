/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_error: how a call says why it failed. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

static void setting_fills_kind_and_sentence(void **state)
{
    (void)state;
    struct error error;
    error_set(&error, ERROR_DATA, "%s: line %d", "a.json", 3);
    assert_int_equal(error.kind, ERROR_DATA);
    assert_string_equal(error.text, "a.json: line 3");
}

static void a_system_error_ends_with_the_reason(void **state)
{
    (void)state;
    struct error error;
    error_system(&error, ENOENT, "cannot open %s", "spool.json");
    assert_int_equal(error.kind, ERROR_SYSTEM);
    assert_string_equal(error.text, "cannot open spool.json: No such file or directory");
}

static void a_prefix_says_where_and_keeps_the_kind(void **state)
{
    (void)state;
    struct error error;
    error_set(&error, ERROR_LATER, "busy");
    error_prefix(&error, "job %d", 7);
    assert_int_equal(error.kind, ERROR_LATER);
    assert_string_equal(error.text, "job 7: busy");
}

static void nobody_needs_to_want_to_know(void **state)
{
    (void)state;
    error_set(NULL, ERROR_DATA, "unheard");
    error_system(NULL, EIO, "unheard");
    error_prefix(NULL, "unheard");
}

static void the_old_text_may_be_part_of_the_new_one(void **state)
{
    (void)state;
    struct error error;
    error_set(&error, ERROR_DATA, "inner");
    error_set(&error, ERROR_ABSENT, "outer (%s)", error.text);
    assert_string_equal(error.text, "outer (inner)");
}

static void a_long_text_is_cut_between_characters(void **state)
{
    (void)state;
    struct error error;
    char text[1200];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4) {
            memcpy(text + i, "\xF0\x9F\x98\x82", 5);
        }
        error_set(&error, ERROR_DATA, "%s", text);
        size_t length = strlen(error.text);
        assert_in_range(length, sizeof error.text - 4, sizeof error.text - 1);
        assert_memory_equal(error.text, text, length);
        assert_true(utf8_valid(error.text, length));
        error_prefix(&error, "where");
        assert_true(utf8_valid(error.text, strlen(error.text)));
        assert_memory_equal(error.text, "where: ", 7);
    }
}

static void a_text_that_just_fits_is_whole(void **state)
{
    (void)state;
    struct error error;
    char text[sizeof error.text];
    memset(text, 'a', sizeof text);
    memcpy(text + sizeof text - 3, "\xC3\xBC", 3);
    error_set(&error, ERROR_DATA, "%s", text);
    assert_string_equal(error.text, text);
}

static void every_kind_has_its_exit_code(void **state)
{
    (void)state;
    assert_int_equal(error_exit(ERROR_NONE), 0);
    assert_int_equal(error_exit(ERROR_USAGE), 64);
    assert_int_equal(error_exit(ERROR_DATA), 65);
    assert_int_equal(error_exit(ERROR_ABSENT), 69);
    assert_int_equal(error_exit(ERROR_SYSTEM), 71);
    assert_int_equal(error_exit(ERROR_CREATE), 73);
    assert_int_equal(error_exit(ERROR_LATER), 75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_fills_kind_and_sentence),
        cmocka_unit_test(a_system_error_ends_with_the_reason),
        cmocka_unit_test(a_prefix_says_where_and_keeps_the_kind),
        cmocka_unit_test(nobody_needs_to_want_to_know),
        cmocka_unit_test(the_old_text_may_be_part_of_the_new_one),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(a_text_that_just_fits_is_whole),
        cmocka_unit_test(every_kind_has_its_exit_code),
    };
    return UNIT_RUN(tests);
}
