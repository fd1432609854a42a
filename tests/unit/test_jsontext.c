/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_jsontext: JSON text in and out; the vectors of RFC 8785 are in test_canonical. */
#include "unit.h"

#include <string.h>

#include "base/jsontext.h"
#include "base/utf8.h"

typedef json_t *reader(const char *text, size_t length, struct error *error);
typedef void writer(struct buffer *out, const json_t *value);

/* Reads text from memory of exactly its size, so that reading behind its end is seen. */
static json_t *read_text(reader *read, const char *text, struct error *error)
{
    size_t length = strlen(text);
    char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    json_t *value = read(copy, length, error);
    free(copy);
    return value;
}

static void check_written(reader *read, writer *write, const char *text, const char *wanted)
{
    struct error error;
    struct buffer out = {0};
    json_t *value = read_text(read, text, &error);
    if (value == NULL) {
        fail_msg("%s was refused: %s", text, error.text);
    }
    write(&out, value);
    assert_string_equal(out.bytes, wanted);
    assert_int_equal(out.length, strlen(wanted));
    json_decref(value);
    buffer_free(&out);
}

static void check_refused(reader *read, const char *text, const char *wanted)
{
    struct error error = {ERROR_NONE, ""};
    json_t *value = read_text(read, text, &error);
    if (value != NULL) {
        json_decref(value);
        fail_msg("%s was taken", text);
    }
    assert_int_equal(error.kind, ERROR_DATA);
    if (strstr(error.text, wanted) == NULL) {
        fail_msg("for %s: \"%s\" does not say \"%s\"", text, error.text, wanted);
    }
}

static void compact_text_keeps_the_order_of_keys(void **state)
{
    (void)state;
    check_written(jsontext_read, jsontext_write,
                  " { \"b\" : [ 1 , true , false , null ] , \"a\" : { } , \"c\" : [ ] , "
                  "\"\" : \"x\" } ",
                  "{\"b\":[1,true,false,null],\"a\":{},\"c\":[],\"\":\"x\"}");
    check_written(jsontext_read, jsontext_write, "\"alone\"", "\"alone\"");
    check_written(jsontext_read, jsontext_write, "null", "null");
}

static void pretty_text_is_indented_by_two_spaces(void **state)
{
    (void)state;
    check_written(jsontext_read, jsontext_write_pretty, "{\"a\":[1,{\"b\":[]}],\"c\":{}}",
                  "{\n"
                  "  \"a\": [\n"
                  "    1,\n"
                  "    {\n"
                  "      \"b\": []\n"
                  "    }\n"
                  "  ],\n"
                  "  \"c\": {}\n"
                  "}");
}

static void writing_appends(void **state)
{
    (void)state;
    struct buffer out = {0};
    json_t *value = json_true();
    buffer_text(&out, "x");
    jsontext_write(&out, value);
    jsontext_write_canonical(&out, value);
    assert_string_equal(out.bytes, "xtruetrue");
    buffer_free(&out);
}

static void integers_are_exact_but_canonical_ones_are_doubles(void **state)
{
    (void)state;
    const char *text = "[9223372036854775807,-9223372036854775808,9007199254740993,-1,0,-0]";
    check_written(jsontext_read_lenient, jsontext_write, text,
                  "[9223372036854775807,-9223372036854775808,9007199254740993,-1,0,0]");
    check_written(jsontext_read_lenient, jsontext_write_canonical, text,
                  "[9223372036854776000,-9223372036854776000,9007199254740992,-1,0,0]");
}

static void reals_are_written_as_ecmascript_does(void **state)
{
    (void)state;
    check_written(jsontext_read, jsontext_write,
                  "[0.1,1.0,-0.0,1e21,1e20,123456.789e3,1E-6,1e-7,-2.5e-10,1e-400]",
                  "[0.1,1,0,1e+21,100000000000000000000.0,123456789,0.000001,1e-7,-2.5e-10,0]");
}

static void what_was_written_reads_back(void **state)
{
    (void)state;
    const char *const texts[] = {
        "[9007199254740991,9007199254740992.0,-9007199254740994.0]",
        "[100000000000000000000.0,-9223372036854776000.0,1e+21,1.7976931348623157e+308,5e-324]",
    };
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        check_written(jsontext_read, jsontext_write, texts[i], texts[i]);
        check_written(jsontext_read_lenient, jsontext_write, texts[i], texts[i]);
    }
}

static void what_servers_write_beyond_int64_becomes_doubles(void **state)
{
    (void)state;
    check_written(jsontext_read_lenient, jsontext_write, "[18446744073709551616,7]",
                  "[18446744073709552000.0,7]");
    check_written(jsontext_read_object, jsontext_write_canonical, "{\"a\":18446744073709551616}",
                  "{\"a\":18446744073709552000}");
    check_refused(jsontext_read_lenient, "[18446744073709551616,1e400]", "");
    check_refused(jsontext_read_lenient, "[18446744073709551616,]", "");
}

