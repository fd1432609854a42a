/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_field: members of the JSON records that we write and read back. */
#include "unit.h"

#include <limits.h>
#include <string.h>

#include "base/jsontext.h"
#include "job/field.h"

static void check_string(const char *text, size_t length, size_t limit, const char *wanted)
{
    json_t *string = field_string(text, length, limit);
    assert_int_equal(json_string_length(string), strlen(wanted));
    assert_string_equal(json_string_value(string), wanted);
    json_decref(string);
}

static void strings_are_repaired(void **state)
{
    (void)state;
    check_string("plain", 5, 5, "plain");
    check_string("", 0, 0, "");
    check_string("a\0b", 3, 10,
                 "a\xEF\xBF\xBD"
                 "b");
    check_string("\xFF\xC3\xA4", 3, 10, "\xEF\xBF\xBD\xC3\xA4");
    check_string("\xE2\x82", 2, 10, "\xEF\xBF\xBD\xEF\xBF\xBD"); /* an euro sign cut short */
}

static void strings_are_cut_between_characters(void **state)
{
    (void)state;
    check_string("abcdef", 6, 3, "abc");
    check_string("ab\xE2\x82\xAC", 5, 4, "ab");
    check_string("ab\xE2\x82\xAC", 5, 5, "ab\xE2\x82\xAC");
    check_string("ab\xFF", 3, 4, "ab"); /* its replacement is longer than it is */
}

static void members_are_written_or_null(void **state)
{
    (void)state;
    struct buffer out = {0};
    json_t *object = json_object();
    field_text(object, "a", "x");
    field_text(object, "b", NULL);
    field_text_if(object, "c", NULL);
    field_time(object, "d", 0);
    field_time_or_null(object, "e", 0);
    field_time_or_null(object, "f", 1);
    field_count(object, "g", 9007199254740993);
    jsontext_write(&out, object);
    assert_string_equal(out.bytes, "{\"a\":\"x\",\"b\":null,\"d\":\"1970-01-01T00:00:00.000Z\","
                                   "\"e\":null,\"f\":\"1970-01-01T00:00:00.001Z\","
                                   "\"g\":9007199254740993}");
    buffer_free(&out);
    json_decref(object);
}

static void what_is_absent_or_null_leaves_the_value_alone(void **state)
{
    (void)state;
    unsigned count = 7;
    int64_t number = 8, ms = 9;
    char *text = NULL;
    json_t *object = json_pack("{s:n}", "here");
    const char *const keys[] = {"here", "absent"};
    for (size_t i = 0; i < UNIT_COUNT(keys); i++) {
        assert_true(field_read_count(object, keys[i], &count));
        assert_true(field_read_number(object, keys[i], &number));
        assert_true(field_read_time(object, keys[i], &ms));
        assert_true(field_read_text(object, keys[i], &text));
    }
    assert_int_equal(count, 7);
    assert_int_equal(number, 8);
    assert_int_equal(ms, 9);
    assert_null(text);
    json_decref(object);
}

static void what_is_there_is_read(void **state)
{
    (void)state;
    unsigned count = 0;
    int64_t number = 0, ms = 0;
    char *text = NULL;
    json_t *object = json_pack("{s:I, s:I, s:s}", "count", (json_int_t)UINT_MAX, "number",
                               (json_int_t)INT64_MAX, "time", "1970-01-01T00:00:02Z");
    assert_true(field_read_count(object, "count", &count));
    assert_true(field_read_number(object, "number", &number));
    assert_true(field_read_time(object, "time", &ms));
    assert_true(field_read_text(object, "time", &text));
    assert_int_equal(count, UINT_MAX);
    assert_true(number == INT64_MAX);
    assert_int_equal(ms, 2000);
    assert_string_equal(text, "1970-01-01T00:00:02Z");
    free(text);
    json_decref(object);
}

static void values_of_another_kind_are_refused(void **state)
{
    (void)state;
    unsigned count = 7;
    int64_t number = 8, ms = 9;
    char *text = NULL;
    json_t *object = json_pack("{s:I, s:i, s:f, s:s}", "large", (json_int_t)UINT_MAX + 1,
                               "negative", -1, "real", 1.0, "word", "noon");
    assert_false(field_read_count(object, "large", &count));
    assert_false(field_read_count(object, "negative", &count));
    assert_false(field_read_count(object, "real", &count));
    assert_false(field_read_number(object, "negative", &number));
    assert_false(field_read_number(object, "word", &number));
    assert_false(field_read_time(object, "word", &ms));
    assert_false(field_read_time(object, "large", &ms));
    assert_false(field_read_text(object, "large", &text));
    assert_int_equal(count, 7);
    assert_int_equal(number, 8);
    assert_int_equal(ms, 9);
    assert_null(text);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_repaired),
        cmocka_unit_test(strings_are_cut_between_characters),
        cmocka_unit_test(members_are_written_or_null),
        cmocka_unit_test(what_is_absent_or_null_leaves_the_value_alone),
        cmocka_unit_test(what_is_there_is_read),
        cmocka_unit_test(values_of_another_kind_are_refused),
    };
    return UNIT_RUN(tests);
}