static void integers_beyond_i_json_are_refused_with_advice(void **state)
{
    (void)state;
    check_written(jsontext_read, jsontext_write, "[9007199254740991,-9007199254740991]",
                  "[9007199254740991,-9007199254740991]");
    check_refused(jsontext_read, "9007199254740992", "line 1, column 1: ");
    check_refused(jsontext_read, "-9007199254740992", "write it as a string");
    check_refused(jsontext_read, "[9007199254740991,\n 9007199254740993]", "line 2, column 2: ");
    check_refused(jsontext_read, "{\"\xC3\xBC\":18446744073709551616}", "line 1, column 6: ");
    check_refused(jsontext_read, "123456789012345678901234567890", "write it as a string");
    /* Not integers, and not numbers at all. */
    check_written(jsontext_read, jsontext_write, "9007199254740993.0", "9007199254740992.0");
    check_written(jsontext_read, jsontext_write, "90071992547409930e2", "9007199254740993000.0");
    check_written(jsontext_read, jsontext_write, "\"\\\"9007199254740993\"",
                  "\"\\\"9007199254740993\"");
}

/* depth levels of brackets around nothing */
static char *nested(size_t depth, char open, char close)
{
    char *text = malloc(2 * depth + 1);
    assert_non_null(text);
    memset(text, open, depth);
    memset(text + depth, close, depth);
    text[2 * depth] = '\0';
    return text;
}

static void nesting_ends_at_64_levels(void **state)
{
    (void)state;
    struct error error;
    char *deepest = nested(JSONTEXT_DEPTH, '[', ']');
    char *deeper = nested(JSONTEXT_DEPTH + 1, '[', ']');
    json_t *value = jsontext_read(deepest, strlen(deepest), &error);
    assert_non_null(value);
    json_decref(value);
    check_refused(jsontext_read, deeper, "line 1, column 65: nested more than 64 levels deep");
    value = jsontext_read_lenient(deeper, strlen(deeper), &error);
    assert_non_null(value);
    json_decref(value);
    free(deepest);
    free(deeper);
    char *bomb = nested(1000000, '[', ']');
    check_refused(jsontext_read, bomb, "64 levels");
    check_refused(jsontext_read_lenient, bomb, "");
    free(bomb);
}

static void brackets_side_by_side_or_in_strings_are_not_depth(void **state)
{
    (void)state;
    struct buffer text = {0};
    struct error error;
    buffer_text(&text, "[\"[[[[\\\"[[[[{{{{\"");
    for (int i = 0; i < 200; i++) {
        buffer_text(&text, ",[{}]");
    }
    buffer_byte(&text, ']');
    json_t *value = jsontext_read(text.bytes, text.length, &error);
    assert_non_null(value);
    json_decref(value);
    buffer_free(&text);
}

static void keys_that_are_there_twice_are_named(void **state)
{
    (void)state;
    check_refused(jsontext_read, "{\"a\":1,\n\"b\":{\"c\":1,\"\\u0063\":2}}", "line 2");
    check_refused(jsontext_read, "{\"key\":1,\"key\":1}", "\"key\"");
    check_written(jsontext_read_lenient, jsontext_write, "{\"a\":1,\"a\":2}", "{\"a\":2}");
}

static void what_is_not_unicode_is_refused(void **state)
{
    (void)state;
    reader *const readers[] = {jsontext_read, jsontext_read_lenient};
    for (size_t i = 0; i < UNIT_COUNT(readers); i++) {
        check_refused(readers[i], "\"\\ud800\"", "line 1");
        check_refused(readers[i], "\"\\udc00\\ud800\"", "");
        check_refused(readers[i], "{\"\\ud83d\":1}", "");
        check_refused(readers[i], "\"\xED\xA0\x80\"", "");
        check_refused(readers[i], "\"\xC0\xAF\"", "");
        check_refused(readers[i], "\"\xFF\"", "");
        check_refused(readers[i], "\"\\u0000\"", "\\u0000");
        check_refused(readers[i], "{\"\\u0000\":1}", "\\u0000");
        check_refused(readers[i], "\xEF\xBB\xBF{}", "");
    }
    check_written(jsontext_read, jsontext_write, "\"\\ud83d\\ude02\"", "\"\xF0\x9F\x98\x82\"");
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "",    " ",       "{",      "[1,",   "[1,]",  "{\"a\":1,}", "{a:1}",  "'a'",   "01",
        "1.",  ".5",      "+1",     "-",     "1e",    "NaN",        "nul",    "[1] x", "{} {}",
        "\"a", "\"\\x\"", "\"\t\"", "[1 2]", "/**/1", "1e400",      "-1e400", "\"\\",  "\"",
    };
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        check_refused(jsontext_read, wrong[i], "");
        check_refused(jsontext_read_lenient, wrong[i], "");
    }
    struct error error;
    assert_null(jsontext_read("[\0]", 3, &error));
    assert_null(jsontext_read("[]\0", 3, &error));
    assert_null(jsontext_read("[\n1\0]", 5, &error));
    assert_string_equal(error.text, "line 2, column 2: a NUL byte, which is not allowed");
    assert_null(jsontext_read_lenient("[1\0]", 4, &error));
}

static void errors_name_line_and_column_and_never_quote_the_text(void **state)
{
    (void)state;
    struct error error;
    const char *text = "{\"prompt\":\n \"a secret\" \"another secret\"}";
    assert_null(jsontext_read(text, strlen(text), &error));
    assert_non_null(strstr(error.text, "line 2, column "));
    assert_null(strstr(error.text, "secret"));
    assert_null(jsontext_read(text, strlen(text), NULL));
}

static void only_objects_are_lines_of_ours(void **state)
{
    (void)state;
    check_written(jsontext_read_object, jsontext_write, "{\"a\":9007199254740993}\n",
                  "{\"a\":9007199254740993}");
    check_refused(jsontext_read_object, "[]", "not a JSON object");
    check_refused(jsontext_read_object, "1", "not a JSON object");
    check_refused(jsontext_read_object, "{", "line 1");
}

static void check_string(const char *text, size_t length, const char *wanted)
{
    struct buffer out = {0};
    jsontext_write_string(&out, text, length);
    assert_string_equal(out.bytes, wanted);
    buffer_free(&out);
}

static void strings_escape_what_they_must_and_no_more(void **state)
{
    (void)state;
    check_string("", 0, "\"\"");
    check_string("\b\t\n\f\r\"\\", 7, "\"\\b\\t\\n\\f\\r\\\"\\\\\"");
    check_string("\x00\x01\x0B\x1F", 4, "\"\\u0000\\u0001\\u000b\\u001f\"");
    check_string("/\x7F<\xE2\x80\xA8\xC3\xBC\xF0\x9F\x98\x82", 12,
                 "\"/\x7F<\xE2\x80\xA8\xC3\xBC\xF0\x9F\x98\x82\"");
}

static void invalid_bytes_become_replacement_characters(void **state)
{
    (void)state;
    check_string("a\xFF"
                 "b",
                 3,
                 "\"a\xEF\xBF\xBD"
                 "b\"");
    check_string("\xC3", 1, "\"\xEF\xBF\xBD\"");
    check_string("\xC3\xBC\xC3", 3, "\"\xC3\xBC\xEF\xBF\xBD\"");
    for (int byte = 0; byte < 256; byte++) {
        char text[3] = {'x', (char)byte, 'y'};
        struct buffer out = {0};
        struct error error;
        jsontext_write_string(&out, text, sizeof text);
        assert_true(utf8_valid(out.bytes, out.length));
        if (byte > 0) {
            json_t *value = jsontext_read(out.bytes, out.length, &error);
            assert_non_null(value);
            json_decref(value);
        }
        buffer_free(&out);
    }
}

static void members_have_defaults(void **state)
{
    (void)state;
    struct error error;
    const char *text = "{\"t\":\"text\",\"i\":7,\"r\":-2.9,\"b\":true,\"n\":null,\"f\":false,"
                       "\"big\":1e300}";
    json_t *object = jsontext_read(text, strlen(text), &error);
    assert_non_null(object);
    assert_string_equal(jsontext_get_text(object, "t", "no"), "text");
    assert_string_equal(jsontext_get_text(object, "i", "no"), "no");
    assert_string_equal(jsontext_get_text(object, "n", "no"), "no");
    assert_null(jsontext_get_text(object, "absent", NULL));
    assert_int_equal(jsontext_get_int(object, "i", 1), 7);
    assert_true(jsontext_get_int(object, "r", 1) == -2);
    assert_int_equal(jsontext_get_int(object, "t", 1), 1);
    assert_int_equal(jsontext_get_int(object, "big", 1), 1);
    assert_int_equal(jsontext_get_int(object, "absent", 1), 1);
    assert_true(jsontext_get_bool(object, "b", false));
    assert_false(jsontext_get_bool(object, "f", true));
    assert_true(jsontext_get_bool(object, "n", true));
    assert_false(jsontext_get_bool(object, "absent", false));
    assert_string_equal(jsontext_get_text(NULL, "t", "no"), "no");
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compact_text_keeps_the_order_of_keys),
        cmocka_unit_test(pretty_text_is_indented_by_two_spaces),
        cmocka_unit_test(writing_appends),
        cmocka_unit_test(integers_are_exact_but_canonical_ones_are_doubles),
        cmocka_unit_test(reals_are_written_as_ecmascript_does),
        cmocka_unit_test(what_was_written_reads_back),
        cmocka_unit_test(what_servers_write_beyond_int64_becomes_doubles),
        cmocka_unit_test(integers_beyond_i_json_are_refused_with_advice),
        cmocka_unit_test(nesting_ends_at_64_levels),
        cmocka_unit_test(brackets_side_by_side_or_in_strings_are_not_depth),
        cmocka_unit_test(keys_that_are_there_twice_are_named),
        cmocka_unit_test(what_is_not_unicode_is_refused),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(errors_name_line_and_column_and_never_quote_the_text),
        cmocka_unit_test(only_objects_are_lines_of_ours),
        cmocka_unit_test(strings_escape_what_they_must_and_no_more),
        cmocka_unit_test(invalid_bytes_become_replacement_characters),
        cmocka_unit_test(members_have_defaults),
    };
    return UNIT_RUN(tests);
}
